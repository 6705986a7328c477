//! The rules, a file each. A new one is a file here and a line in the list.

mod base;
mod caches;
mod checksum;
mod downloads;
mod environment;
mod package_cache;
mod pin_conflict;
mod placeholder;
pub(crate) mod platform;
mod root;
mod secret;
mod service;

use platform::{
    certificates, dependencies, kernelspecs, pins, programs, python, python_release, reference, writable,
};

use crate::rule::Rule;

pub(crate) use environment::ENVIRONMENT_NOT_ON_PATH;
pub(crate) use root::RUNS_AS_ROOT;
pub(crate) use service::SERVICE_NOT_STARTED;

/// All rules, in the order in which they are told.
static ALL: [&Rule; 37] = [
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
    &dependencies::PYTHON_DEPENDENCIES_CONSISTENT,
    &programs::SHELL_MISSING,
    &python::PYTHON_MISSING,
    &python_release::PYTHON_VERSION,
    &python_release::PYTHON_END_OF_LIFE,
    &python::PIP_MISSING,
    &python::PYTHON_EXTERNALLY_MANAGED,
    &programs::CURL_MISSING,
    &certificates::CA_CERTIFICATES_MISSING,
    &certificates::CERTIFICATE_VARIABLE_BROKEN,
    &programs::TAR_MISSING,
    &programs::GZIP_MISSING,
    &programs::MKDIR_MISSING,
    &writable::WORKING_DIRECTORY_NOT_WRITABLE,
    &writable::PACKAGES_NOT_INSTALLABLE,
    &writable::TEMPORARY_FOLDER_NOT_WRITABLE,
    &pins::PACKAGES_REPLACED,
    &pins::PACKAGES_BROKEN_BY_PINS,
    &pins::PIPELINE_PACKAGES_MISSING,
    &kernelspecs::KERNELSPEC_MISSING,
    &kernelspecs::KERNELSPEC_BROKEN,
    &kernelspecs::R_INCOMPLETE,
    &reference::REFERENCE_WITHOUT_OWNER,
    &reference::REFERENCE_NOT_IN_REGISTRY,
    &reference::REFERENCE_NEEDS_SECRET,
    &reference::REFERENCE_NAMES_ANOTHER_IMAGE,
];

/// All rules.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    ALL.iter().copied()
}

/// Whether a rule asks what an image's name stands for elsewhere.
pub(crate) fn is_about_references(rule: &Rule) -> bool {
    rule.name.starts_with("reference-")
}
