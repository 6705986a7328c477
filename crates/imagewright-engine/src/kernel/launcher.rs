//! The program or archive that kernels are started by: where it is, and what it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use imagewright_model::TrustSettings;
use imagewright_model::spec::{ArchiveAddress, KernelChoice, Launcher, LauncherArchive, Origin};
use imagewright_oci::{Digest, Hasher};
use imagewright_store::Store;

use super::archive::ImageFiles;
use super::error::KernelError;
use crate::dockerfile::Download;
use crate::error::EngineError;
use crate::reporter::StepReporter;
use crate::workbench::Site;

/// What our launcher is called, among the tools of a store and in images.
pub const KERNEL_LAUNCHER: &str = "imagewright-kernel-launcher";
/// Where launchers are in images.
pub(crate) const FOLDER: &str = "/usr/local/bin";

/// Where our launcher is among the tools of a store, whether it is there or not.
pub fn kernel_launcher_of(store: &Store) -> PathBuf {
    store.tools_dir().join(KERNEL_LAUNCHER)
}

/// Where our launcher is in images, which is what their containers start.
pub fn kernel_launcher_path() -> String {
    format!("{FOLDER}/{KERNEL_LAUNCHER}")
}

/// A launcher that is here.
#[derive(Clone, Debug)]
pub(super) struct FoundLauncher {
    /// The program, or the archive.
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) is_archive: bool,
}

/// Sees, before anything is done, that a launcher of this machine is here and is one.
pub(crate) fn check_launcher(store: &Store, kernel: Option<&KernelChoice>) -> Result<(), EngineError> {
    let Some(kernel) = kernel else { return Ok(()) };
    let found = match &kernel.launcher {
        Launcher::Imagewright => FoundLauncher::ours(store, &kernel.origin)?,
        Launcher::EnterpriseGateway(LauncherArchive { place: ArchiveAddress::Url(_), .. }) => return Ok(()),
        Launcher::EnterpriseGateway(archive @ LauncherArchive { place: ArchiveAddress::Path(path), .. }) => {
            FoundLauncher::archive(path.clone(), archive, &kernel.origin)?
        }
    };
    found.check(kernel)
}

impl FoundLauncher {
    /// Finds the launcher, or fetches it.
    pub(super) fn find(
        site: Site<'_>,
        trust: &TrustSettings,
        kernel: &KernelChoice,
        report: &StepReporter<'_>,
    ) -> Result<Self, EngineError> {
        let origin = &kernel.origin;
        match &kernel.launcher {
            Launcher::Imagewright => Self::ours(site.store, origin),
            Launcher::EnterpriseGateway(archive) => Self::of_gateway(site, trust, archive, origin, report),
        }
    }

    fn ours(store: &Store, origin: &Origin) -> Result<Self, EngineError> {
        let path = kernel_launcher_of(store);
        if !path.is_file() {
            return Err(KernelError::NoLauncher { origin: origin.clone(), path }.into());
        }
        let (digest, size) = digest_of(&path, origin)?;
        Ok(Self { path, name: KERNEL_LAUNCHER.to_owned(), digest, size, is_archive: false })
    }

    fn of_gateway(
        site: Site<'_>,
        trust: &TrustSettings,
        archive: &LauncherArchive,
        origin: &Origin,
        report: &StepReporter<'_>,
    ) -> Result<Self, EngineError> {
        let path = match &archive.place {
            ArchiveAddress::Path(path) => path.clone(),
            ArchiveAddress::Url(url) => {
                Download::new(site, trust, report, url, archive.digest.as_ref())?.path
            }
        };
        Self::archive(path, archive, origin)
    }

    fn archive(path: PathBuf, archive: &LauncherArchive, origin: &Origin) -> Result<Self, EngineError> {
        let (digest, size) = digest_of(&path, origin)?;
        if let Some(expected) = archive.digest.as_ref().filter(|expected| **expected != digest) {
            let (expected, found) = (expected.hex().to_owned(), digest.hex().to_owned());
            return Err(KernelError::OtherHash { origin: origin.clone(), path, expected, found }.into());
        }
        Ok(Self { path, name: archive.file_name(), digest, size, is_archive: true })
    }

    /// Sees that it can start the kernel.
    pub(super) fn check(&self, kernel: &KernelChoice) -> Result<(), EngineError> {
        match self.is_archive {
            true => Ok(ImageFiles::read(self, &kernel.origin)?.check_language(&kernel.language)?),
            false => Ok(()),
        }
    }
}

fn digest_of(path: &Path, origin: &Origin) -> Result<(Digest, u64), EngineError> {
    let unreadable =
        |source| KernelError::Unreadable { origin: origin.clone(), path: path.to_owned(), source };
    let (mut hasher, mut size) = (Hasher::default(), 0);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(unreadable(source).into()),
        }
    }
}
