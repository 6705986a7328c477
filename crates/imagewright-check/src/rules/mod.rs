//! The rules, a file each. A new one is a file here and a line in the list.

mod base;
mod caches;
mod checksum;
mod downloads;
mod environment;
mod package_cache;
mod pin_conflict;
mod placeholder;
mod root;
mod secret;
mod service;

use crate::rule::Rule;

/// All rules, in the order in which they are told.
static ALL: [&Rule; 11] = [
    &service::SERVICE_NOT_STARTED,
    &environment::ENVIRONMENT_NOT_ON_PATH,
    &root::RUNS_AS_ROOT,
    &base::BASE_NOT_PINNED,
    &base::BASE_LATEST,
    &package_cache::PACKAGE_CACHE,
    &pin_conflict::PIN_CONFLICT,
    &placeholder::PLACEHOLDER,
    &checksum::REMOTE_WITHOUT_CHECKSUM,
    &downloads::DOWNLOAD_WITHOUT_PIPEFAIL,
    &secret::SECRET_IN_IMAGE,
];

/// All rules.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    ALL.iter().copied()
}
