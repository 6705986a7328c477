//! References: the names images go by.
//!
//! The familiar-name rules are those of Docker and containerd: a name without a registry means the default
//! registry, a name of one component there lives under `library/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, DigestError};

/// The registry a familiar name means.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Another name of the default registry that old files hold.
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
/// Where one-word names live in the default registry.
const OFFICIAL_NAMESPACE: &str = "library";
/// The longest repository name registries accept.
const LONGEST_REPOSITORY: usize = 255;
/// The longest tag registries accept.
const LONGEST_TAG: usize = 128;

/// Why a text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing.
    #[error("the image reference is empty")]
    Empty,
    /// It begins like a web address.
    #[error("image reference `{0}` is a web address: leave out `{1}`")]
    WebAddress(String, String),
    /// It holds a blank or another character that no part may hold.
    #[error("image reference `{text}` holds {character:?}, which no reference may")]
    Character {
        /// The text that was refused.
        text: String,
        /// The character.
        character: char,
    },
    /// The repository has upper-case letters.
    #[error("repository `{0}` must be lower case")]
    UpperCase(String),
    /// The repository is not made of lower-case words.
    #[error(
        "repository `{repository}` is not valid at `{component}`: each part is lower-case letters and digits, \
         joined by `.`, `_`, `__` or dashes"
    )]
    Repository {
        /// The repository.
        repository: String,
        /// The part between slashes that is wrong.
        component: String,
    },
    /// The repository is longer than registries accept.
    #[error("repository `{0}` is longer than {LONGEST_REPOSITORY} characters")]
    TooLong(String),
    /// The registry is not a host name with an optional port.
    #[error("registry `{0}` is not a host name or address with an optional port")]
    Registry(String),
    /// The tag has characters it must not have, or too many.
    #[error(
        "tag `{0}` is not valid: letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`, {LONGEST_TAG} at most"
    )]
    Tag(String),
    /// The part after `@` is not a digest.
    #[error("image reference `{text}` has no valid digest after `@`")]
    Digest {
        /// The text that was refused.
        text: String,
        /// What is wrong with the digest.
        source: DigestError,
    },
    /// It is the id of an image.
    #[error("`{0}` is an image id, not a name")]
    ImageId(String),
}

/// A tag: a name in a repository that may move to another image.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// The tag a reference without tag and digest means.
    pub fn latest() -> Self {
        Self("latest".into())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_well = text.chars().next().is_some_and(word);
        if starts_well && text.len() <= LONGEST_TAG && text.chars().all(|c| word(c) || c == '.' || c == '-') {
            Ok(Self(text.into()))
        } else {
            Err(ReferenceError::Tag(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.into()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `registry/repository:tag@digest`, complete.
///
/// [`Display`](fmt::Display) writes the familiar form people type (`python:3.13-slim`), [`Reference::canonical`]
/// the complete one. A reference has a tag, a digest or both; without either it means the tag `latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: Box<str>,
    repository: Box<str>,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// Host and optional port of the registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository inside the registry, `library/` included.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, absent only where there is a digest.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, where the reference is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository with another tag and no digest.
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same reference pinned to `digest`.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same reference without its digest.
    pub fn without_digest(&self) -> Self {
        let tag = self.tag.clone().unwrap_or_else(Tag::latest);
        self.with_tag(tag)
    }

    /// Registry and repository as people write them: `python`, `demo/data-science`, `registry.example/a/b`.
    pub fn familiar_repository(&self) -> String {
        if &*self.registry != DEFAULT_REGISTRY {
            return format!("{}/{}", self.registry, self.repository);
        }
        let official = self.repository.strip_prefix("library/").filter(|rest| !rest.contains('/'));
        official.unwrap_or(&self.repository).to_owned()
    }

    /// The complete form, registry always named.
    pub fn canonical(&self) -> String {
        format!("{}/{}{}", self.registry, self.repository, self.suffix())
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::WebAddress(text.to_owned(), format!("{scheme}://")));
        }
        if let Some(character) = text.chars().find(|&c| !c.is_ascii_graphic()) {
            return Err(ReferenceError::Character { text: text.to_owned(), character });
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed = digest
                    .parse()
                    .map_err(|source| ReferenceError::Digest { text: text.to_owned(), source })?;
                (rest, Some(parsed))
            }
            None => (text, None),
        };
        let (registry, rest) = split_registry(rest);
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        if registry.is_none() && tag.is_none() && digest.is_none() && is_image_id(repository) {
            return Err(ReferenceError::ImageId(text.to_owned()));
        }
        check_repository(repository)?;
        let registry = match registry {
            Some(registry) => checked_registry(registry)?,
            None => DEFAULT_REGISTRY,
        };
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("{OFFICIAL_NAMESPACE}/{repository}")
        } else {
            repository.to_owned()
        };
        let tag = if tag.is_none() && digest.is_none() { Some(Tag::latest()) } else { tag };
        Ok(Self { registry: registry.into(), repository: repository.into(), tag, digest })
    }
}

