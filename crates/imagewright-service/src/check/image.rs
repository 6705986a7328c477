//! Checking images in the store.

use std::io::Read;

use imagewright_check::{ImageSubject, LayerContents, check_image};
use imagewright_engine::{Cancel, EngineError};
use imagewright_layer::{EntryKind, LayerError, LayerReader, decompress};
use imagewright_model::Progress;
use imagewright_oci::Descriptor;
use imagewright_store::{Image, StoreError};

use super::{CheckCommand, Checked};
use crate::{Service, ServiceError};

/// What was read in a layer, under its digest. The number grows when more is taken from it.
const FACT: &str = "layer-contents-1";

impl Service {
    pub(super) fn check_image(
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
