//! The `python` that a launcher starts: `python-command-missing`, `python-not-on-cluster-path`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Outcome, PlatformCheck, Rule};
use crate::view::{Python, PythonAnswer};

pub(crate) static PYTHON_COMMAND_MISSING: Rule = Rule {
    name: "python-command-missing",
    summary: "`python`, not only `python3`, is on `PATH`.",
    why: "`bootstrap-kernel.sh` runs the launchers of Python and R with `python`. Debian's Python is called `python3` alone.",
    mend: "```dockerfile\nRUN ln -s python3 /usr/bin/python\n\n# of Debian and Ubuntu\nRUN apt-get update && apt-get install -y \
           --no-install-recommends python-is-python3 && rm -rf /var/lib/apt/lists/*\n```",
    sources: &["Enterprise Gateway, `bootstrap-kernel.sh`"],
    on_platform: Some(PlatformCheck::Files(python_command_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PYTHON_NOT_ON_CLUSTER_PATH: Rule = Rule {
    name: "python-not-on-cluster-path",
    summary: "The same `python` is found with the `PATH` that Enterprise Gateway gives a pod.",
    why: "On Kubernetes a kernel gets the environment of Enterprise Gateway itself, its `PATH` included: `/opt/conda/bin`, and the \
          folders of the system. What only the `PATH` of the image leads to is not found there, or another Python is.",
    mend: "Have it in one of those folders as well. A virtual environment is not found through a link; a script that runs its \
           Python is:\n\n```dockerfile\nRUN ln -s /opt/python/bin/python /usr/local/bin/python\n\n# for a virtual environment\n\
           RUN printf '#!/bin/sh\\nexec /opt/venv/bin/python \"$@\"\\n' > /usr/local/bin/python && chmod 755 /usr/local/bin/python\n```",
    sources: &["Enterprise Gateway 3.3.0 as observed: what its launcher for Kubernetes passes on"],
    on_platform: Some(PlatformCheck::Files(python_not_on_cluster_path)),
    ..Rule::OF_PLATFORMS
};

/// What Enterprise Gateway's own image has for `PATH`.
pub(crate) const CLUSTER_PATH: &str =
    "/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The Python that runs launchers, where it can be seen.
pub(super) fn launcher_python<'a>(subject: &'a ProfileSubject<'_>) -> Option<&'a Python> {
    match subject.python() {
        PythonAnswer::Found(python) => Some(python),
        // That there is no `python` is told; the other one is what it would be.
        PythonAnswer::Missing => subject.known_python3(),
        PythonAnswer::Unknown(_) => None,
    }
}

/// Whether a launcher, or the kernel, is one that `python` runs.
fn is_wanted(subject: &ProfileSubject<'_>) -> bool {
    match super::commands::language(subject).as_str() {
        "python" => true,
        "scala" => false,
        _ => !super::launchers::goes_by_ours(subject),
    }
}

fn python_command_missing(subject: &ProfileSubject<'_>) -> Outcome {
    if !is_wanted(subject) {
        return Outcome::fine();
    }
    match subject.python() {
        PythonAnswer::Found(_) => Outcome::fine(),
        PythonAnswer::Unknown(why) => Outcome::unknown(why),
        PythonAnswer::Missing => {
            let path = subject.search_path();
            match subject.view.which_path("python3", &path) {
                Some(python3) => {
                    let link = python3.trim_end_matches('3').to_owned();
                    subject
                        .found(format!("there is a `{python3}`, and no `python` on `PATH` ({path})"))
                        .with_mend(format!("RUN ln -s python3 {link}"))
                        .with_remedy(Remedy::PathLink { path: link, target: "python3".to_owned() })
                        .into()
                }
                None => subject
                    .found(format!("there is no `python` on `PATH` ({path})"))
                    .with_remedy(Remedy::apt(["python3", "python-is-python3"]))
                    .into(),
            }
        }
    }
}

fn python_not_on_cluster_path(subject: &ProfileSubject<'_>) -> Outcome {
    let PythonAnswer::Found(python) = subject.python() else { return Outcome::fine() };
    if !is_wanted(subject) {
        return Outcome::fine();
    }
    let on_cluster = |name: &str| (name == "PATH").then(|| CLUSTER_PATH.to_owned());
    let text = match subject.view.python("python", &on_cluster) {
        PythonAnswer::Found(other) if other.prefix == python.prefix => return Outcome::fine(),
        PythonAnswer::Found(other) => format!(
            "a pod on Kubernetes finds `{}`, and the `PATH` of the image `{}`",
            other.program, python.program
        ),
        PythonAnswer::Unknown(why) => return Outcome::unknown(why),
        PythonAnswer::Missing => format!(
            "a pod on Kubernetes does not find `{}`: its `PATH` is Enterprise Gateway's",
            python.program
        ),
    };
    let (path, program) = ("/usr/local/bin/python".to_owned(), python.program.clone());
    // Python knows its virtual environment by where it was started.
    let (mend, remedy) = match python.is_virtual {
        true => (
            format!("RUN printf '#!/bin/sh\\nexec {program} \"$@\"\\n' > {path} && chmod 755 {path}"),
            Remedy::Wrapper { path, program },
        ),
        false => (format!("RUN ln -sf {program} {path}"), Remedy::PathLink { path, target: program }),
    };
    subject.found(text).with_mend(mend).with_remedy(remedy).into()
}