/// The part before the first slash is a registry when it cannot be a repository name.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':', '['])
                || first == "localhost"
                || first.chars().any(char::is_uppercase) =>
        {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

fn checked_registry(text: &str) -> Result<&str, ReferenceError> {
    if text == LEGACY_DEFAULT_REGISTRY {
        return Ok(DEFAULT_REGISTRY);
    }
    let wrong = || ReferenceError::Registry(text.to_owned());
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            (None, port.strip_prefix(':').or(if port.is_empty() { None } else { Some("") }))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let host_is_right = host.is_none_or(|host| host.split('.').all(label));
    let port_is_right = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if host_is_right && port_is_right { Ok(text) } else { Err(wrong()) }
}

fn check_repository(repository: &str) -> Result<(), ReferenceError> {
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase(repository.to_owned()));
    }
    if repository.len() > LONGEST_REPOSITORY {
        return Err(ReferenceError::TooLong(repository.to_owned()));
    }
    match repository.split('/').find(|component| !is_path_component(component)) {
        Some(component) => Err(ReferenceError::Repository {
            repository: repository.to_owned(),
            component: component.to_owned(),
        }),
        None => Ok(()),
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution spec, "Pulling manifests").
fn is_path_component(component: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators_are_right = component
        .split(word)
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.chars().all(|c| c == '-'));
    component.starts_with(word) && component.ends_with(word) && separators_are_right
}

fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.canonical()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.familiar_repository(), self.suffix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn familiar_names_mean_the_default_registry() {
        let cases = [
            ("python", "docker.io/library/python:latest", "python:latest"),
            ("python:3.13-slim", "docker.io/library/python:3.13-slim", "python:3.13-slim"),
            (
                "jupyter/base-notebook",
                "docker.io/jupyter/base-notebook:latest",
                "jupyter/base-notebook:latest",
            ),
            ("docker.io/python", "docker.io/library/python:latest", "python:latest"),
            ("index.docker.io/a/b:1", "docker.io/a/b:1", "a/b:1"),
            ("library/python", "docker.io/library/python:latest", "python:latest"),
            ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
            ("localhost:5000/a/b:x", "localhost:5000/a/b:x", "localhost:5000/a/b:x"),
            ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
            (
                "registry.example/a__b/c--d.e_f",
                "registry.example/a__b/c--d.e_f:latest",
                "registry.example/a__b/c--d.e_f:latest",
            ),
        ];
        for (text, canonical, familiar) in cases {
            let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(reference.canonical(), canonical, "{text}");
            assert_eq!(reference.to_string(), familiar, "{text}");
            assert_eq!(reference.canonical().parse::<Reference>().unwrap(), reference, "{text}");
            assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference, "{text}");
        }
    }

    #[test]
    fn tag_and_digest_are_both_kept() {
        let both: Reference = format!("python:3@{DIGEST}").parse().unwrap();
        assert_eq!(both.tag().unwrap().as_str(), "3");
        assert_eq!(both.digest().unwrap().to_string(), DIGEST);
        assert_eq!(both.to_string(), format!("python:3@{DIGEST}"));
        let pinned: Reference = format!("python@{DIGEST}").parse().unwrap();
        assert!(pinned.tag().is_none());
        assert_eq!(pinned.without_digest().to_string(), "python:latest");
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let long = "a".repeat(256);
        let id = "a".repeat(64);
        let cases = [
            ("", "is empty"),
            ("https://registry.example/a", "leave out `https://`"),
            ("a b", "holds ' '"),
            ("Python", "must be lower case"),
            ("a/B", "must be lower case"),
            ("a//b", "is not valid at ``"),
            ("-a", "is not valid at `-a`"),
            ("a/b_", "is not valid at `b_`"),
            ("a___b", "is not valid at `a___b`"),
            ("a/../b", "is not valid at `..`"),
            ("a:", "tag `` is not valid"),
            ("a:-1", "tag `-1` is not valid"),
            ("a:b:c", "tag `b:c` is not valid"),
            ("a@sha256:12", "no valid digest"),
            ("registry.example:99999/a", "registry `registry.example:99999`"),
            ("-bad.example/a", "registry `-bad.example`"),
            ("[::g]/a", "registry `[::g]`"),
            (&long, "longer than 255"),
            (&id, "is an image id"),
        ];
        for (text, part) in cases {
            let message = text.parse::<Reference>().map(|r| r.to_string()).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
