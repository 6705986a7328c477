//! `imagewright metadata verify --check`: whether Elyra would run the images of records.

use imagewright_oci::Platform;
use imagewright_service::Cancel;
use imagewright_service::check::profiles;
use imagewright_service::metadata::Verified;

use super::{Call, Ended};
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Adds to each record what the profile says of its image.
pub(super) fn add(
    call: &Call<'_>,
    profile: &str,
    platform: &Platform,
    records: &mut [Verified],
) -> Result<(), Ended> {
    let profile = profiles(&[profile.to_owned()]).map_err(Failure::from)?.swap_remove(0);
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours).map_err(Failure::from)?;
    let service = context::open(call.global, Settings::default())?;
    let progress = TransferProgress::new(call.global.quiet);
    let mut show = |message: &str, done| progress.show(message, done);
    let checked = service.check_runtime_images(records, &profile, platform, &cancel, &mut show);
    drop(progress);
    Ok(checked.map_err(Failure::from)?)
}
