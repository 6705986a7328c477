//! JupyterHub: servers of single users, started by spawners on Kubernetes and Docker.

use super::definition::By::Rules;
use super::definition::{Definition, Entry, Row, row, rule};
use super::running;
use crate::rule::Level;
use crate::rules::RUNS_AS_ROOT;
use crate::rules::platform::accounts::USER_NOT_1000;
use crate::rules::platform::commands::DEFAULT_COMMAND_BROKEN;
use crate::rules::platform::dependencies::PYTHON_DEPENDENCIES_CONSISTENT;
use crate::rules::platform::hub::{NOTEBOOK_SERVER_MISSING, SINGLEUSER_MISSING};
use crate::rules::platform::notebook_server::PORT_NOT_EXPOSED;
use crate::rules::platform::python::PYTHON_MISSING;
use crate::rules::platform::reference::{
    REFERENCE_NAMES_ANOTHER_IMAGE, REFERENCE_NEEDS_SECRET, REFERENCE_NOT_IN_REGISTRY,
};
use crate::rules::platform::volume::{HOME_NOT_WRITABLE, START_HIDDEN_BY_VOLUME};
use crate::rules::platform::writable::PACKAGES_NOT_INSTALLABLE;
use crate::rules::running::hub::{SINGLEUSER_DOES_NOT_ANSWER, SINGLEUSER_DOES_NOT_START};

pub(super) static JUPYTERHUB: Definition = Definition {
    name: "jupyterhub",
    title: "JupyterHub",
    about: "A spawner starts the image for a user, with `jupyterhub-singleuser` or the image's own command, as user 1000 of group 100 and \
            with a volume over the home.",
    sources: &[
        "JupyterHub, \"Spawners\"",
        "Zero to JupyterHub, \"Customizing the user environment\"",
        "DockerSpawner, \"Picking or building a Docker image\"",
    ],
    rules: &RULES,
    running: &running::JUPYTERHUB,
    rows: &ROWS,
    releases: &[],
    installs: false,
};

static RULES: [Entry; 14] = [
    rule(&SINGLEUSER_MISSING),
    rule(&NOTEBOOK_SERVER_MISSING),
    rule(&PYTHON_MISSING),
    rule(&DEFAULT_COMMAND_BROKEN).level(Level::Warning),
    rule(&RUNS_AS_ROOT).why("Spawners on Kubernetes run servers as user 1000; others take the image's user, and a server of root does not start."),
    rule(&USER_NOT_1000)
        .level(Level::Warning)
        .why("The volumes that Zero to JupyterHub mounts belong to user 1000 and group 100, and servers run as them."),
    rule(&HOME_NOT_WRITABLE),
    rule(&START_HIDDEN_BY_VOLUME),
    rule(&PORT_NOT_EXPOSED).level(Level::Note),
    rule(&PACKAGES_NOT_INSTALLABLE).level(Level::Note),
    rule(&PYTHON_DEPENDENCIES_CONSISTENT),
    rule(&REFERENCE_NOT_IN_REGISTRY),
    rule(&REFERENCE_NEEDS_SECRET).why("Zero to JupyterHub pulls with `imagePullSecret` of its configuration, or anonymously."),
    rule(&REFERENCE_NAMES_ANOTHER_IMAGE),
];

static ROWS: [Row; 8] = [
    row("JH-01", "`jupyterhub-singleuser`", Rules(&[&SINGLEUSER_MISSING])),
    row("JH-02", "a notebook server", Rules(&[&NOTEBOOK_SERVER_MISSING, &PYTHON_MISSING])),
    row("JH-03", "a command that works", Rules(&[&DEFAULT_COMMAND_BROKEN])),
    row("JH-04", "user 1000, not root", Rules(&[&USER_NOT_1000, &RUNS_AS_ROOT])),
    row(
        "JH-05",
        "a home that can be written to, and that a volume may cover",
        Rules(&[&HOME_NOT_WRITABLE, &START_HIDDEN_BY_VOLUME]),
    ),
    row("JH-06", "port 8888", Rules(&[&PORT_NOT_EXPOSED])),
    row("JH-07", "packages can be installed at run time", Rules(&[&PACKAGES_NOT_INSTALLABLE])),
    row(
        "JH-20",
        "the server answers the hub",
        Rules(&[&SINGLEUSER_DOES_NOT_START, &SINGLEUSER_DOES_NOT_ANSWER]),
    ),
];
