//! Jupyter's docker-stacks: what images on top of them, and those who start them, rely on.

use super::definition::By::{Nobody, Rules};
use super::definition::{Definition, Entry, Row, row, rule};
use super::running;
use crate::rule::Level;
use crate::rules::platform::accounts::{ACCOUNT_NOT_JOVYAN, ENVIRONMENT_DISAGREES, USER_NOT_1000};
use crate::rules::platform::commands::DEFAULT_COMMAND_BROKEN;
use crate::rules::platform::dependencies::PYTHON_DEPENDENCIES_CONSISTENT;
use crate::rules::platform::docker_stacks::{
    CONDA_NOT_FIRST, ENTRYPOINT_NOT_START_SCRIPT, GROUP_RIGHTS_MISSING, PASSWD_NOT_GROUP_WRITABLE,
    START_HOOKS_MISSING, START_SCRIPTS_MISSING,
};
use crate::rules::platform::notebook_server::PORT_NOT_EXPOSED;
use crate::rules::platform::stack_contents::{
    EMULATOR_LEFTOVERS, NOTEBOOK_COMMAND, PYTHON_NOT_PINNED, TAG_CONTRADICTS_CONTENTS,
    WORKING_DIRECTORY_NOT_HOME,
};
use crate::rules::platform::volume::HOME_NOT_WRITABLE;
use crate::rules::platform::writable::PACKAGES_NOT_INSTALLABLE;
use crate::rules::running::stack::{
    OTHER_USERS_NOT_PREPARED, ROOT_START_IGNORED, START_HOOKS_NOT_RUN, START_LOGS_MISPLACED,
    START_VARIABLES_IGNORED,
};

pub(super) static DOCKER_STACKS: Definition = Definition {
    name: "docker-stacks",
    title: "docker-stacks",
    about: "The image is like one of Jupyter's docker-stacks, so that everything that is written for those works with it: options of \
            `start.sh`, hooks, `fix-permissions`, and installing packages while it runs.",
    sources: &["Jupyter Docker Stacks, \"Common features\"", "Jupyter Docker Stacks, its Dockerfiles"],
    rules: &RULES,
    running: &running::DOCKER_STACKS,
    rows: &ROWS,
    releases: &[],
    installs: false,
};

static RULES: [Entry; 19] = [
    rule(&DEFAULT_COMMAND_BROKEN),
    rule(&ENTRYPOINT_NOT_START_SCRIPT),
    rule(&START_SCRIPTS_MISSING),
    rule(&START_HOOKS_MISSING),
    rule(&USER_NOT_1000),
    rule(&ACCOUNT_NOT_JOVYAN),
    rule(&HOME_NOT_WRITABLE),
    rule(&CONDA_NOT_FIRST),
    rule(&ENVIRONMENT_DISAGREES),
    rule(&GROUP_RIGHTS_MISSING),
    rule(&PASSWD_NOT_GROUP_WRITABLE),
    rule(&PYTHON_NOT_PINNED),
    rule(&NOTEBOOK_COMMAND),
    rule(&PORT_NOT_EXPOSED),
    rule(&WORKING_DIRECTORY_NOT_HOME),
    rule(&EMULATOR_LEFTOVERS),
    rule(&TAG_CONTRADICTS_CONTENTS),
    rule(&PACKAGES_NOT_INSTALLABLE)
        .level(Level::Warning)
        .why("Users of these images install packages while they work: `pip install` in a cell."),
    rule(&PYTHON_DEPENDENCIES_CONSISTENT),
];

static ROWS: [Row; 19] = [
    row("DS-01", "`tini -g -- start.sh`", Rules(&[&ENTRYPOINT_NOT_START_SCRIPT])),
    row("DS-02", "start scripts", Rules(&[&START_SCRIPTS_MISSING, &DEFAULT_COMMAND_BROKEN])),
    row("DS-03", "folders of hooks, and conda's", Rules(&[&START_HOOKS_MISSING])),
    row(
        "DS-04",
        "jovyan, 1000:100, `/home/jovyan`",
        Rules(&[&USER_NOT_1000, &ACCOUNT_NOT_JOVYAN, &HOME_NOT_WRITABLE]),
    ),
    row("DS-05", "variables", Rules(&[&CONDA_NOT_FIRST, &ENVIRONMENT_DISAGREES])),
    row("DS-06", "rights of the group", Rules(&[&GROUP_RIGHTS_MISSING])),
    row("DS-07", "`/etc/passwd` for group 0", Rules(&[&PASSWD_NOT_GROUP_WRITABLE])),
    row("DS-08", "a pinned Python, conda-forge alone", Rules(&[&PYTHON_NOT_PINNED])),
    row(
        "DS-09",
        "the notebook's command, port and health check",
        Rules(&[&NOTEBOOK_COMMAND, &PORT_NOT_EXPOSED]),
    ),
    row("DS-10", "programs start in the home", Rules(&[&WORKING_DIRECTORY_NOT_HOME])),
    row("DS-11", "nothing of an emulator", Rules(&[&EMULATOR_LEFTOVERS])),
    row("DS-12", "tags tell the truth", Rules(&[&TAG_CONTRADICTS_CONTENTS])),
    row(
        "DS-13",
        "lists that are published beside an image are right",
        Nobody("such a list is no part of the image"),
    ),
    row("DS-14", "packages can be installed at run time", Rules(&[&PACKAGES_NOT_INSTALLABLE])),
    row("DS-20", "started as root: users, groups and rights", Rules(&[&ROOT_START_IGNORED])),
    row("DS-21", "started as somebody: entries and warnings", Rules(&[&OTHER_USERS_NOT_PREPARED])),
    row("DS-22", "hooks", Rules(&[&START_HOOKS_NOT_RUN])),
    row("DS-23", "variables that change the start", Rules(&[&START_VARIABLES_IGNORED])),
    row("DS-24", "logs", Rules(&[&START_LOGS_MISPLACED])),
];
