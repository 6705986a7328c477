//! What images of Jupyter's docker-stacks have: `entrypoint-not-start-script`, `start-scripts-missing`,
//! `start-hooks-missing`, `conda-not-first`, `group-rights-missing`, `passwd-not-group-writable`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::shell::base_name;
use crate::view::{Entry, Right, User};

const SOURCES: &[&str] =
    &["Jupyter Docker Stacks, \"Common features\"", "Jupyter Docker Stacks, docker-stacks-foundation"];

pub(crate) static ENTRYPOINT_NOT_START_SCRIPT: Rule = Rule {
    name: "entrypoint-not-start-script",
    summary: "`ENTRYPOINT` is `tini -g -- start.sh`.",
    why: "All that docker-stacks promise of users, rights, hooks and logs is done by `start.sh`, and tini passes signals on. An image with \
          another entry point looks like one of theirs and does none of it.",
    mend: "```dockerfile\nENTRYPOINT [\"tini\", \"-g\", \"--\", \"start.sh\"]\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(entrypoint_not_start_script)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_SCRIPTS_MISSING: Rule = Rule {
    name: "start-scripts-missing",
    summary: "`start.sh`, `run-hooks.sh` and `fix-permissions` are in `/usr/local/bin`, for everybody to run.",
    why: "Start scripts call one another, and Dockerfiles on top of the image call `fix-permissions`.",
    mend: "```dockerfile\nFROM quay.io/jupyter/docker-stacks-foundation\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(start_scripts_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_HOOKS_MISSING: Rule = Rule {
    name: "start-hooks-missing",
    summary: "The folders of hooks are there, and one of them activates conda.",
    why: "Users and images on top put scripts into `start-notebook.d` and `before-notebook.d`, both in `/usr/local/bin`. conda is \
          activated by such a script, so that programs that a package brings find their settings.",
    mend: "```dockerfile\nRUN mkdir -p /usr/local/bin/start-notebook.d /usr/local/bin/before-notebook.d\n\
           COPY 10activate-conda-env.sh /usr/local/bin/before-notebook.d/\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(start_hooks_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static CONDA_NOT_FIRST: Rule = Rule {
    name: "conda-not-first",
    level: Level::Warning,
    summary: "`CONDA_DIR` is `/opt/conda`, its programs come first on `PATH`, and `NB_GID` is 100.",
    why: "Scripts and Dockerfiles on top go by these variables.",
    mend: "```dockerfile\nENV CONDA_DIR=/opt/conda NB_GID=100\nENV PATH=${CONDA_DIR}/bin:${PATH}\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(conda_not_first)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static GROUP_RIGHTS_MISSING: Rule = Rule {
    name: "group-rights-missing",
    level: Level::Warning,
    summary: "conda, the home and `/etc/jupyter` belong to group 100, which may do what the owner may.",
    why: "`start.sh` may change the user id when the container starts, and the group is then what gives access. `fix-permissions` sees to \
          it in Dockerfiles; a `RUN` that installs something and does not call it leaves files that a user can neither update nor remove.",
    mend: "End each `RUN` that installs something by it, so that no file is in two layers:\n\n\
           ```dockerfile\nRUN mamba install --yes pandas && fix-permissions \"${CONDA_DIR}\" && fix-permissions \"/home/${NB_USER}\"\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(group_rights_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PASSWD_NOT_GROUP_WRITABLE: Rule = Rule {
    name: "passwd-not-group-writable",
    level: Level::Warning,
    summary: "Group 0 may write to `/etc/passwd`.",
    why: "A container under a made-up user id, in group 0, adds an entry for itself when it starts. Without one, programs that look up \
          who they are fail.",
    mend: "```dockerfile\nRUN chmod g+w /etc/passwd\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(passwd_not_group_writable)),
    ..Rule::OF_PLATFORMS
};

const BIN: &str = "/usr/local/bin";
const GROUP: u32 = 100;
/// More than any image has.
const MOST: usize = 400_000;

fn entrypoint_not_start_script(subject: &ProfileSubject<'_>) -> Outcome {
    let entrypoint = subject.container.entrypoint.clone().unwrap_or_default();
    let names: Vec<&str> = entrypoint.iter().map(|word| base_name(word)).collect();
    if names == ["tini", "-g", "--", "start.sh"] {
        return Outcome::fine();
    }
    let text = match entrypoint.is_empty() {
        true => "there is no `ENTRYPOINT`; it is `tini -g -- start.sh`".to_owned(),
        false => format!("`ENTRYPOINT` is `{}`, not `tini -g -- start.sh`", entrypoint.join(" ")),
    };
    subject.found(text).with_mend("ENTRYPOINT [\"tini\", \"-g\", \"--\", \"start.sh\"]").into()
}

