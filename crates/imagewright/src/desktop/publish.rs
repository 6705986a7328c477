//! `imagewright build --publish` is for Linux: a record names an image by what the store knows of it.

use clap::Args;
use imagewright_service::metadata::Published;
use imagewright_service::{BuildReport, Service};

use crate::cli::Global;
use crate::failure::Failure;

/// None.
#[derive(Debug, Args)]
pub(crate) struct PublishFlags {}

/// What is to be published: nothing ever.
pub(crate) enum Publishing {}

impl Publishing {
    /// Finds nothing to publish.
    #[expect(clippy::unnecessary_wraps, reason = "on Linux it may fail")]
    pub(crate) fn prepare(_: PublishFlags) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn publish(&self, _: &Global, _: &Service, _: &BuildReport) -> Result<Published, Failure> {
        match *self {}
    }
}
