//! There are no flags that limit programs: daemons have their own settings.

use clap::Args;
use imagewright_service::Limits;

/// None.
#[derive(Debug, Args)]
pub(crate) struct LimitFlags {}

impl From<LimitFlags> for Limits {
    fn from(_: LimitFlags) -> Self {
        Self {}
    }
}
