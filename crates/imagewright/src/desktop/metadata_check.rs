//! `imagewright metadata verify --check` keeps what it read of layers in a store, and is for Linux.

use imagewright_oci::Platform;
use imagewright_service::metadata::Verified;

use super::{Call, Ended};

pub(super) fn add(_: &Call<'_>, _: &str, _: &Platform, _: &mut [Verified]) -> Result<(), Ended> {
    Err(Ended::Failed(
        "'--check' is for Linux: what layers hold is kept in the store of our own engine.".to_owned(),
    ))
}
