//! What images of docker-stacks say of themselves, and what is in them: `python-not-pinned`, `notebook-command`,
//! `working-directory-not-home`, `emulator-leftovers`, `tag-contradicts-contents`.

use imagewright_oci::MediaType;

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Level, Outcome, PlatformCheck, Rule};
use crate::shell::base_name;

const SOURCES: &[&str] = &["Jupyter Docker Stacks, \"Selecting an image\" and its Dockerfiles"];

pub(crate) static PYTHON_NOT_PINNED: Rule = Rule {
    name: "python-not-pinned",
    level: Level::Warning,
    summary: "conda keeps its Python, takes packages from conda-forge alone, and does not update itself.",
    why: "Installing a package may move Python to another minor version, after which nothing that pip installed is found any more. \
          Packages of other channels do not go together with those of conda-forge.",
    mend: "```dockerfile\nRUN echo \"python 3.13.*\" >> /opt/conda/conda-meta/pinned\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(python_not_pinned)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static NOTEBOOK_COMMAND: Rule = Rule {
    name: "notebook-command",
    level: Level::Warning,
    summary: "A notebook image starts `start-notebook.py` on port 8888, and checks its health.",
    why: "That command chooses between a server of one's own and one of JupyterHub, and takes the options that the documentation names. \
          An image in OCI's format cannot say how its health is checked: that is a note.",
    mend: "```dockerfile\nENV JUPYTER_PORT=8888\nEXPOSE 8888\nHEALTHCHECK --interval=3s --timeout=1s --start-period=3s --retries=3 \\\n    \
           CMD /etc/jupyter/docker_healthcheck.py || exit 1\nCMD [\"start-notebook.py\"]\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(notebook_command)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static WORKING_DIRECTORY_NOT_HOME: Rule = Rule {
    name: "working-directory-not-home",
    level: Level::Warning,
    summary: "Programs start in the home.",
    why: "Notebooks are listed and saved where the server starts; elsewhere they are in no volume.",
    mend: "```dockerfile\nWORKDIR ${HOME}\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(working_directory_not_home)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static EMULATOR_LEFTOVERS: Rule = Rule {
    name: "emulator-leftovers",
    level: Level::Warning,
    summary: "The home's cache holds nothing of an emulator.",
    why: "Images that are built for another processor by an emulator may have its translated code in `~/.cache`: megabytes that are of no \
          use, and differ each time.",
    mend: "```dockerfile\nRUN … && rm -rf \"/home/${NB_USER}/.cache/rosetta\"\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(emulator_leftovers)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static TAG_CONTRADICTS_CONTENTS: Rule = Rule {
    name: "tag-contradicts-contents",
    summary: "A tag that names a version names that of the image.",
    why: "Tags such as `python-3.13` or `lab-4.4.1` are what people choose by. One that says something else than what is in the image \
          misleads everybody, and has been published before.",
    mend: "Take the version from the image:\n\n```sh\nimagewright tag team/notebook:latest team/notebook:python-3.13\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(tag_contradicts_contents)),
    ..Rule::OF_PLATFORMS
};

fn python_not_pinned(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(python) = subject.known_python3() else { return Outcome::fine() };
    if subject.view.find(&format!("{}/conda-meta", python.prefix)).is_none() {
        return subject.found(format!("`{}` is not conda's", python.program)).into();
    }
    let pin = format!("python {}.*", python.version_text());
    let pinned = subject.view.text(&format!("{}/conda-meta/pinned", python.prefix)).unwrap_or_default();
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found: Vec<Found> = Vec::new();
    if !pinned
        .lines()
        .any(|line| squeezed(line) == pin || squeezed(line) == format!("python={}", python.version_text()))
    {
        let other = pinned.lines().find(|line| line.trim_start().starts_with("python "));
        let text = match other {
            Some(other) => format!(
                "`conda-meta/pinned` says `{}`, and Python {} is installed",
                other.trim(),
                python.version_text()
            ),
            None => format!("`conda-meta/pinned` does not keep Python {}", python.version_text()),
        };
        found.push(
            subject.found(text).with_mend(format!("RUN echo \"{pin}\" >> /opt/conda/conda-meta/pinned")),
        );
    }
    let settings = subject.view.text(&format!("{}/.condarc", python.prefix)).unwrap_or_default();
    let channels: Vec<&str> = settings
        .lines()
        .skip_while(|line| !line.starts_with("channels"))
        .skip(1)
        .take_while(|line| line.trim_start().starts_with('-'))
        .map(|line| line.trim_start().trim_start_matches('-').trim())
        .collect();
    if channels != ["conda-forge"] {
        let text = format!("conda takes packages from {}, not from conda-forge alone", listed(&channels));
        found.push(subject.found(text).with_mend("RUN conda config --system --prepend channels conda-forge"));
    }
    let updates = settings.lines().any(|line| {
        line.split_once(':')
            .is_some_and(|(name, value)| name.trim() == "auto_update_conda" && value.trim() == "false")
    });
    if !updates {
        let text = "conda updates itself: `auto_update_conda` is not false";
        found.push(subject.found(text).with_mend("RUN conda config --system --set auto_update_conda false"));
    }
    found.into()
}

fn listed(channels: &[&str]) -> String {
    if channels.is_empty() { "its default channels".to_owned() } else { channels.join(", ") }
}

