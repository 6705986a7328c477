//! `base-not-pinned` and `base-latest`

use imagewright_dockerfile::StageSource;
use imagewright_model::spec::Origin;
use imagewright_oci::{Reference, annotation};

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::rule::{Found, Level, Rule};

pub(super) static BASE_NOT_PINNED: Rule = Rule {
    name: "base-not-pinned",
    level: Level::Warning,
    summary: "Bases are named with a tag, and best with a digest.",
    why: "A name without tag and digest means whatever is newest on the day of the build. A tag moves, too: rebuilt base images \
          get the same tag. Only a digest names the same image for good, so that a build next month gives what it gave today.\n\n\
          A base without tag and digest is a warning, one with a tag and no digest a note.",
    mend: "Keep the tag for people and add the digest:\n\n\
           ```dockerfile\nFROM quay.io/jupyter/scipy-notebook:2025-03-10@sha256:…\n```\n\n\
           `imagewright pull NAME` prints the digest.",
    sources: &["hadolint DL3006", "Docker, \"Building best practices\": pin base image versions"],
    on_dockerfile: Some(not_pinned),
    on_image: Some(recorded_without_digest),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

pub(super) static BASE_LATEST: Rule = Rule {
    name: "base-latest",
    level: Level::Warning,
    summary: "Bases are not named with the tag `latest`.",
    why: "`latest` is the newest build of whatever the maintainers released last. Python, libraries and users in it change without a \
          word, and two people who build on one day may get two images.",
    mend: "Name a release, and best its digest:\n\n```dockerfile\nFROM python:3.13-slim@sha256:…\n```",
    sources: &["hadolint DL3007"],
    on_dockerfile: Some(latest),
    on_image: Some(recorded_as_latest),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// Images that files or stages come from: as written, and where.
fn named(subject: &DockerfileSubject<'_>) -> Vec<(String, Reference, Origin)> {
    let mut all = Vec::new();
    for stage in subject.stages() {
        if let StageSource::Image(reference) = &stage.planned.base {
            all.push((stage.planned.written_base.clone(), reference.clone(), stage.planned.origin.clone()));
        }
        for step in &stage.lowered.steps {
            let imagewright_dockerfile::Action::Copy(copy) = &step.action else { continue };
            let written = step.title.split(' ').find_map(|word| word.strip_prefix("--from="));
            if let (Some(StageSource::Image(reference)), Some(written)) = (&copy.from, written) {
                all.push((written.to_owned(), reference.clone(), step.origin.clone()));
            }
        }
    }
    all
}

/// Whether a tag is written.
fn has_tag(written: &str) -> bool {
    let name = written.split('@').next().unwrap_or(written);
    name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

fn not_pinned(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let open = named(subject).into_iter().filter(|(_, reference, _)| reference.digest().is_none());
    let told = |(written, reference, origin): (String, Reference, Origin)| {
        // A tag that has a rule of its own is told of once.
        let is_latest = reference.tag().is_some_and(|tag| tag.as_str() == "latest");
        match has_tag(&written) {
            false => Some(Found::new(
                &origin,
                format!("`{written}` has neither tag nor digest: it is whatever is newest"),
            )),
            true if is_latest => None,
            true => {
                let message = format!("`{written}` is named by a tag, which may move: add its digest");
                Some(Found::new(&origin, message).with_level(Level::Note))
            }
        }
    };
    open.filter_map(told).collect()
}

fn latest(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let is_latest = |(written, reference, _): &(String, Reference, Origin)| {
        reference.digest().is_none()
            && has_tag(written)
            && reference.tag().is_some_and(|tag| tag.as_str() == "latest")
    };
    let named = named(subject).into_iter().filter(is_latest);
    named
        .map(|(written, _, origin)| Found::new(&origin, format!("`{written}` is whatever is newest")))
        .collect()
}

/// What the manifest tells of the base: its name, and whether its digest is there as well.
fn recorded<'a>(subject: &'a ImageSubject<'_>) -> Option<(&'a str, bool)> {
    let annotations = &subject.manifest.annotations;
    let name = annotations.get(annotation::BASE_NAME).filter(|name| !name.is_empty())?;
    Some((name, name.contains('@') || annotations.contains_key(annotation::BASE_DIGEST)))
}

fn recorded_without_digest(subject: &ImageSubject<'_>) -> Vec<Found> {
    let Some((name, false)) = recorded(subject) else { return Vec::new() };
    let message = format!("the image says that its base is `{name}`, and not with which digest");
    vec![Found::new(&subject.origin(), message).with_level(Level::Note)]
}

fn recorded_as_latest(subject: &ImageSubject<'_>) -> Vec<Found> {
    let Some((name, _)) = recorded(subject) else { return Vec::new() };
    let is_latest = !name.contains('@') && name.ends_with(":latest");
    let message = || format!("it was built on `{name}`: the next build may be on something else");
    is_latest.then(|| Found::new(&subject.origin(), message()).with_level(Level::Note)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert!(has_tag("python:3") && has_tag("registry.example:5000/a:1") && has_tag("a:1@sha256:00"));
        assert!(!has_tag("python") && !has_tag("registry.example:5000/a") && !has_tag("a@sha256:00"));
    }
}
