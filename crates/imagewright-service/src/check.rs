//! Checking Dockerfiles and images by rules.

use std::io::Read;
use std::path::{Path, PathBuf};

use imagewright_check::{
    ImageSubject, LayerContents, Surroundings, check_dockerfile, check_image, unknown_names,
};
use imagewright_dockerfile::{Dockerfile, PlanRequest};
use imagewright_engine::{Cancel, EngineError};
use imagewright_layer::{EntryKind, LayerError, LayerReader, decompress};
use imagewright_model::Progress;
use imagewright_oci::{Descriptor, Platform, Reference};
use imagewright_store::{Image, StoreError};

pub use imagewright_check::{Finding, Level, Rule, Selection, UnknownRule, rule, rules};

use crate::advice::Around;
use crate::dockerfile::{Written, bases, dockerfile_in, named_contexts};
use crate::{Service, ServiceError};

/// What was read in a layer, under its digest. The number grows when more is taken from it.
const FACT: &str = "layer-contents-1";

/// What a user wants checked.
#[derive(Clone, Debug, Default)]
pub struct CheckCommand {
    /// A Dockerfile, a folder with one, or an image in the store.
    pub subject: String,
    /// The Dockerfile, where the subject is the folder that files are copied from.
    pub file: Option<PathBuf>,
    /// The stage that is meant; default: the last.
    pub target: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// Names that stand for a folder or an image, as for a build.
    pub contexts: Vec<(String, String)>,
    /// The rules.
    pub selection: Selection,
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was looked at: a Dockerfile or an image.
    pub subject: String,
    /// What was found, by line.
    pub findings: Vec<Finding>,
    /// What a person should know beside: what could not be looked at.
    pub notes: Vec<String>,
}

impl Service {
    /// Checks a Dockerfile or an image.
    ///
    /// # Errors
    /// Where there is no such thing, or it cannot be read; what is wrong with a Dockerfile as a build would say it.
    pub fn check(
        &self,
        command: &CheckCommand,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Checked, ServiceError> {
        let path = Path::new(&command.subject);
        if path.is_dir() {
            let file = dockerfile_in(path, command.file.as_deref());
            return self.check_dockerfile(command, path, &file);
        }
        if path.exists() && command.file.is_none() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return self.check_dockerfile(command, folder.unwrap_or(Path::new(".")), path);
        }
        self.check_image(command, cancel, progress)
    }

    fn check_dockerfile(
        &self,
        command: &CheckCommand,
        context: &Path,
        file: &Path,
    ) -> Result<Checked, ServiceError> {
        let written = Written::read(file)?;
        let (contexts, _) = named_contexts(&command.contexts)?;
        let plan = Dockerfile::parse(&written.file, &written.text)?.plan(&PlanRequest {
            target: command.target.clone(),
            arguments: command.arguments.clone(),
            contexts,
            platform: Platform::host(),
            build_platform: Platform::host(),
        })?;
        let _lease = self.store().lease(|| {})?;
        let around = Around { store: self.store(), context };
        let Written { file, text } = &written;
        let findings = check_dockerfile((file, text), &plan, &around, &command.selection)?;
        let mut notes = plan.warnings.clone();
        notes.extend(unknown_names(file, text)?);
        let mut unknown: Vec<Reference> = bases(&plan);
        unknown.retain(|base| around.base(base).is_none());
        unknown.dedup();
        notes.extend(unknown.iter().map(|base| {
            format!("the base `{base}` is not in the store, so what it brings was not looked at: `imagewright pull {base}`")
        }));
        Ok(Checked { subject: written.file, findings, notes })
    }

    fn check_image(
        &self,
        command: &CheckCommand,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Checked, ServiceError> {
        let name = &command.subject;
        let _lease = self.store().lease(|| {})?;
        let record = match self.store().resolve(name) {
            Err(StoreError::ImageNotFound { .. } | StoreError::Reference(_)) => {
                return Err(ServiceError::NothingToCheck { name: name.clone() });
            }
            record => record?,
        };
        let image = self.store().image(&record.manifest)?;
        let layers = self.layers(&image, cancel, progress)?;
        let missing = layers.iter().filter(|layer| layer.is_none()).count();
        let subject = ImageSubject { name, manifest: &image.manifest, config: &image.config, layers };
        let findings = check_image(&subject, &command.selection);
        let mut notes = Vec::new();
        if missing > 0 {
            let layers = if missing == 1 { "1 layer is".to_owned() } else { format!("{missing} layers are") };
            notes.push(format!(
                "{layers} not in the store and was not looked at: `imagewright image fetch {name}`"
            ));
        }
        Ok(Checked { subject: name.clone(), findings, notes })
    }

    /// What is in the layers of an image; none for those that were left in a registry.
    fn layers(
        &self,
        image: &Image,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Vec<Option<LayerContents>>, ServiceError> {
        let total = image.manifest.layers.iter().map(|layer| layer.size).sum();
        let mut done = 0;
        let mut all = Vec::new();
        for layer in &image.manifest.layers {
            progress("looking through the layers", Progress { done, total: Some(total) });
            all.push(self.contents(layer, cancel)?);
            done += layer.size;
        }
        Ok(all)
    }

    /// What is in a layer: as it was found out once, or read now.
    fn contents(&self, layer: &Descriptor, cancel: &Cancel) -> Result<Option<LayerContents>, ServiceError> {
        let store = self.store();
        if let Some(known) = store.get_fact(FACT, &layer.digest)? {
            return Ok(Some(known));
        }
        if !store.has_blob(&layer.digest) {
            return Ok(None);
        }
        let blob = store.open_blob(&layer.digest)?;
        let contents = read_contents(blob, cancel).map_err(|source| match cancel.is_cancelled() {
            true => EngineError::Cancelled.into(),
            false => ServiceError::Layer { digest: layer.digest.clone(), source },
        })?;
        store.put_fact(FACT, &layer.digest, &contents)?;
        Ok(Some(contents))
    }
}

/// Reads what counts in a layer. Only names are looked at; nothing is unpacked.
fn read_contents(blob: impl Read, cancel: &Cancel) -> Result<LayerContents, LayerError> {
    let unreadable = |source| LayerError::Read { source };
    let mut contents = LayerContents::default();
    let plain = decompress(blob).map_err(unreadable)?;
    LayerReader::new(plain).for_each(|entry, _| {
        cancel.stop().check().map_err(unreadable)?;
        let path = entry.path.as_path().to_string_lossy();
        match entry.kind {
            EntryKind::File { size } => contents.add(&path, size),
            EntryKind::Whiteout => contents.remove(&path),
            _ => {}
        }
        Ok::<_, LayerError>(())
    })?;
    Ok(contents)
}
