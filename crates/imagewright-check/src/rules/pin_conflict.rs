//! `pin-conflict`

use std::collections::BTreeMap;
use std::str::FromStr;

use imagewright_dockerfile::{Action, MountKind, RunAction, Step};
use imagewright_model::spec::Origin;
use imagewright_oci::ContainerConfig;
use pep440_rs::Version;

use super::root::variable;
use crate::dockerfile::DockerfileSubject;
use crate::elyra::{RELEASES, Release, is_spelt_otherwise};
use crate::image::ImageSubject;
use crate::leftovers::distributions;
use crate::requirement::{Against, Requirement, in_file, normalised};
use crate::rule::{Found, Level, Rule};
use crate::run::{commands_of, pip};

pub(super) static PIN_CONFLICT: Rule = Rule {
    name: "pin-conflict",
    level: Level::Warning,
    summary: "Versions are not pinned to what a pipeline replaces.",
    why: "Before Elyra runs a notebook or script in a container, it installs packages of its own there, in versions it has fixed. What \
          the image has in an older version is replaced. So are Jinja2, jupyter_client, jupyter_core and prompt_toolkit in any other \
          version, also a newer one, because their names are compared to the letter. The notebook then runs with other versions \
          than were pinned, or with some that do not go together.\n\n\
          Where an image sets `ELYRA_INSTALL_PACKAGES=false`, nothing is replaced, and the rule says nothing.",
    mend: "Pin what Elyra wants, or leave it open; or bring everything along that pipelines need and keep them from installing:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir 'requests>=2.33.0' jupyter_client==7.4.9\n\n\
           # or, with papermill, minio and the others in the image:\nENV ELYRA_INSTALL_PACKAGES=false\n```",
    sources: &[
        "Elyra, \"Creating a custom runtime container image\", section \"Conflicting package dependencies\"",
        "`requirements-elyra.txt` of Elyra 4.1.1 and of its main branch; the bootstrapper as observed",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// Options of pip that take the next word.
const WITH_VALUE: [&str; 22] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-c",
    "--constraint",
    "-e",
    "--editable",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--timeout",
    "--retries",
    "--proxy",
    "--cert",
    "--progress-bar",
    "--upgrade-strategy",
];
/// Those that install elsewhere.
const ELSEWHERE: [&str; 6] = ["-t", "--target", "--prefix", "--root", "--dry-run", "--download"];

fn installs_nothing(container: &ContainerConfig) -> bool {
    variable(container, "ELYRA_INSTALL_PACKAGES").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// A requirement, the instruction it belongs to, and where it is written if that is elsewhere.
struct Asked<'a> {
    requirement: Requirement,
    step: &'a Step,
    place: Option<String>,
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let Some(container) = subject.container().filter(|container| !installs_nothing(container)) else {
        return Vec::new();
    };
    // What is asked for last is what is there.
    let mut asked: BTreeMap<String, Asked<'_>> = BTreeMap::new();
    for step in subject.image_steps() {
        let Action::Run(run) = &step.action else { continue };
        for command in commands_of(run) {
            let is_reached = match command.words.first().and_then(|word| word.rsplit_once('/')) {
                Some((folder, _)) => {
                    variable(container, "PATH").unwrap_or_default().split(':').any(|it| it == folder)
                }
                None => true,
            };
            let Some(arguments) = pip(&command).filter(|_| is_reached) else { continue };
            for (requirement, place) in requirements(subject, run, arguments) {
                asked.insert(requirement.name.clone(), Asked { requirement, step, place });
            }
        }
    }
    asked.values().filter_map(|asked| judged(asked)).collect()
}

/// What `pip install` is asked for, and where that is written.
fn requirements(
    subject: &DockerfileSubject<'_>,
    run: &RunAction,
    arguments: &[String],
) -> Vec<(Requirement, Option<String>)> {
    let mut words = arguments.iter().map(String::as_str).skip_while(|word| *word != "install");
    let is_elsewhere = |word: &String| ELSEWHERE.contains(&word.split('=').next().unwrap_or_default());
    if words.next().is_none() || arguments.iter().any(is_elsewhere) {
        return Vec::new();
    }
    let mut all = Vec::new();
    while let Some(word) = words.next() {
        let file = match word
            .strip_prefix("--requirement=")
            .or_else(|| word.strip_prefix("-r").filter(|it| !it.is_empty()))
        {
            Some(file) => Some(file),
            None if word == "-r" || word == "--requirement" => words.next(),
            None => None,
        };
        if let Some(file) = file {
            all.extend(of_file(subject, run, file, 0));
        } else if WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            all.extend(Requirement::parse(word).map(|requirement| (requirement, None)));
        }
    }
    all
}

