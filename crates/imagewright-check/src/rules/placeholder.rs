//! `placeholder`

use imagewright_dockerfile::{Action, CopySource, StageSource};

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::rule::{Found, Level, Rule};
use crate::run::commands_of;

pub(super) static PLACEHOLDER: Rule = Rule {
    name: "placeholder",
    level: Level::Error,
    summary: "What guides leave for the reader to fill in is filled in.",
    why: "Guides write `elyra/kernel-py:VERSION`, or `…/download/vVERSION/…-VERSION.tar.gz`. Nothing is found there, and where it is \
          fetched without looking at failures, the build goes on without it.",
    mend: "Write the version that is meant, best once and as an argument:\n\n\
           ```dockerfile\nARG EG_VERSION=3.2.3\nFROM elyra/kernel-py:${EG_VERSION}\n```",
    sources: &[
        "Enterprise Gateway, \"Docker Images\": \"the string `VERSION` must be replaced with the appropriate value\"",
        "Elyra, \"Creating a custom runtime container image\": `docker-id-or-org-id`",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// Tags that guides write.
const TAGS: [&str; 3] = ["VERSION", "TAG", "YOUR_TAG"];
/// Parts of repositories that guides write.
const OWNERS: [&str; 2] = ["docker-id-or-org-id", "my-docker-id"];
/// What guides write in addresses.
const IN_ADDRESSES: [&str; 2] = ["VERSION", "YOUR_VERSION"];

fn in_reference(written: &str) -> Option<&str> {
    let name = written.split('@').next().unwrap_or(written);
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    TAGS.into_iter()
        .find(|known| *known == tag)
        .or_else(|| repository.split('/').find_map(|part| OWNERS.into_iter().find(|known| *known == part)))
}

/// The placeholder in an address: the word alone, or behind a `v`, and no variable.
fn in_address(word: &str) -> Option<&'static str> {
    if !word.contains("://") {
        return None;
    }
    IN_ADDRESSES.into_iter().find(|placeholder| {
        word.match_indices(placeholder).any(|(at, _)| {
            let before = word[..at].strip_suffix('v').unwrap_or(&word[..at]).chars().next_back();
            let after = word[at + placeholder.len()..].chars().next();
            let belongs = |letter: Option<char>| {
                letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            };
            !belongs(before) && !matches!(before, Some('$' | '{')) && !belongs(after)
        })
    })
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for stage in subject.stages() {
        let base = &stage.planned.written_base;
        if let (StageSource::Image(_), Some(placeholder)) = (&stage.planned.base, in_reference(base)) {
            found.push(Found::new(&stage.planned.origin, told(placeholder, base)));
        }
        for step in &stage.lowered.steps {
            let words: Vec<String> = match &step.action {
                Action::Run(run) => commands_of(run).into_iter().flat_map(|command| command.words).collect(),
                Action::Copy(copy) => copy.sources.iter().filter_map(address).collect(),
                _ => Vec::new(),
            };
            let first = words.iter().find_map(|word| Some((in_address(word)?, word)));
            found.extend(first.map(|(placeholder, word)| Found::new(&step.origin, told(placeholder, word))));
        }
    }
    found
}

fn address(source: &CopySource) -> Option<String> {
    match source {
        CopySource::Url(url) => Some(url.clone()),
        _ => None,
    }
}

fn told(placeholder: &str, text: &str) -> String {
    format!("`{placeholder}` in `{text}` stands for something that is still to be filled in")
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let made = subject.config.history.iter().filter_map(|entry| entry.created_by.as_deref());
    let words = made.flat_map(str::split_whitespace);
    let found = words.filter_map(|word| {
        let word = word.trim_matches(|letter: char| matches!(letter, '"' | '\'' | ';'));
        Some(Found::new(&subject.origin(), told(in_address(word)?, word)))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_variables_and_names() {
        for word in [
            "https://server.example/download/vVERSION/files-VERSION.tar.gz",
            "https://server.example/VERSION",
            "https://server.example/a-VERSION.tgz",
        ] {
            assert_eq!(in_address(word), Some("VERSION"), "{word}");
        }
        for word in [
            "https://server.example/v$VERSION/x",
            "https://server.example/v${VERSION}/x",
            "https://server.example/MY_VERSION",
            "https://server.example/VERSIONS.txt",
            "VERSION=1",
            "/opt/VERSION",
        ] {
            assert_eq!(in_address(word), None, "{word}");
        }
        assert_eq!(in_reference("elyra/kernel-py:VERSION"), Some("VERSION"));
        assert_eq!(in_reference("docker-id-or-org-id/my-runtime-image:latest"), Some("docker-id-or-org-id"));
        for reference in ["python:3", "version/x:1", "registry.example:5000/VERSION2", "a:v1.VERSION"] {
            assert_eq!(in_reference(reference), None, "{reference}");
        }
    }
}
