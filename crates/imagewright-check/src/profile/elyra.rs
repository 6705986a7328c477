//! Elyra: containers in which nodes of pipelines run, on Kubeflow Pipelines and Airflow.

use super::Parameters;
use super::definition::By::Rules;
use super::definition::{Definition, Entry, Row, row, rule};
use super::running;
use crate::elyra::{Pins, RELEASES};
use crate::rule::Level;
use crate::rules::platform::certificates::{CA_CERTIFICATES_MISSING, CERTIFICATE_VARIABLE_BROKEN};
use crate::rules::platform::dependencies::PYTHON_DEPENDENCIES_CONSISTENT;
use crate::rules::platform::kernelspecs::{KERNELSPEC_BROKEN, KERNELSPEC_MISSING, R_INCOMPLETE};
use crate::rules::platform::pins::{PACKAGES_BROKEN_BY_PINS, PACKAGES_REPLACED, PIPELINE_PACKAGES_MISSING};
use crate::rules::platform::programs::{
    CURL_MISSING, GZIP_MISSING, MKDIR_MISSING, SHELL_MISSING, TAR_MISSING,
};
use crate::rules::platform::python::{PIP_MISSING, PYTHON_EXTERNALLY_MANAGED, PYTHON_MISSING};
use crate::rules::platform::python_release::{PYTHON_END_OF_LIFE, PYTHON_VERSION};
use crate::rules::platform::reference::{
    REFERENCE_NAMES_ANOTHER_IMAGE, REFERENCE_NEEDS_SECRET, REFERENCE_NOT_IN_REGISTRY, REFERENCE_WITHOUT_OWNER,
};
use crate::rules::platform::writable::{PACKAGES_NOT_INSTALLABLE, WORKING_DIRECTORY_NOT_WRITABLE};
use crate::rules::running::node::{NODE_PREPARATION_FAILS, NOTEBOOK_DOES_NOT_RUN};
use crate::rules::{ENVIRONMENT_NOT_ON_PATH, SERVICE_NOT_STARTED};

pub(super) static ELYRA: Definition = Definition {
    name: "elyra",
    title: "Elyra",
    about: "A node of a pipeline runs in a container of the image: `sh -c …` in the place of its own command fetches what runs the node, \
            installs packages, unpacks the node's files and runs a notebook or script.",
    sources: &[
        "Elyra, \"Creating a custom runtime container image\"",
        "Elyra, \"Runtime image configuration\"",
        "Elyra 4.1.1 as observed",
    ],
    rules: &RULES,
    running: &running::ELYRA,
    rows: &ROWS,
    releases: &["4.1", "4.0", "main"],
    installs: true,
};

static RULES: [Entry; 28] = [
    rule(&SHELL_MISSING),
    rule(&PYTHON_MISSING),
    rule(&PYTHON_VERSION),
    rule(&PYTHON_END_OF_LIFE),
    rule(&PIP_MISSING),
    rule(&PYTHON_EXTERNALLY_MANAGED),
    rule(&CURL_MISSING),
    rule(&CA_CERTIFICATES_MISSING),
    rule(&TAR_MISSING),
    rule(&GZIP_MISSING),
    rule(&MKDIR_MISSING),
    rule(&WORKING_DIRECTORY_NOT_WRITABLE),
    rule(&PACKAGES_NOT_INSTALLABLE),
    rule(&PIPELINE_PACKAGES_MISSING),
    rule(&KERNELSPEC_MISSING),
    rule(&KERNELSPEC_BROKEN),
    rule(&R_INCOMPLETE),
    rule(&CERTIFICATE_VARIABLE_BROKEN).level(Level::Warning),
    rule(&SERVICE_NOT_STARTED),
    rule(&ENVIRONMENT_NOT_ON_PATH),
    rule(&PACKAGES_REPLACED),
    rule(&PACKAGES_BROKEN_BY_PINS),
    rule(&PYTHON_DEPENDENCIES_CONSISTENT),
    rule(&REFERENCE_WITHOUT_OWNER),
    rule(&REFERENCE_NOT_IN_REGISTRY),
    rule(&REFERENCE_NEEDS_SECRET),
    rule(&REFERENCE_NAMES_ANOTHER_IMAGE),
    RUNS_AS_ROOT,
];

