//! Jupyter Enterprise Gateway: containers in which kernels run, on Kubernetes, Docker and Swarm.

use super::definition::By::{Nobody, Rules};
use super::definition::{Definition, Entry, Row, row, rule};
use super::running;
use crate::rules::platform::accounts::USER_NOT_CONVENTIONAL;
use crate::rules::platform::commands::{
    DEFAULT_COMMAND_BROKEN, DEFAULT_COMMAND_NO_LAUNCHER, ENTRYPOINT_SWALLOWS_COMMAND, HEALTH_CHECK_INHERITED,
};
use crate::rules::platform::dependencies::PYTHON_DEPENDENCIES_CONSISTENT;
use crate::rules::platform::kernelspec_folders::{
    KERNELSPEC_COMMAND_BROKEN, KERNELSPEC_LANGUAGE_UNKNOWN, KERNELSPEC_NAMES_ANOTHER_IMAGE,
};
use crate::rules::platform::launchers::{
    KERNEL_LANGUAGE_UNSET, KERNEL_MISSING, LAUNCHER_MISSING, LAUNCHER_NEEDS_OLDER_PYTHON, LAUNCHER_OUTDATED,
    LAUNCHER_PACKAGES_MISSING,
};
use crate::rules::platform::python_command::{PYTHON_COMMAND_MISSING, PYTHON_NOT_ON_CLUSTER_PATH};
use crate::rules::platform::reference::{
    REFERENCE_NAMES_ANOTHER_IMAGE, REFERENCE_NEEDS_SECRET, REFERENCE_NOT_IN_REGISTRY,
};
use crate::rules::platform::writable::TEMPORARY_FOLDER_NOT_WRITABLE;
use crate::rules::running::gateway::{LAUNCHER_NO_REPLY, LAUNCHER_NO_REPLY_FOR_OTHERS};
use crate::rules::{RUNS_AS_ROOT, SECRET_IN_IMAGE};

pub(super) static ENTERPRISE_GATEWAY: Definition = Definition {
    name: "enterprise-gateway",
    title: "Enterprise Gateway",
    about: "A kernel runs in a container of the image, which is started with its own command: that reads its parameters from the \
            environment, and sends back where the kernel is reached.",
    sources: &[
        "Enterprise Gateway, \"Container Kernels\"",
        "Enterprise Gateway, \"Implementing a kernel launcher\"",
        "Enterprise Gateway 3.3.0 as observed",
    ],
    rules: &RULES,
    running: &running::ENTERPRISE_GATEWAY,
    rows: &ROWS,
    releases: &[],
    installs: false,
};

static RULES: [Entry; 23] = [
    rule(&DEFAULT_COMMAND_BROKEN),
    rule(&DEFAULT_COMMAND_NO_LAUNCHER),
    rule(&ENTRYPOINT_SWALLOWS_COMMAND),
    rule(&LAUNCHER_MISSING),
    rule(&LAUNCHER_OUTDATED),
    rule(&PYTHON_COMMAND_MISSING),
    rule(&PYTHON_NOT_ON_CLUSTER_PATH),
    rule(&LAUNCHER_PACKAGES_MISSING),
    rule(&KERNEL_MISSING),
    rule(&LAUNCHER_NEEDS_OLDER_PYTHON),
    rule(&TEMPORARY_FOLDER_NOT_WRITABLE),
    rule(&RUNS_AS_ROOT).why(
        "Enterprise Gateway runs kernels as user 1000 whatever the image says, and refuses user 0; what was only tried as root fails.",
    ),
    rule(&USER_NOT_CONVENTIONAL),
    rule(&KERNEL_LANGUAGE_UNSET),
    rule(&KERNELSPEC_LANGUAGE_UNKNOWN),
    rule(&KERNELSPEC_NAMES_ANOTHER_IMAGE),
    rule(&KERNELSPEC_COMMAND_BROKEN),
    rule(&HEALTH_CHECK_INHERITED),
    rule(&SECRET_IN_IMAGE).why("The start script prints the whole environment into the log."),
    rule(&PYTHON_DEPENDENCIES_CONSISTENT),
    rule(&REFERENCE_NOT_IN_REGISTRY),
    rule(&REFERENCE_NEEDS_SECRET)
        .why("Pods of kernels get no pull secret but what the service account of their namespace has."),
    rule(&REFERENCE_NAMES_ANOTHER_IMAGE),
];

static ROWS: [Row; 20] = [
    row(
        "EG-01",
        "the default command reaches a start script that works",
        Rules(&[&DEFAULT_COMMAND_BROKEN, &DEFAULT_COMMAND_NO_LAUNCHER]),
    ),
    row("EG-02", "`ENTRYPOINT` runs what it is given", Rules(&[&ENTRYPOINT_SWALLOWS_COMMAND])),
    row("EG-03", "the launcher of the language, for everybody to read", Rules(&[&LAUNCHER_MISSING])),
    row("EG-04", "a launcher of the current protocol", Rules(&[&LAUNCHER_OUTDATED])),
    row(
        "EG-05",
        "`python`, also with the `PATH` of a pod",
        Rules(&[&PYTHON_COMMAND_MISSING, &PYTHON_NOT_ON_CLUSTER_PATH]),
    ),
    row("EG-06", "`Cryptodome` and `jupyter_client`", Rules(&[&LAUNCHER_PACKAGES_MISSING])),
    row("EG-07", "the kernel itself", Rules(&[&KERNEL_MISSING, &LAUNCHER_MISSING])),
    row(
        "EG-08",
        "packages of R, and a Python that loads the helper",
        Rules(&[&LAUNCHER_PACKAGES_MISSING, &LAUNCHER_NEEDS_OLDER_PYTHON]),
    ),
    row("EG-09", "jars of Toree, Spark", Rules(&[&LAUNCHER_MISSING, &KERNEL_MISSING])),
    row("EG-10", "a folder for temporary files", Rules(&[&TEMPORARY_FOLDER_NOT_WRITABLE])),
    row(
        "EG-11",
        "not root; user 1000 of group 100 with an entry and a home",
        Rules(&[&RUNS_AS_ROOT, &USER_NOT_CONVENTIONAL]),
    ),
    row("EG-12", "works under any user id, in group 0 or 100", Rules(&[&LAUNCHER_NO_REPLY_FOR_OTHERS])),
    row("EG-13", "`KERNEL_LANGUAGE`", Rules(&[&KERNEL_LANGUAGE_UNSET, &KERNELSPEC_LANGUAGE_UNKNOWN])),
    row("EG-14", "the kernelspec's language is one of three", Rules(&[&KERNELSPEC_LANGUAGE_UNKNOWN])),
    row("EG-15", "no health check of a notebook server", Rules(&[&HEALTH_CHECK_INHERITED])),
    row(
        "EG-16",
        "no notebook server is started, no secrets",
        Rules(&[&DEFAULT_COMMAND_NO_LAUNCHER, &SECRET_IN_IMAGE]),
    ),
    row("EG-17", "the kernelspec names this image", Rules(&[&KERNELSPEC_NAMES_ANOTHER_IMAGE])),
    row("EG-18", "the kernelspec's command works", Rules(&[&KERNELSPEC_COMMAND_BROKEN])),
    row(
        "EG-19",
        "`fix-permissions`, where build steps call it",
        Nobody("the build fails without it, so there is no image to look at"),
    ),
    row("EG-20", "a kernel really starts", Rules(&[&LAUNCHER_NO_REPLY])),
];
