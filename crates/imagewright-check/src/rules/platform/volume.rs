//! A volume over the home: `home-not-writable`, `home-not-seeded`, `start-hidden-by-volume`, `conda-not-writable`.

use super::accounts::HOME;
use super::starts::Starting;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::{Entry, PythonAnswer};

const SOURCES: &[&str] = &[
    "Kubeflow, \"Notebook container images\", section \"Custom images\"",
    "Kubeflow's example notebook servers",
];

pub(crate) static HOME_NOT_WRITABLE: Rule = Rule {
    name: "home-not-writable",
    level: Level::Warning,
    summary: "The home is there, belongs to the user, and its group may write to it.",
    why: "Where no volume is mounted, notebooks and settings are written into the home of the image. New files belong to the group of \
          their folder only where it says so (mode 2775), which is what lets the next user id work on.",
    mend: "```dockerfile\nRUN mkdir -p /home/jovyan && chown 1000:100 /home/jovyan && chmod 2775 /home/jovyan\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(home_not_writable)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static HOME_NOT_SEEDED: Rule = Rule {
    name: "home-not-seeded",
    summary: "Files that the image has in its home are put onto the volume when it starts.",
    why: "A volume is mounted over the home, and at first it is empty: what the image has there is not seen. Kubeflow's images keep a \
          template elsewhere and copy it when they start, without overwriting what a user has changed.",
    mend: "```dockerfile\nRUN mkdir -p /tmp_home && cp -r -p /home/jovyan /tmp_home && chown -R 1000:0 /tmp_home\n```\n\nand when it \
           starts:\n\n```sh\numask 0002\ncp -n -r --no-preserve=mode /tmp_home/jovyan/. \"${HOME}\"\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(home_not_seeded)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static START_HIDDEN_BY_VOLUME: Rule = Rule {
    name: "start-hidden-by-volume",
    summary: "Nothing that is needed to start lies in the home.",
    why: "A volume is mounted over the home. Programs, environments and kernels that lie there are gone, and the server does not start \
          or has no kernels.",
    mend: "Install elsewhere, as into `/opt`:\n\n```dockerfile\nRUN python3 -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(start_hidden_by_volume)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static CONDA_NOT_WRITABLE: Rule = Rule {
    name: "conda-not-writable",
    level: Level::Warning,
    summary: "conda lies in `/opt/conda`, where the user and the group of the container may write.",
    why: "Users install packages while they work. In an environment that only root may write to they cannot, and under a made-up user \
          id it is the group that must be able to.",
    mend: "```dockerfile\nRUN chown -R 1000:0 /opt/conda && chmod -R g=u /opt/conda && find /opt/conda -type d -exec chmod g+s {} +\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(conda_not_writable)),
    ..Rule::OF_PLATFORMS
};

/// What Debian puts into every home.
const OF_DEBIAN: [&str; 3] = [".bashrc", ".profile", ".bash_logout"];
/// More files than a home has that was not made to do harm.
const MOST: usize = 50_000;

/// The home of whoever a platform runs, which is user 1000, whatever the image says.
fn home_of(subject: &ProfileSubject<'_>) -> String {
    let said = subject.variable("HOME").filter(|home| !home.is_empty());
    let home = said.or_else(|| Some(subject.view.account(1000)?.home));
    home.unwrap_or_else(|| HOME.to_owned())
}

fn home_not_writable(subject: &ProfileSubject<'_>) -> Outcome {
    let home = home_of(subject);
    let Some(folder) = subject.view.find(&home).filter(Entry::is_directory) else {
        let remedy = Remedy::Account {
            name: "jovyan".to_owned(),
            uid: 1000,
            gid: 100,
            groups: Vec::new(),
            home: home.clone(),
        };
        return subject.found(format!("the home `{home}` is not in the image")).with_remedy(remedy).into();
    };
    let (mode, uid, gid) = (folder.mode(), folder.uid(), folder.gid());
    let is_right = uid == 1000 && matches!(gid, 0 | 100) && mode & 0o2770 == 0o2770;
    if is_right {
        return Outcome::fine();
    }
    let text =
        format!("the home `{home}` is {uid}:{gid} with mode {mode:04o}, and should be 1000:100 with 2775");
    let remedy = Remedy::Permissions {
        path: home.clone(),
        recursive: false,
        uid: Some(1000),
        gid: Some(100),
        file_mode: 0,
        folder_mode: 0o2775,
    };
    let mend = format!("RUN chown 1000:100 {home} && chmod 2775 {home}");
    subject.found(text).with_mend(mend).with_remedy(remedy).into()
}

