//! Kubeflow: notebook servers in pods, each with a volume over its home and a prefix of its own.

use super::definition::By::Rules;
use super::definition::{Definition, Entry, Row, row, rule};
use super::running;
use crate::rule::Level;
use crate::rules::RUNS_AS_ROOT;
use crate::rules::platform::accounts::{
    ACCOUNT_NOT_JOVYAN, ENVIRONMENT_DISAGREES, GROUPS_NOT_FOR_ANY_USER, USER_NOT_1000,
};
use crate::rules::platform::commands::DEFAULT_COMMAND_BROKEN;
use crate::rules::platform::dependencies::PYTHON_DEPENDENCIES_CONSISTENT;
use crate::rules::platform::gpu::GPU_VARIABLES;
use crate::rules::platform::init::{INIT_FAILURES_IGNORED, INIT_NOT_EXECUTABLE};
use crate::rules::platform::notebook_server::{
    BASE_URL_FIXED, PORT_NOT_EXPOSED, RUNTIME_DIRECTORY_ON_VOLUME, SERVER_NOT_OPEN,
};
use crate::rules::platform::reference::{
    PLATFORM_MISSING, REFERENCE_NAMES_ANOTHER_IMAGE, REFERENCE_NEEDS_SECRET, REFERENCE_NOT_IN_REGISTRY,
};
use crate::rules::platform::volume::{
    CONDA_NOT_WRITABLE, HOME_NOT_SEEDED, HOME_NOT_WRITABLE, START_HIDDEN_BY_VOLUME,
};
use crate::rules::running::server::{
    FRAMING_FORBIDDEN, INIT_FAILURE_SURVIVED, KERNEL_LIST_MISSING, SERVER_DOES_NOT_ANSWER,
    SERVER_NOT_BEHIND_REWRITE, SERVER_NOT_FOR_ANY_USER, VOLUME_CHANGES_LOST,
};

pub(super) static KUBEFLOW_NOTEBOOK: Definition = Definition {
    name: "kubeflow-notebook",
    title: "Kubeflow notebooks",
    about: "A notebook server runs in a pod of the image: user 1000, group 100, a volume over `/home/jovyan`, and a prefix of addresses \
            that it is told by `NB_PREFIX`.",
    sources: &["Kubeflow, \"Notebook container images\"", "Kubeflow's example notebook servers"],
    rules: &RULES,
    running: &running::KUBEFLOW_NOTEBOOK,
    rows: &ROWS,
    releases: &[],
    installs: false,
};

static RULES: [Entry; 22] = [
    rule(&DEFAULT_COMMAND_BROKEN),
    rule(&USER_NOT_1000),
    rule(&RUNS_AS_ROOT).level(Level::Note),
    rule(&ACCOUNT_NOT_JOVYAN),
    rule(&GROUPS_NOT_FOR_ANY_USER),
    rule(&HOME_NOT_WRITABLE),
    rule(&ENVIRONMENT_DISAGREES),
    rule(&PORT_NOT_EXPOSED),
    rule(&BASE_URL_FIXED),
    rule(&SERVER_NOT_OPEN),
    rule(&HOME_NOT_SEEDED),
    rule(&INIT_NOT_EXECUTABLE),
    rule(&INIT_FAILURES_IGNORED),
    rule(&START_HIDDEN_BY_VOLUME),
    rule(&CONDA_NOT_WRITABLE),
    rule(&RUNTIME_DIRECTORY_ON_VOLUME),
    rule(&GPU_VARIABLES),
    rule(&PLATFORM_MISSING),
    rule(&PYTHON_DEPENDENCIES_CONSISTENT),
    rule(&REFERENCE_NOT_IN_REGISTRY),
    rule(&REFERENCE_NEEDS_SECRET)
        .why("The pod of a notebook has the pull secrets of its namespace's service account, and no others."),
    rule(&REFERENCE_NAMES_ANOTHER_IMAGE),
];

static ROWS: [Row; 22] = [
    row("KF-01", "the image runs as user 1000", Rules(&[&USER_NOT_1000])),
    row("KF-02", "jovyan, 1000, `/home/jovyan`", Rules(&[&ACCOUNT_NOT_JOVYAN])),
    row("KF-03", "group 0 first, 100 beside", Rules(&[&GROUPS_NOT_FOR_ANY_USER])),
    row("KF-04", "a home that the group may write to", Rules(&[&HOME_NOT_WRITABLE])),
    row("KF-05", "variables that agree, a UTF-8 locale", Rules(&[&ENVIRONMENT_DISAGREES])),
    row("KF-06", "port 8888", Rules(&[&PORT_NOT_EXPOSED])),
    row("KF-07", "addresses by `NB_PREFIX`", Rules(&[&BASE_URL_FIXED])),
    row("KF-08", "open to the platform's gateway", Rules(&[&SERVER_NOT_OPEN])),
    row("KF-09", "files of the home come onto the volume", Rules(&[&HOME_NOT_SEEDED])),
    row("KF-10", "what starts may be executed", Rules(&[&INIT_NOT_EXECUTABLE, &DEFAULT_COMMAND_BROKEN])),
    row("KF-11", "a failing start ends the container", Rules(&[&INIT_FAILURES_IGNORED])),
    row(
        "KF-12",
        "nothing needed lies on the volume; conda can be written to",
        Rules(&[&START_HIDDEN_BY_VOLUME, &CONDA_NOT_WRITABLE]),
    ),
    row("KF-13", "runtime folders off the volume", Rules(&[&RUNTIME_DIRECTORY_ON_VOLUME])),
    row("KF-14", "variables of GPU images", Rules(&[&GPU_VARIABLES])),
    row("KF-15", "every platform of the site", Rules(&[&PLATFORM_MISSING])),
    row("KF-20", "an empty volume, user 1000: the page answers", Rules(&[&SERVER_DOES_NOT_ANSWER])),
    row("KF-21", "the same under a made-up user id", Rules(&[&SERVER_NOT_FOR_ANY_USER])),
    row("KF-22", "the list of kernels answers", Rules(&[&KERNEL_LIST_MISSING])),
    row("KF-23", "pages may be shown within the dashboard", Rules(&[&FRAMING_FORBIDDEN])),
    row("KF-24", "a restart keeps what users changed", Rules(&[&VOLUME_CHANGES_LOST])),
    row("KF-25", "code-server and RStudio work behind a rewrite", Rules(&[&SERVER_NOT_BEHIND_REWRITE])),
    row("KF-26", "a failing start script ends the container", Rules(&[&INIT_FAILURE_SURVIVED])),
];
