//! Where containers may write: `working-directory-not-writable`, `packages-not-installable`,
//! `temporary-folder-not-writable`.
//!
//! The first two are asked for the user that the image names, and for one that a cluster makes up, as OpenShift does.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Level, Outcome, PlatformCheck, Rule};
use crate::view::{PythonAnswer, User};

pub(crate) static WORKING_DIRECTORY_NOT_WRITABLE: Rule = Rule {
    name: "working-directory-not-writable",
    summary: "The working directory can be written to by whoever the container runs as.",
    why: "A pipeline puts what it fetches into the working directory of the image. Where none is set that is `/`, and one that is not \
          in the image is made for root alone. OpenShift runs containers under a number that no image knows, in group 0: there the \
          group must be able to write.",
    mend: "```dockerfile\nUSER root\nRUN mkdir -p /opt/work && chown 1000:0 /opt/work && chmod 2775 /opt/work\n\
           WORKDIR /opt/work\nUSER 1000\n```",
    sources: &[
        "Elyra 4.1.1 as observed: everything is fetched into the working directory",
        "OpenShift, \"Creating images\", section \"Support arbitrary user ids\"",
    ],
    on_platform: Some(PlatformCheck::Files(working_directory_not_writable)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PACKAGES_NOT_INSTALLABLE: Rule = Rule {
    name: "packages-not-installable",
    summary: "Whoever the container runs as can install Python packages.",
    why: "pip installs where `python3` has its packages; where it may not write there it takes the user's home, but not in a virtual \
          environment. If it may write to neither, it ends with `Permission denied`, often for `/.local`: that is where a user without \
          a home has one.",
    mend: "Give the folders of the environment to the group that containers run in, or have a home that can be written to:\n\n\
           ```dockerfile\nUSER root\nRUN chgrp -R 0 /opt/venv && chmod -R g=u /opt/venv\n\n# or\nENV HOME=/tmp\n```",
    sources: &["Elyra 4.1.1 as observed: pip's error ends a node", "pip, \"User Installs\""],
    on_platform: Some(PlatformCheck::Files(packages_not_installable)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static TEMPORARY_FOLDER_NOT_WRITABLE: Rule = Rule {
    name: "temporary-folder-not-writable",
    summary: "There is a folder for temporary files that everybody may write to.",
    why: "A launcher writes the connection file of its kernel into a folder for temporary files, and the container runs as whoever the \
          platform says. Without one the kernel does not start.",
    mend: "```dockerfile\nRUN mkdir -p /tmp && chmod 1777 /tmp\n```",
    sources: &["Enterprise Gateway, \"Implementing a kernel launcher\"; its launchers as observed"],
    on_platform: Some(PlatformCheck::Files(temporary_folder_not_writable)),
    ..Rule::OF_PLATFORMS
};

/// What is found about a user of the image's own, and about one that the platform makes up.
fn both(subject: &ProfileSubject<'_>, check: impl Fn(&User) -> Option<Found>) -> Outcome {
    let Some(user) = subject.user() else {
        let text =
            format!("the image has no user `{}`, so no container of it starts", subject.container.user);
        return subject.found(text).into();
    };
    if let Some(found) = check(&user) {
        return found.into();
    }
    // Who starts images like those of docker-stacks under another user adds the group that they are made for.
    if !subject.profile.parameters.installs {
        return Outcome::fine();
    }
    let found = check(&User::ARBITRARY).map(|found| found.with_level(Level::Warning));
    found.map(|found| found.with_beginning(ON_OPENSHIFT)).into()
}

const ON_OPENSHIFT: &str = "under a user id that the platform makes up, as on OpenShift: ";

fn working_directory_not_writable(subject: &ProfileSubject<'_>) -> Outcome {
    let path = subject.working_directory();
    let found = |user: &User| {
        let remedy = match path {
            "/" => Remedy::WorkingDirectory { path: "/opt/work".to_owned() },
            path => Remedy::group_may_write(path, 0, false),
        };
        let text = match subject.view.find(path) {
            // A runtime makes it, for root.
            None if user.is_root() => return None,
            None => {
                format!("the working directory `{path}` is not in the image, so it is made for root alone")
            }
            Some(folder) if user.may_fill(&folder) => return None,
            Some(folder) if !folder.is_directory() => format!("the working directory `{path}` is no folder"),
            Some(folder) => format!(
                "user {} may not write to the working directory `{path}` (mode {:04o}, owner {}:{})",
                user.uid,
                folder.mode(),
                folder.uid(),
                folder.gid(),
            ),
        };
        Some(subject.found(text).with_remedy(remedy))
    };
    both(subject, found)
}

fn packages_not_installable(subject: &ProfileSubject<'_>) -> Outcome {
    if subject.profile.parameters.installs && super::pins::installs_nothing(subject) {
        return Outcome::fine();
    }
    let python = match subject.python3() {
        PythonAnswer::Found(python) => python,
        PythonAnswer::Unknown(why) => return Outcome::unknown(why),
        PythonAnswer::Missing => return Outcome::fine(),
    };
    let found = |user: &User| {
        let may_make = |path: &str| user.may_make(subject.view, path);
        if may_make(&python.purelib) && may_make(&python.scripts) {
            return None;
        }
        let home = if user == &User::ARBITRARY && subject.variable("HOME").is_none() {
            "/".to_owned()
        } else {
            subject.home_of(user)
        };
        let packages = &python.purelib;
        let text = if python.is_virtual {
            format!("user {} may not write to the environment `{}`", user.uid, python.prefix)
        } else if may_make(&format!("{}/.local", home.trim_end_matches('/'))) {
            return None;
        } else {
            format!("user {} may write neither to `{packages}` nor to its home `{home}`", user.uid)
        };
        let remedy = match python.is_virtual || python.prefix == "/opt/conda" {
            true => Remedy::group_may_write(&python.prefix, 0, true),
            false => Remedy::variable("HOME", "/tmp"),
        };
        Some(subject.found(format!("{text}: pip can install nothing")).with_remedy(remedy))
    };
    both(subject, found)
}

fn temporary_folder_not_writable(subject: &ProfileSubject<'_>) -> Outcome {
    let said = subject.variable("TMPDIR").filter(|path| path.starts_with('/'));
    let stranger = User { uid: 1_000_660_000, gid: 1_000_660_000, groups: Vec::new() };
    let is_for_all = |path: &str| subject.view.find(path).is_some_and(|folder| stranger.may_fill(&folder));
    if said.iter().map(String::as_str).chain(["/tmp", "/var/tmp"]).any(is_for_all) {
        return Outcome::fine();
    }
    let remedy = Remedy::Permissions {
        path: "/tmp".to_owned(),
        recursive: false,
        uid: None,
        gid: None,
        file_mode: 0,
        folder_mode: 0o1777,
    };
    let text = "neither `/tmp` nor `/var/tmp` can be written to by everybody";
    subject.found(text).with_mend("RUN mkdir -p /tmp && chmod 1777 /tmp").with_remedy(remedy).into()
}
