//! The last layer of the step: what conda reads to know what is installed.

use std::io::Cursor;

use imagewright_conda::package::InstalledPython;
use imagewright_conda::{Package, history};
use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;
use url::Url;

use super::bytecode::Compiled;
use super::layers::{CondaLayer, Installer};
use super::{CondaStep, Solution};
use crate::error::EngineError;
use crate::inventory;
use crate::package_layer::{PACKAGE_TIME, PackageLayer};
use crate::step::{self, StepLayer};

/// When everything of a package layer was made, as histories write it.
const TIME: &str = "2000-01-01 00:00:00";

impl CondaStep<'_> {
    /// The layer with the books.
    pub(super) fn books(
        &self,
        installer: &Installer<'_>,
        solution: &Solution,
        layers: &[CondaLayer],
        compiled: &[Compiled],
        python: Option<&InstalledPython>,
    ) -> Result<StepLayer, EngineError> {
        let wanted = &self.asked.wanted;
        let named = self
            .settings
            .image_channel_alias
            .as_deref()
            .map(|alias| format!("{}/", alias.trim_end_matches('/')));
        let named = named.and_then(|alias| Url::parse(&alias).ok());
        let mut files = Vec::new();
        for (number, (chosen, layer)) in solution.packages.iter().zip(layers).enumerate() {
            let bytecode = compiled.get(number).map(|compiled| &compiled.paths[..]).unwrap_or_default();
            let installed = installer.installed(chosen, python)?.with_bytecode(bytecode);
            let record = layer.package.book_record(&installed, wanted, named.as_ref());
            files.push((record.file, record.text));
        }
        files.sort();
        let come: Vec<Package> = layers.iter().map(|layer| layer.package.clone()).collect();
        let before = match solution.facts.installed.is_empty() {
            true => String::new(),
            false => solution.facts.history(self.context)?,
        };
        files.push(("history".to_owned(), before + &history(TIME, &solution.replaced(), &come, wanted)));
        let layer = self.write_books(installer, solution, &files)?;
        Ok(StepLayer { layer: layer.layer, title: Some("conda-meta".to_owned()) })
    }

    fn write_books(
        &self,
        installer: &Installer<'_>,
        solution: &Solution,
        files: &[(String, String)],
    ) -> Result<PackageLayer, EngineError> {
        let site = self.context.site;
        let folder = format!("{}/conda-meta", solution.facts.prefix);
        let path = LayerPath::parse(folder.as_bytes()).expect("the prefix is a path");
        let folders = installer.folders([], [&path]);
        let digest = |(name, text): &(String, String)| (name.clone(), Digest::of(text.as_bytes()));
        let contents: Vec<(String, Digest)> = files.iter().map(digest).collect();
        let key = step::key(
            "conda-books",
            &(super::layers::version(), &folders, contents, site.compression.to_string()),
        );
        let known: Option<PackageLayer> = site.store.get_fact("conda-books", &key)?;
        if let Some(known) = known.filter(|known| known.is_stored(site)) {
            return Ok(known);
        }
        let owner = solution.facts.folder;
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            for (name, text) in files {
                let broken = |source| EngineError::PackageLayer { source };
                let path = path.join(name).map_err(|source| broken(source.into()))?;
                let entry = Entry {
                    uid: owner.uid,
                    gid: owner.gid,
                    mtime: PACKAGE_TIME,
                    ..Entry::new(path, EntryKind::File { size: text.len() as u64 }, 0o644)
                };
                writer.append(&entry, &mut Cursor::new(text)).map_err(broken)?;
            }
            Ok::<(), EngineError>(())
        };
        let layer = PackageLayer::write(site, folders, fill)?;
        inventory::put_nothing(site.store, &layer.layer)?;
        site.store.put_fact("conda-books", &key, &layer)?;
        Ok(layer)
    }
}