const RUNS_AS_ROOT: Entry = rule(&crate::rules::RUNS_AS_ROOT)
    .level(Level::Note)
    .why("Elyra runs images of root as well. Clusters often do not: OpenShift runs every image under a user of its own.");

static ROWS: [Row; 20] = [
    row("E-01", "`sh` on `PATH`", Rules(&[&SHELL_MISSING])),
    row("E-02", "`python3` on the `PATH` of the configuration", Rules(&[&PYTHON_MISSING])),
    row("E-03", "a Python that the release runs with", Rules(&[&PYTHON_VERSION, &PYTHON_END_OF_LIFE])),
    row("E-04", "`pip` for it", Rules(&[&PIP_MISSING])),
    row("E-05", "not externally managed", Rules(&[&PYTHON_EXTERNALLY_MANAGED])),
    row("E-06", "`curl`, and certificate authorities", Rules(&[&CURL_MISSING, &CA_CERTIFICATES_MISSING])),
    row("E-07", "`tar`", Rules(&[&TAR_MISSING])),
    row("E-08", "`gzip`, for GNU tar", Rules(&[&GZIP_MISSING])),
    row("E-09", "`mkdir`", Rules(&[&MKDIR_MISSING])),
    row("E-10", "a working directory that can be written to", Rules(&[&WORKING_DIRECTORY_NOT_WRITABLE])),
    row("E-11", "packages can be installed", Rules(&[&PACKAGES_NOT_INSTALLABLE])),
    row("E-12", "a package index, or everything in the image", Rules(&[&PIPELINE_PACKAGES_MISSING])),
    row("E-13", "a kernel for notebooks", Rules(&[&KERNELSPEC_MISSING, &KERNELSPEC_BROKEN])),
    row("E-14", "`Rscript` and an R kernel, for R", Rules(&[&R_INCOMPLETE])),
    row("E-15", "certificate authorities of a site", Rules(&[&CERTIFICATE_VARIABLE_BROKEN])),
    row(
        "E-W1",
        "nothing is missed of `CMD` and `ENTRYPOINT`",
        Rules(&[&SERVICE_NOT_STARTED, &ENVIRONMENT_NOT_ON_PATH]),
    ),
    row("E-W2", "no package is replaced", Rules(&[&PACKAGES_REPLACED, &PACKAGES_BROKEN_BY_PINS])),
    row(
        "E-R1",
        "a name that pipelines take and clusters can pull",
        Rules(&[&REFERENCE_WITHOUT_OWNER, &REFERENCE_NOT_IN_REGISTRY, &REFERENCE_NEEDS_SECRET]),
    ),
    row("E-R2", "the image that was checked is the one that runs", Rules(&[&REFERENCE_NAMES_ANOTHER_IMAGE])),
    row("E-20", "a notebook really runs", Rules(&[&NODE_PREPARATION_FAILS, &NOTEBOOK_DOES_NOT_RUN])),
];

/// What holds for a release.
pub(super) fn parameters(release: &str) -> Option<Parameters> {
    let pins = |name: &str| RELEASES.iter().find(|known| known.name == name).map(Pins::of);
    let (pythons, pins) = match release {
        "4.1" | "4.1.1" => (((3, 10), (3, 13)), pins("4.1.1")),
        "main" => (((3, 10), (3, 13)), pins("main")),
        "4.0" => (((3, 9), (3, 13)), None),
        _ => return None,
    };
    Some(Parameters {
        pythons: Some(pythons),
        pins,
        installs: true,
        release: Some(format!("Elyra {release}")),
        ..Parameters::default()
    })
}