fn notebook_command(subject: &ProfileSubject<'_>) -> Outcome {
    // The foundation has no notebook server.
    let has_server = subject.installed().is_some_and(|installed| {
        ["notebook", "jupyterlab", "jupyter_server"].iter().any(|name| installed.has(name))
    });
    if !has_server {
        return Outcome::fine();
    }
    let mut found: Vec<Found> = Vec::new();
    let command = subject.container.cmd.clone().unwrap_or_default();
    let is_right = command
        .first()
        .is_some_and(|word| ["start-notebook.py", "start-notebook.sh"].contains(&base_name(word)));
    if !is_right {
        let text = format!("the command is `{}`, not `start-notebook.py`", command.join(" "));
        found.push(subject.found(text).with_mend("CMD [\"start-notebook.py\"]"));
    }
    let port = subject.variable("JUPYTER_PORT");
    if port.as_deref() != Some("8888") {
        let text = "`JUPYTER_PORT` is not 8888";
        found.push(subject.found(text).with_remedy(Remedy::variable("JUPYTER_PORT", "8888")));
    }
    found.extend(health(subject));
    found.into()
}

fn health(subject: &ProfileSubject<'_>) -> Option<Found> {
    let check = subject.container.extra.get("Healthcheck");
    let is_oci = subject.image.manifest.config.media_type == MediaType::Config;
    match check {
        None if is_oci => {
            let text = "OCI's format has no health check, so one that a Dockerfile names is lost";
            Some(subject.found(text).with_level(Level::Note))
        }
        None => Some(subject.found("there is no health check")),
        Some(check) => {
            let seconds = |name: &str| check[name].as_u64().unwrap_or_default() / 1_000_000_000;
            let is_right = seconds("Interval") == 3
                && seconds("Timeout") == 1
                && seconds("StartPeriod") == 3
                && check["Retries"] == 3;
            (!is_right).then(|| {
                subject
                    .found("the health check is not every 3 s, with 1 s to answer, 3 s to start and 3 tries")
            })
        }
    }
}

fn working_directory_not_home(subject: &ProfileSubject<'_>) -> Outcome {
    let home = subject.variable("HOME").unwrap_or_else(|| super::accounts::HOME.to_owned());
    let folder = subject.working_directory();
    if folder.trim_end_matches('/') == home.trim_end_matches('/') {
        return Outcome::fine();
    }
    let text = format!("programs start in `{folder}`, not in `{home}`");
    let remedy = Remedy::WorkingDirectory { path: home.clone() };
    subject.found(text).with_mend(format!("WORKDIR {home}")).with_remedy(remedy).into()
}

fn emulator_leftovers(subject: &ProfileSubject<'_>) -> Outcome {
    let home = subject.variable("HOME").unwrap_or_else(|| super::accounts::HOME.to_owned());
    let Some(cache) = subject.view.find(&format!("{home}/.cache")) else { return Outcome::fine() };
    let of_emulator = |name: &str| ["rosetta", "qemu"].iter().any(|emulator| name.contains(emulator));
    let found = cache.children().find(|entry| of_emulator(entry.name()));
    found.map(|entry| subject.found(format!("`{}` is of an emulator", entry.path()))).into()
}

/// The version that the image has of what a tag names.
fn version_of(subject: &ProfileSubject<'_>, what: &str) -> Option<String> {
    let package = match what {
        "python" => {
            let python = subject.known_python3()?;
            let micro = python.micro.map(|micro| format!(".{micro}")).unwrap_or_default();
            return Some(format!("{}{micro}", python.version_text()));
        }
        "ubuntu" => {
            let text = subject.view.text("/etc/os-release")?;
            let value = text.lines().find_map(|line| line.strip_prefix("VERSION_ID="))?;
            return Some(value.trim_matches('"').to_owned());
        }
        "conda" | "mamba" => {
            let prefix = &subject.known_python3()?.prefix;
            let folder = subject.view.find(&format!("{prefix}/conda-meta"))?;
            return folder.children().find_map(|entry| {
                let rest = entry.name().strip_prefix(what)?.strip_prefix('-')?;
                rest.starts_with(|letter: char| letter.is_ascii_digit())
                    .then(|| rest.split('-').next().unwrap_or_default().to_owned())
            });
        }
        "lab" => "jupyterlab",
        "notebook" => "notebook",
        "hub" => "jupyterhub",
        "pytorch" => "torch",
        "tensorflow" => "tensorflow",
        _ => return None,
    };
    let version = &subject.installed()?.get(package)?.version;
    Some(version.split('+').next().unwrap_or_default().to_owned())
}

fn tag_contradicts_contents(subject: &ProfileSubject<'_>) -> Outcome {
    let reference = subject.reference().and_then(|state| state.reference.as_ref());
    let Some(tag) = reference.and_then(|reference| reference.tag()) else { return Outcome::fine() };
    let mut tag = tag.as_str();
    for prefix in ["x86_64-", "aarch64-", "cuda-", "cuda12-", "cuda13-"] {
        tag = tag.strip_prefix(prefix).unwrap_or(tag);
    }
    let Some((what, said)) = tag.split_once('-') else { return Outcome::fine() };
    let Some(version) = version_of(subject, what) else { return Outcome::fine() };
    let parts = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (said_parts, parts) = (parts(said), parts(&version));
    let known = said_parts.len().min(parts.len());
    if said_parts[..known] == parts[..known] {
        return Outcome::fine();
    }
    subject.found(format!("the tag says {what} {said}, and the image has {version}")).into()
}