fn start_scripts_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let mut found = Vec::new();
    for name in ["start.sh", "run-hooks.sh", "fix-permissions"] {
        let path = format!("{BIN}/{name}");
        let file = subject.view.find(&path);
        let text = match file {
            None => format!("there is no `{path}`"),
            Some(file) if !User::ARBITRARY.may(Right::Execute, &file) => {
                format!("not everybody may execute `{path}` (mode {:04o})", file.mode())
            }
            Some(_) => continue,
        };
        found.push(subject.found(text));
    }
    // A helper of the scripts; releases without it have none.
    if let Some(helper) = subject
        .view
        .find(&format!("{BIN}/_log.sh"))
        .or_else(|| subject.view.find(&format!("{BIN}/logging.sh")))
        && !User::ARBITRARY.may(Right::Read, &helper)
    {
        found.push(subject.found(format!("not everybody may read `{}`", helper.path())));
    }
    found.into()
}

fn start_hooks_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let mut found = Vec::new();
    for name in ["start-notebook.d", "before-notebook.d"] {
        let path = format!("{BIN}/{name}");
        if !subject.view.find(&path).is_some_and(|folder| folder.is_directory()) {
            found.push(subject.found(format!("there is no folder `{path}`")));
        }
    }
    if let Some(hooks) = subject.view.find(&format!("{BIN}/before-notebook.d")) {
        let hook = hooks.children().find(|entry| {
            entry.name().contains("conda") || entry.text().is_some_and(|text| text.contains("conda"))
        });
        if hook.is_none() {
            found.push(subject.found("no script in `before-notebook.d` activates conda"));
        }
    }
    found.into()
}

fn conda_not_first(subject: &ProfileSubject<'_>) -> Outcome {
    let mut found = Vec::new();
    for (name, value) in [("CONDA_DIR", "/opt/conda"), ("NB_GID", "100")] {
        let said = subject.variable(name);
        if said.as_deref() != Some(value) {
            let text = match said {
                Some(said) => format!("`{name}` is `{said}`, not `{value}`"),
                None => format!("`{name}` is not set; it is `{value}`"),
            };
            found.push(subject.found(text).with_remedy(Remedy::variable(name, value)));
        }
    }
    let path = subject.search_path();
    if path.split(':').next() != Some("/opt/conda/bin") {
        let text = format!("`/opt/conda/bin` is not first on `PATH` ({path})");
        let value = format!("/opt/conda/bin:{path}");
        found.push(subject.found(text).with_remedy(Remedy::variable("PATH", &value)));
    }
    found.into()
}

/// Whether `fix-permissions` would change an entry.
fn differs(entry: &Entry<'_>) -> bool {
    if entry.link().is_some() {
        return false;
    }
    let mode = entry.mode();
    let is_open = mode & 0o060 == 0o060 && (mode & 0o111 == 0 || mode & 0o010 != 0);
    entry.gid() != GROUP || !is_open || (entry.is_directory() && mode & 0o2010 != 0o2010)
}

fn group_rights_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let home = subject.variable("HOME").unwrap_or_else(|| super::accounts::HOME.to_owned());
    let mut found = Vec::new();
    for path in ["/opt/conda", &home, "/etc/jupyter"] {
        let Some(folder) = subject.view.find(path).filter(|folder| folder.path() != "/") else { continue };
        let below = folder.below(MOST);
        let wrong: Vec<&Entry<'_>> =
            [&folder].into_iter().chain(&below).filter(|entry| differs(entry)).collect();
        let Some(first) = wrong.first() else { continue };
        let text = format!(
            "{} of {} files and folders in `{path}` are not group {GROUP}'s to use, such as `{}` ({}:{}, mode {:04o})",
            wrong.len(),
            below.len() + 1,
            first.path(),
            first.uid(),
            first.gid(),
            first.mode(),
        );
        let remedy = Remedy::group_may_write(path, GROUP, true);
        found.push(subject.found(text).with_mend(format!("RUN fix-permissions {path}")).with_remedy(remedy));
    }
    found.into()
}

fn passwd_not_group_writable(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(file) = subject.view.find("/etc/passwd") else { return Outcome::fine() };
    if User::ARBITRARY.may(Right::Write, &file) {
        return Outcome::fine();
    }
    let text =
        format!("group 0 may not write to `/etc/passwd` (mode {:04o}, group {})", file.mode(), file.gid());
    let remedy = Remedy::Permissions {
        path: "/etc/passwd".to_owned(),
        recursive: false,
        uid: None,
        gid: Some(0),
        file_mode: 0o020,
        folder_mode: 0,
    };
    subject.found(text).with_mend("RUN chmod g+w /etc/passwd").with_remedy(remedy).into()
}
