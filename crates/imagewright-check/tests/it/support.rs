//! A Dockerfile in memory, and what is around it.

use std::collections::BTreeMap;

use imagewright_check::{Finding, Selection, Surroundings, check_dockerfile};
use imagewright_dockerfile::{BuildPlan, Dockerfile, PlanRequest};
use imagewright_oci::{ContainerConfig, Platform, Reference};

/// Files of a context, and bases by name.
#[derive(Default)]
pub(crate) struct Around {
    files: BTreeMap<String, String>,
    bases: BTreeMap<String, ContainerConfig>,
}

impl Around {
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn base(mut self, name: &str, config: ContainerConfig) -> Self {
        self.bases.insert(name.to_owned(), config);
        self
    }

    pub(crate) fn check(&self, text: &str) -> Vec<Finding> {
        let plan = plan(text);
        let found = check_dockerfile(("Dockerfile", text), &plan, self, &Selection::default());
        found.expect("the stages can be lowered")
    }

    /// What is found, a line each.
    pub(crate) fn told(&self, text: &str) -> String {
        let lines = self.check(text).into_iter().map(|finding| format!("{}: {finding}\n", finding.level));
        lines.collect()
    }

    /// The rules that find something, with their lines; notes are left out.
    pub(crate) fn named(&self, text: &str) -> Vec<String> {
        let findings = self.check(text).into_iter().filter(|it| it.level > imagewright_check::Level::Note);
        findings.map(|it| format!("{} {}", it.origin.line.unwrap_or_default(), it.rule)).collect()
    }
}

/// The stages of a Dockerfile.
pub(crate) fn plan(text: &str) -> BuildPlan {
    let request = PlanRequest {
        target: None,
        arguments: Vec::new(),
        contexts: Vec::new(),
        platform: Platform::linux("amd64"),
        build_platform: Platform::linux("amd64"),
    };
    let plan = Dockerfile::parse("Dockerfile", text).and_then(|dockerfile| dockerfile.plan(&request));
    plan.expect("the text is a Dockerfile")
}

impl Surroundings for Around {
    fn read(&self, path: &str) -> Option<String> {
        self.files.get(path).cloned()
    }

    fn base(&self, reference: &Reference) -> Option<ContainerConfig> {
        self.bases.get(&reference.to_string()).cloned()
    }
}

pub(crate) fn told(text: &str) -> String {
    Around::default().told(text)
}

/// What the official Python image starts with.
pub(crate) fn python() -> ContainerConfig {
    ContainerConfig {
        env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned(), "PYTHON_VERSION=3.13.2".to_owned()],
        cmd: Some(vec!["python3".to_owned()]),
        ..ContainerConfig::default()
    }
}

/// What Jupyter's images start with.
pub(crate) fn notebook() -> ContainerConfig {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    ContainerConfig {
        user: "1000".to_owned(),
        env: vec![
            "PATH=/opt/conda/bin:/usr/local/bin:/usr/bin:/bin".to_owned(),
            "CONDA_DIR=/opt/conda".to_owned(),
            "NB_USER=jovyan".to_owned(),
            "NB_UID=1000".to_owned(),
            "NB_GID=100".to_owned(),
            "HOME=/home/jovyan".to_owned(),
        ],
        entrypoint: words(&["tini", "-g", "--", "start.sh"]),
        cmd: words(&["start-notebook.py"]),
        working_dir: "/home/jovyan".to_owned(),
        ..ContainerConfig::default()
    }
}
