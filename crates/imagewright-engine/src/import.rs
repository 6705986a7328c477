//! Takes images into the store from wherever they may come.

use std::io::Read;

use imagewright_model::Progress;
use imagewright_model::spec::BaseSource;
use imagewright_oci::Reference;
use imagewright_store::ImageRecord;
use imagewright_store::transfer::{ImportSource, TransferError};

use crate::Engine;
use crate::docker_daemon::DockerDaemon;
use crate::error::EngineError;

impl Engine {
    /// Imports the images of `source` under the names they have there, or the one image under `name`.
    pub fn import(
        &self,
        source: &BaseSource,
        name: Option<&Reference>,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Vec<ImageRecord>, EngineError> {
        let _lease = self.store.lease(|| {})?;
        let import = match file_source(source) {
            Some(import) => import,
            None => match source {
                BaseSource::DockerDaemon(reference) => {
                    DockerDaemon::new(self.machine.docker_socket.clone()).stream(reference)?
                }
                _ => return Err(EngineError::BaseNotFound(source.clone())),
            },
        };
        Ok(self.store.import(import, name, progress)?)
    }

    /// Imports the one image of an archive, Docker's or OCI's, that comes as a stream, under all of these names.
    pub fn import_stream(
        &self,
        origin: &str,
        reader: Box<dyn Read + Send>,
        names: &[Reference],
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<ImageRecord, EngineError> {
        let _lease = self.store.lease(|| {})?;
        let source = ImportSource::DockerStream { origin: origin.to_owned(), reader };
        let mut imported = self.store.import(source, names.first(), progress)?;
        let mut image = imported.pop().ok_or_else(|| TransferError::Empty { origin: origin.to_owned() })?;
        for name in names.iter().skip(1) {
            image = self.store.tag(&image, name)?;
        }
        Ok(image)
    }
}

/// The import that a folder or archive stands for; none for what is neither.
pub(crate) fn file_source(source: &BaseSource) -> Option<ImportSource> {
    let (path, reference) = match source {
        BaseSource::OciDirectory { path, reference }
        | BaseSource::OciArchive { path, reference }
        | BaseSource::DockerArchive { path, reference } => (path.clone(), reference.clone()),
        BaseSource::Bootstrap { .. } | BaseSource::DockerDaemon(_) | BaseSource::Image(_) => return None,
    };
    Some(match source {
        BaseSource::OciDirectory { .. } => ImportSource::OciDirectory { path, reference },
        BaseSource::OciArchive { .. } => ImportSource::OciArchive { path, reference },
        _ => ImportSource::DockerArchive { path, reference },
    })
}