fn home_not_seeded(subject: &ProfileSubject<'_>) -> Outcome {
    let home = home_of(subject);
    let Some(folder) = subject.view.find(&home).filter(|folder| folder.path() != "/") else {
        return Outcome::fine();
    };
    let files = folder.below(MOST);
    let mut own: Vec<&Entry<'_>> = files.iter().filter(|entry| entry.is_file()).collect();
    // What every home has comes last: that it is not seen is the least.
    own.sort_by_key(|entry| OF_DEBIAN.contains(&entry.name()));
    let starting = Starting::of(subject);
    let copies = starting.has("tmp_home")
        || ["cp -n", "cp -an", "cp -rn", "--no-clobber", "--update=none", "--ignore-existing"]
            .iter()
            .any(|text| starting.has(text));
    match own.first() {
        Some(file) if !copies => {
            let text =
                format!("`{}` lies in the home, which a volume hides: nothing copies it there", file.path());
            let level = if OF_DEBIAN.contains(&file.name()) { Level::Warning } else { Level::Error };
            subject.found(text).with_level(level).into()
        }
        _ if copies => template(subject, &starting),
        _ => Outcome::fine(),
    }
}

/// What is copied must be there, be the group's as much as the user's, and be copied so.
fn template(subject: &ProfileSubject<'_>, starting: &Starting) -> Outcome {
    if !starting.has("tmp_home") {
        return Outcome::fine();
    }
    let Some(folder) = subject.view.find("/tmp_home") else {
        return subject.found("what starts copies `/tmp_home`, which is not in the image").into();
    };
    let differs = |entry: &Entry<'_>| {
        entry.link().is_none() && (entry.mode() >> 6) & 7 & !((entry.mode() >> 3) & 7) != 0
    };
    let entries = folder.below(MOST);
    if let Some(entry) = entries.iter().find(|entry| differs(entry)) {
        let text = format!(
            "the group may do less with `{}` than its owner: under a made-up user id it cannot be copied",
            entry.path()
        );
        let found = subject.found(text).with_level(Level::Warning).with_mend("RUN chmod -R g=u /tmp_home");
        return found.with_remedy(Remedy::group_may_write("/tmp_home", 0, true)).into();
    }
    let is_masked = starting.has("umask 0002") || starting.has("umask 002") || starting.has("umask 2");
    let text =
        "what starts copies files onto the volume without `umask 0002`: the group cannot write to them";
    (!is_masked).then(|| subject.found(text).with_level(Level::Warning)).into()
}

fn start_hidden_by_volume(subject: &ProfileSubject<'_>) -> Outcome {
    let home = home_of(subject);
    let home = home.trim_end_matches('/');
    if home.is_empty() {
        return Outcome::fine();
    }
    let is_inside = |path: &str| path.strip_prefix(home).is_some_and(|rest| rest.starts_with('/'));
    let mut found = Vec::new();
    for word in subject.command().iter().filter(|word| is_inside(word)) {
        found.push(
            subject.found(format!("the container starts `{word}`, which a volume over `{home}` hides")),
        );
    }
    for answer in [subject.python3(), subject.python()] {
        let PythonAnswer::Found(python) = answer else { continue };
        let real = subject.view.find(&python.program).map(|entry| entry.path()).unwrap_or_default();
        if [&python.prefix, &python.program, &real].into_iter().any(|path| is_inside(path)) {
            let text = format!("`{}` lies in `{home}`, which a volume hides", python.program);
            found.push(subject.found(text));
            break;
        }
    }
    for kernel in super::kernelspecs::kernels(subject) {
        let program = kernel.spec.as_ref().and_then(|spec| spec["argv"][0].as_str()).unwrap_or_default();
        if is_inside(program) && !is_inside(&kernel.folder) {
            let text = format!("the kernel in `{}` starts `{program}`, which a volume hides", kernel.folder);
            found.push(subject.found(text));
        }
    }
    found.into()
}

fn conda_not_writable(subject: &ProfileSubject<'_>) -> Outcome {
    let uses_conda = subject
        .known_python3()
        .is_some_and(|python| subject.view.find(&format!("{}/conda-meta", python.prefix)).is_some());
    let Some(python) = subject.known_python3().filter(|_| uses_conda) else { return Outcome::fine() };
    if python.prefix != "/opt/conda" && !python.prefix.starts_with("/opt/conda/") {
        return subject.found(format!("conda lies in `{}`, not in `/opt/conda`", python.prefix)).into();
    }
    let Some(folder) = subject.view.find("/opt/conda") else { return Outcome::fine() };
    let user = subject.user().is_none_or(|user| user.may_fill(&folder));
    let group = folder.mode() & 0o2070 == 0o2070;
    match user && group {
        true => Outcome::fine(),
        false => {
            let text = format!(
                "`/opt/conda` is {}:{} with mode {:04o}: the user or the group cannot install packages",
                folder.uid(),
                folder.gid(),
                folder.mode()
            );
            subject.found(text).with_remedy(Remedy::group_may_write("/opt/conda", 0, true)).into()
        }
    }
}
