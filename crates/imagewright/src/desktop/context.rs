//! What a command works with: the service and settings. There is no store.

use imagewright_service::Service;

use crate::cli::Global;
use crate::failure::Failure;
use crate::settings::{self, Settings};

/// The service with the settings of all sources, flags last.
pub(crate) fn open(global: &Global, overrides: Settings) -> Result<Service, Failure> {
    let settings = settings::load(global.config.as_deref(), overrides)?;
    let engines = settings.engines();
    let Settings { trust, registry, .. } = settings;
    Ok(Service::new(trust, registry, settings::machine::credential_files(), engines))
}
