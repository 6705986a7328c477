//! The Python that a platform starts: `python-missing`, `pip-missing`, `python-externally-managed`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Outcome, PlatformCheck, Rule};
use crate::view::{PythonAnswer, Right};

pub(crate) static PYTHON_MISSING: Rule = Rule {
    name: "python-missing",
    summary: "`python3` is on the `PATH` of the image's configuration.",
    why: "A pipeline runs `python3` by `sh -c`, which is no login shell: what a profile, `.bashrc` or an entry point adds to `PATH` is \
          not there, and a `python` without the 3 does not count. Without it a node ends with exit code 127.",
    mend: "Put the folder of the interpreter on `PATH`, or install one:\n\n\
           ```dockerfile\nENV PATH=/opt/conda/bin:$PATH\n\n# or\nRUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: &[
        "Elyra, \"Creating a custom runtime container image\", section \"Prerequisites\"",
        "Elyra 4.1.1 as observed: `python3` must be on the `PATH` of the configuration",
    ],
    on_platform: Some(PlatformCheck::Files(python_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PIP_MISSING: Rule = Rule {
    name: "pip-missing",
    summary: "`python3` has `pip`.",
    why: "Before a node runs, packages are installed with `python3 -m pip`. Without it the node ends with `No module named pip`. \
          Environments that uv makes have none unless they are asked to.",
    mend: "```dockerfile\nRUN python3 -m ensurepip --upgrade\n\n# of Debian and Ubuntu\nRUN apt-get update \\\n    \
           && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*\n\n\
           # with uv\nRUN uv venv --seed /opt/venv\n```",
    sources: &["Elyra 4.1.1 as observed: `python3 -m pip install packaging`"],
    on_platform: Some(PlatformCheck::Files(pip_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PYTHON_EXTERNALLY_MANAGED: Rule = Rule {
    name: "python-externally-managed",
    summary: "pip may install into the environment of `python3`.",
    why: "Distributions mark their Python as theirs (PEP 668), and pip then refuses to install into it. A node ends there with \
          `error: externally-managed-environment`.",
    mend: "Say that pip may, or use an environment of your own:\n\n\
           ```dockerfile\nENV PIP_BREAK_SYSTEM_PACKAGES=1\n\n# or\nRUN python3 -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\n```",
    sources: &["PEP 668", "Elyra 4.1.1 as observed: pip's error ends a node"],
    on_platform: Some(PlatformCheck::Files(python_externally_managed)),
    ..Rule::OF_PLATFORMS
};

/// Where interpreters are found that are not on `PATH`.
const ELSEWHERE: [&str; 8] = [
    "/opt/conda/bin",
    "/opt/venv/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/app-root/bin",
    "/opt/miniconda3/bin",
    "/root/miniconda3/bin",
    "/opt/bitnami/python/bin",
];

fn python_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let path = subject.search_path();
    match subject.python3() {
        PythonAnswer::Missing => absent(subject, &path).into(),
        PythonAnswer::Unknown(_) => Outcome::fine(),
        PythonAnswer::Found(python) => {
            let Some(program) = subject.view.find(&python.program) else { return Outcome::fine() };
            match subject.user().filter(|user| !user.may(Right::Execute, &program)) {
                Some(user) => {
                    let text = format!("user {} of the image may not run `{}`", user.uid, program.path());
                    subject.found(text).with_mend(format!("RUN chmod a+rx {}", program.path())).into()
                }
                None => Outcome::fine(),
            }
        }
    }
}

fn absent(subject: &ProfileSubject<'_>, path: &str) -> Found {
    let has = |folder: &str, name: &str| {
        subject.view.find(&format!("{folder}/{name}")).is_some_and(|entry| entry.is_program())
    };
    if let Some(folder) = ELSEWHERE.into_iter().find(|folder| has(folder, "python3")) {
        let message = format!("`python3` lies in `{folder}`, which is not on `PATH` ({path})");
        let value = format!("{folder}:{path}");
        return subject
            .found(message)
            .with_mend(format!("ENV PATH={folder}:$PATH"))
            .with_remedy(Remedy::variable("PATH", &value));
    }
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    if let Some(folder) = folders.into_iter().find(|folder| has(folder, "python")) {
        let message = format!("there is a `python` in `{folder}`, and no `python3` on `PATH` ({path})");
        let link = Remedy::PathLink { path: format!("{folder}/python3"), target: "python".to_owned() };
        return subject
            .found(message)
            .with_mend(format!("RUN ln -s python {folder}/python3"))
            .with_remedy(link);
    }
    subject
        .found(format!("there is no `python3` on `PATH` ({path})"))
        .with_remedy(Remedy::apt(["python3", "python3-pip"]))
}

fn pip_missing(subject: &ProfileSubject<'_>) -> Outcome {
    match subject.python3() {
        PythonAnswer::Missing => Outcome::fine(),
        PythonAnswer::Unknown(why) => Outcome::unknown(why),
        PythonAnswer::Found(python) if subject.view.has_module(python, "pip") => Outcome::fine(),
        PythonAnswer::Found(python) => {
            let remedy = match python.prefix.as_str() {
                "/usr" => Remedy::apt(["python3-pip"]),
                _ => Remedy::pip(["pip"]),
            };
            let message = format!("`{}` has no `pip`", python.program);
            subject.found(message).with_remedy(remedy).into()
        }
    }
}

/// Whether pip was told that it may install into a Python that is somebody else's.
fn may_break(subject: &ProfileSubject<'_>) -> bool {
    let says_so = |text: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.into_iter().any(|(name, value)| {
            name.trim().replace('_', "-") == "break-system-packages"
                && ["1", "true", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
        })
    };
    let files = ["/etc/pip.conf", "/etc/xdg/pip/pip.conf"];
    subject.is_on("PIP_BREAK_SYSTEM_PACKAGES")
        || files.into_iter().filter_map(|file| subject.view.text(file)).any(says_so)
}

fn python_externally_managed(subject: &ProfileSubject<'_>) -> Outcome {
    let python = match subject.python3() {
        PythonAnswer::Found(python) => python,
        PythonAnswer::Unknown(why) => return Outcome::unknown(why),
        PythonAnswer::Missing => return Outcome::fine(),
    };
    if !python.is_externally_managed(subject.view) || may_break(subject) {
        return Outcome::fine();
    }
    let message =
        format!("`{}` is managed by the distribution, so pip refuses to install into it", python.program);
    subject
        .found(message)
        .with_mend("ENV PIP_BREAK_SYSTEM_PACKAGES=1")
        .with_remedy(Remedy::variable("PIP_BREAK_SYSTEM_PACKAGES", "1"))
        .into()
}
