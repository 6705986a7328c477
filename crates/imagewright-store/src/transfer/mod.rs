//! Images on their way into the store and out of it: image layouts in folders and archives, and Docker archives.
//!
//! What comes in is checked to the last byte before the image is listed; what goes out appears at once or not at all
//! and repeats to the byte. Registries are another crate's business.

mod archive;
mod bundle;
mod docker_import;
mod error;
mod export;
mod files;
mod layers;
mod oci_import;
mod tar_file;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use imagewright_oci::{Document, ImageConfig, Manifest, Reference};

pub use bundle::{Bundle, BundleWriter};
pub use error::TransferError;
pub use export::ExportTarget;

use archive::Archive;
use files::Files;

use crate::{ImageRecord, OnProgress, Store};

/// Where images come from.
///
/// An archive may be compressed as a whole with gzip or zstd. `reference` selects one of several images, by the name
/// or digest it has there.
pub enum ImportSource {
    /// A folder in the form of an OCI image layout.
    OciDirectory {
        /// The folder.
        path: PathBuf,
        /// Which image; all without it.
        reference: Option<String>,
    },
    /// A tar of an OCI image layout.
    OciArchive {
        /// The file.
        path: PathBuf,
        /// Which image; all without it.
        reference: Option<String>,
    },
    /// What `docker save`, `podman save` and `skopeo copy … docker-archive:` write.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Which image; all without it.
        reference: Option<String>,
    },
    /// A Docker archive that is not in a file, as a Docker daemon sends it.
    DockerStream {
        /// What errors call it.
        origin: String,
        /// The archive.
        reader: Box<dyn Read + Send>,
    },
}

impl fmt::Debug for ImportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OciDirectory { path, .. } => write!(f, "oci:{}", path.display()),
            Self::OciArchive { path, .. } => write!(f, "oci-archive:{}", path.display()),
            Self::DockerArchive { path, .. } => write!(f, "docker-archive:{}", path.display()),
            Self::DockerStream { origin, .. } => f.write_str(origin),
        }
    }
}

/// Which images of a source are wanted, and what they are called here.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    /// The name or digest of one image there; all images without it.
    reference: Option<&'a str>,
    /// What it is called here.
    naming: Naming<'a>,
}

/// What an imported image is called here.
#[derive(Clone, Copy, Debug)]
pub enum Naming<'a> {
    /// As it is called there.
    AsThere,
    /// This.
    As(&'a Reference),
    /// Nothing, and it is not listed: it serves something else.
    Unlisted,
}

impl<'a> From<Option<&'a Reference>> for Naming<'a> {
    fn from(name: Option<&'a Reference>) -> Self {
        name.map_or(Self::AsThere, Self::As)
    }
}

impl Wanted<'_> {
    /// Enters an image whose layers are in the store.
    fn put(
        self,
        store: &Store,
        manifest: &Document<Manifest>,
        config: &Document<ImageConfig>,
        names: impl FnOnce() -> Vec<Reference>,
    ) -> Result<ImageRecord, TransferError> {
        Ok(match self.naming {
            Naming::Unlisted => store.put_unlisted(manifest, config)?,
            Naming::AsThere | Naming::As(_) => store.put_image(manifest, config, &names())?,
        })
    }
}

impl Store {
    /// Takes images in, and lists them under the names they have there, if it is one image under a given name, or not at
    /// all.
    ///
    /// Of an image for several platforms the one for this machine is taken. A layout's layers are stored as they
    /// are; plain layers of a Docker archive are compressed, so that the manifest is ours and the image id is theirs.
    pub fn import<'a>(
        &self,
        source: ImportSource,
        naming: impl Into<Naming<'a>>,
        progress: OnProgress<'_>,
    ) -> Result<Vec<ImageRecord>, TransferError> {
        let naming = naming.into();
        match source {
            ImportSource::OciDirectory { path, reference } => {
                let wanted = Wanted { reference: reference.as_deref(), naming };
                oci_import::import(self, &Files::folder(path)?, wanted, progress)
            }
            ImportSource::OciArchive { path, reference } => {
                let wanted = Wanted { reference: reference.as_deref(), naming };
                let files = Files::Archive(Archive::open(self, &path, progress)?);
                match files.holds(crate::layout::MARKER) || !files.holds(docker_import::MANIFEST) {
                    true => oci_import::import(self, &files, wanted, progress),
                    false => docker_import::import(self, &files, wanted, progress),
                }
            }
            ImportSource::DockerArchive { path, reference } => {
                let wanted = Wanted { reference: reference.as_deref(), naming };
                let archive = Archive::open(self, &path, progress)?;
                self.import_docker(archive, wanted, progress)
            }
            ImportSource::DockerStream { origin, reader } => {
                let archive = Archive::spool(self, reader, &origin, progress)?;
                self.import_docker(archive, Wanted { reference: None, naming }, progress)
            }
        }
    }

    /// An archive that is called Docker's but holds an image layout alone is taken as that.
    fn import_docker(
        &self,
        archive: Archive,
        wanted: Wanted<'_>,
        progress: OnProgress<'_>,
    ) -> Result<Vec<ImageRecord>, TransferError> {
        let files = Files::Archive(archive);
        match files.holds(docker_import::MANIFEST) || !files.holds(crate::layout::MARKER) {
            true => docker_import::import(self, &files, wanted, progress),
            false => oci_import::import(self, &files, wanted, progress),
        }
    }
}

/// Checks that one name is not asked for several images.
fn refuse_one_name_for_several(
    origin: &str,
    wanted: Wanted<'_>,
    available: &[String],
) -> Result<(), TransferError> {
    if matches!(wanted.naming, Naming::As(_)) && available.len() > 1 {
        return Err(TransferError::SeveralImages {
            origin: origin.to_owned(),
            available: available.to_vec(),
        });
    }
    Ok(())
}
