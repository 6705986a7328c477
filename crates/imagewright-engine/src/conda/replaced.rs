//! Packages of the base that others replace: a layer that takes their files away, below those of the new ones.

use std::collections::BTreeSet;

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_store::BlobWriter;

use super::Solution;
use super::layers::Installer;
use crate::error::EngineError;
use crate::package_layer::{PACKAGE_TIME, PackageLayer};
use crate::step::{self, StepContext, StepLayer};

/// A layer without the files of the packages that are replaced; none where none are.
pub(super) fn layer(
    context: StepContext<'_>,
    installer: &Installer<'_>,
    solution: &Solution,
) -> Result<Option<StepLayer>, EngineError> {
    let gone = solution.replaced();
    if gone.is_empty() {
        return Ok(None);
    }
    let site = context.site;
    let shown: Vec<String> =
        gone.iter().map(|package| format!("{} {}", package.name(), package.version())).collect();
    let what = (context.parent(), gone.iter().map(imagewright_conda::Package::shown).collect::<Vec<_>>());
    let key = step::key("conda-replaced", &(what, &solution.facts.prefix, site.compression.to_string()));
    let known: Option<PackageLayer> = site.store.get_fact("conda-replaced", &key)?;
    let layer = match known.filter(|known| known.is_stored(site)) {
        Some(known) => known,
        None => {
            context.report.status(format!("taking away {}", shown.join(", ")));
            let files: BTreeSet<String> = solution.facts.files_of(context, &gone)?.into_iter().collect();
            let paths: Vec<LayerPath> =
                files.iter().filter_map(|path| LayerPath::parse(path.as_bytes()).ok()).collect();
            let folders = installer.folders(&paths, []);
            let layer = PackageLayer::write(site, folders, |writer| write(writer, paths))?;
            site.store.put_fact("conda-replaced", &key, &layer)?;
            layer
        }
    };
    Ok(Some(StepLayer { layer: layer.layer, title: Some(format!("replace {}", shown.join(", "))) }))
}

fn write(writer: &mut PackageWriter<BlobWriter>, gone: Vec<LayerPath>) -> Result<(), EngineError> {
    for path in gone {
        let entry = Entry { mtime: PACKAGE_TIME, ..Entry::new(path, EntryKind::Whiteout, 0) };
        let written = writer.append(&entry, &mut std::io::empty());
        written.map_err(|source| EngineError::PackageLayer { source })?;
    }
    Ok(())
}
