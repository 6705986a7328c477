//! What a command works with: the service on its store, settings, and the way results are printed.

use std::ffi::OsString;
use std::path::PathBuf;

use imagewright_model::{BuildSettings, ErrorKind};
use imagewright_sandbox::Helper;
use imagewright_service::Service;

use crate::cli::Global;
use crate::failure::Failure;
use crate::settings::{self, Settings};
use crate::start::HELPER_ARGUMENT;

/// Opens the service with the settings of all sources, flags last.
pub(crate) fn open(global: &Global, overrides: Settings) -> Result<Service, Failure> {
    let settings = settings::load(global.config.as_deref(), overrides)?;
    let root = store_root(global, &settings)?;
    let engines = settings.engines();
    let mut machine = settings::own_machine::gather();
    // Where a Docker Engine is elsewhere, images are not taken from it.
    if let Some(socket) = engines.docker.host.as_deref().and_then(|host| host.strip_prefix("unix://")) {
        machine.docker_socket = PathBuf::from(socket);
    }
    let Settings { apt, conda, python, trust, registry, .. } = settings;
    let build = BuildSettings { apt, conda, python, trust };
    let credentials = settings::machine::credential_files();
    let service = Service::open(&root, helper()?, build, machine, registry, credentials)?;
    Ok(service.with_engines(engines))
}

/// The folder of the content store.
pub(crate) fn store_root(global: &Global, settings: &Settings) -> Result<PathBuf, Failure> {
    match global.root.clone().or_else(|| settings.root.clone()) {
        Some(root) => Ok(root),
        None => default_root(),
    }
}

/// Ourselves, by the name the kernel knows us under: right even while the file is replaced.
fn helper() -> Result<Helper, Failure> {
    let program = std::env::current_exe()?;
    Ok(Helper { program, arguments: vec![OsString::from(HELPER_ARGUMENT)] })
}

fn default_root() -> Result<PathBuf, Failure> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|data| data.join("imagewright"))
        .ok_or_else(|| {
            Failure::new(
                ErrorKind::Usage,
                "no place for the content store: neither XDG_DATA_HOME nor HOME is set",
            )
            .with_hint("name one with --root or IMAGEWRIGHT_ROOT")
        })
}
