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
pub(crate) mod running;
mod secret;
mod service;

use platform::{
    accounts, certificates, commands, dependencies, docker_stacks, gpu, hub, init, kernelspec_folders,
    kernelspecs, launchers, notebook_server, pins, programs, python, python_command, python_release,
    reference, stack_contents, volume, writable,
};

use crate::notebook::{NOTEBOOK_IMPORT_MISSING, NOTEBOOK_KERNEL_MISSING};
use crate::rule::Rule;

pub(crate) use environment::ENVIRONMENT_NOT_ON_PATH;
pub(crate) use root::RUNS_AS_ROOT;
pub(crate) use secret::SECRET_IN_IMAGE;
pub(crate) use service::SERVICE_NOT_STARTED;

/// All rules, in the order in which they are told.
static ALL: [&Rule; 82] = [
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
    &reference::PLATFORM_MISSING,
    &commands::DEFAULT_COMMAND_BROKEN,
    &commands::DEFAULT_COMMAND_NO_LAUNCHER,
    &commands::ENTRYPOINT_SWALLOWS_COMMAND,
    &commands::HEALTH_CHECK_INHERITED,
    &launchers::LAUNCHER_MISSING,
    &launchers::LAUNCHER_OUTDATED,
    &launchers::LAUNCHER_PACKAGES_MISSING,
    &launchers::LAUNCHER_NEEDS_OLDER_PYTHON,
    &launchers::KERNEL_MISSING,
    &launchers::KERNEL_LANGUAGE_UNSET,
    &kernelspec_folders::KERNELSPEC_LANGUAGE_UNKNOWN,
    &kernelspec_folders::KERNELSPEC_NAMES_ANOTHER_IMAGE,
    &kernelspec_folders::KERNELSPEC_COMMAND_BROKEN,
    &python_command::PYTHON_COMMAND_MISSING,
    &python_command::PYTHON_NOT_ON_CLUSTER_PATH,
    &accounts::USER_NOT_1000,
    &accounts::USER_NOT_CONVENTIONAL,
    &accounts::ACCOUNT_NOT_JOVYAN,
    &accounts::GROUPS_NOT_FOR_ANY_USER,
    &accounts::ENVIRONMENT_DISAGREES,
    &volume::HOME_NOT_WRITABLE,
    &volume::HOME_NOT_SEEDED,
    &volume::START_HIDDEN_BY_VOLUME,
    &volume::CONDA_NOT_WRITABLE,
    &notebook_server::PORT_NOT_EXPOSED,
    &notebook_server::BASE_URL_FIXED,
    &notebook_server::SERVER_NOT_OPEN,
    &notebook_server::RUNTIME_DIRECTORY_ON_VOLUME,
    &init::INIT_NOT_EXECUTABLE,
    &init::INIT_FAILURES_IGNORED,
    &gpu::GPU_VARIABLES,
    &docker_stacks::ENTRYPOINT_NOT_START_SCRIPT,
    &docker_stacks::START_SCRIPTS_MISSING,
    &docker_stacks::START_HOOKS_MISSING,
    &docker_stacks::CONDA_NOT_FIRST,
    &docker_stacks::GROUP_RIGHTS_MISSING,
    &docker_stacks::PASSWD_NOT_GROUP_WRITABLE,
    &stack_contents::PYTHON_NOT_PINNED,
    &stack_contents::NOTEBOOK_COMMAND,
    &stack_contents::WORKING_DIRECTORY_NOT_HOME,
    &stack_contents::EMULATOR_LEFTOVERS,
    &stack_contents::TAG_CONTRADICTS_CONTENTS,
    &hub::SINGLEUSER_MISSING,
    &hub::NOTEBOOK_SERVER_MISSING,
];

/// All rules.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    ALL.iter().chain(&running::ALL).copied().chain([&NOTEBOOK_KERNEL_MISSING, &NOTEBOOK_IMPORT_MISSING])
}

/// Whether a rule wants to know what an image's name stands for in its registry.
pub(crate) fn asks_registries(rule: &Rule) -> bool {
    [
        &reference::REFERENCE_NOT_IN_REGISTRY,
        &reference::REFERENCE_NEEDS_SECRET,
        &reference::REFERENCE_NAMES_ANOTHER_IMAGE,
        &reference::PLATFORM_MISSING,
    ]
    .iter()
    .any(|asks| asks.name == rule.name)
}