fn of_file(
    subject: &DockerfileSubject<'_>,
    run: &RunAction,
    file: &str,
    depth: u32,
) -> Vec<(Requirement, Option<String>)> {
    let path = match file.starts_with('/') {
        true => file.to_owned(),
        false => format!("{}/{}", run.folder.trim_end_matches('/'), file.trim_start_matches("./")),
    };
    let Some(text) = mounted(subject, run, &path).or_else(|| subject.text_in_image(&path)) else {
        return Vec::new();
    };
    let (requirements, files) = in_file(&text);
    let mut all = Vec::new();
    if depth < 4 {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let named = files
            .iter()
            .map(|name| if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") });
        all.extend(named.flat_map(|name| of_file(subject, run, &name, depth + 1)));
    }
    let place = |line: u32| Some(format!("{file}:{line}"));
    all.extend(requirements.into_iter().map(|(line, requirement)| (requirement, place(line))));
    all
}

/// A file that a mount shows of the build context.
fn mounted(subject: &DockerfileSubject<'_>, run: &RunAction, path: &str) -> Option<String> {
    run.mounts.iter().find_map(|mount| {
        let MountKind::Bind { from: None, source, .. } = &mount.kind else { return None };
        let rest = path.strip_prefix(mount.target.trim_end_matches('/'))?;
        let is_inside = rest.is_empty() || rest.starts_with('/');
        let source = source.trim_end_matches('/');
        is_inside.then(|| subject.text_in_context(&format!("{source}{rest}"))).flatten()
    })
}

/// What a release makes of a requirement: the version that takes its place.
fn replacing(release: &Release, requirement: &Requirement) -> Option<Version> {
    let pin = release.pin(&requirement.name)?;
    match requirement.against(&pin) {
        Against::Fits => None,
        Against::Older => Some(pin),
        Against::Newer => is_spelt_otherwise(&requirement.name).then_some(pin),
    }
}

fn judged(asked: &Asked<'_>) -> Option<Found> {
    let Asked { requirement, step, place } = asked;
    let by = |release: &'static Release| Some((release, replacing(release, requirement)?));
    let replaced: Vec<_> = RELEASES.iter().filter_map(by).collect();
    let level =
        if replaced.iter().any(|(release, _)| release.is_released) { Level::Warning } else { Level::Note };
    let text = match place {
        Some(place) => format!("`{}` ({place})", requirement.text),
        None => format!("`{}`", requirement.text),
    };
    let (_, pin) = replaced.first()?;
    let mend = format!("{}=={pin}", requirement.name);
    Some(Found::new(&step.origin, told(&text, &replaced)).with_level(level).with_mend(mend))
}

fn told(text: &str, replaced: &[(&'static Release, Version)]) -> String {
    let mut by: Vec<(&Version, Vec<&str>)> = Vec::new();
    for (release, pin) in replaced {
        match by.iter_mut().find(|(known, _)| *known == pin) {
            Some((_, names)) => names.push(release.name),
            None => by.push((pin, vec![release.name])),
        }
    }
    let by: Vec<_> = by.iter().map(|(pin, names)| format!("{pin} (Elyra {})", names.join(" and "))).collect();
    format!("{text} does not last: a pipeline installs {} before it runs a notebook", by.join(" or "))
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    if installs_nothing(&subject.container()) {
        return Vec::new();
    }
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (_, name, version) in distributions(subject.layers()) {
        let Ok(parsed) = Version::from_str(&version) else { continue };
        let normalised = normalised(&name);
        let by = |release: &'static Release| Some((release, release.replaces(&normalised, &parsed)?));
        let replaced: Vec<_> = RELEASES.iter().filter(|release| release.is_released).filter_map(by).collect();
        if !replaced.is_empty() {
            let text = told(&format!("`{name}` {version}"), &replaced);
            found.insert(normalised, note(&subject.origin(), text));
        }
    }
    found.into_values().collect()
}

fn note(origin: &Origin, text: String) -> Found {
    Found::new(origin, text).with_level(Level::Note)
}
