//! What somebody may mean who is typing a package or an image.

use std::cmp::Ordering;
use std::collections::HashSet;

use imagewright_engine::{EngineError, NamesQuery, Packages};
use imagewright_oci::Reference;
use imagewright_registry::{
    Client, Credential, CredentialSource, NoCredentials, OneCredential, RegistrySettings,
};

use crate::metadata::{PATIENCE, Trouble};
use crate::{Service, ServiceError};

/// What is being typed.
#[derive(Clone, Debug)]
pub struct SuggestCommand {
    /// Of which packages.
    pub packages: Packages,
    /// The line so far.
    pub text: String,
    /// Names that come first of equally good ones.
    pub preferred: HashSet<String>,
    /// How many suggestions are wanted.
    pub limit: usize,
}

/// What a line may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The line.
    pub text: String,
    /// What it is, in a few words.
    pub detail: Option<String>,
}

/// What may be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Best first.
    pub items: Vec<Suggestion>,
    /// Whether all that could be looked in was there: a list that is still being fetched was not.
    pub complete: bool,
}

impl Service {
    /// Suggests how a line may go on: names from the lists that are here, or versions, for which the index or channel is asked.
    pub fn suggest(&self, command: &SuggestCommand) -> Result<Suggestions, ServiceError> {
        match Typed::read(&command.packages, &command.text) {
            Typed::Name { before, name } if !name.is_empty() => {
                let query = NamesQuery {
                    packages: command.packages.clone(),
                    text: name,
                    preferred: &command.preferred,
                    limit: command.limit,
                };
                let found = self.engine.names(&query)?;
                let suggestion = |name: imagewright_engine::ListedName| Suggestion {
                    text: format!("{before}{}", name.name),
                    detail: name.version,
                };
                Ok(Suggestions {
                    items: found.names.into_iter().map(suggestion).collect(),
                    complete: found.is_listed,
                })
            }
            Typed::Version { before, name, version } => {
                let mut versions = self.engine.versions(&command.packages, name)?;
                versions.retain(|known| known.starts_with(version));
                versions.truncate(command.limit);
                let suggestion =
                    |version: String| Suggestion { text: format!("{before}{version}"), detail: None };
                Ok(Suggestions { items: versions.into_iter().map(suggestion).collect(), complete: true })
            }
            Typed::Name { .. } | Typed::Other => Ok(Suggestions { items: Vec::new(), complete: true }),
        }
    }

    /// Brings the lists in which [`Service::suggest`] looks up to date. Tells whether they are: somebody else may be bringing them.
    pub fn refresh_names(&self, packages: &Packages) -> Result<bool, EngineError> {
        self.engine.refresh_names(packages)
    }

    /// The tags of a repository that begin so, those that look newest first.
    pub fn tags(
        &self,
        repository: &Reference,
        begin: &str,
        credential: Option<Credential>,
    ) -> Result<Vec<String>, Trouble> {
        let source: Box<dyn CredentialSource> = match credential {
            Some(credential) => {
                Box::new(OneCredential { registry: repository.registry().to_owned(), credential })
            }
            None => Box::new(NoCredentials),
        };
        let settings = RegistrySettings { patience: PATIENCE, ..self.registry_settings.clone() };
        let client = Client::new(settings, self.trust(), source)?;
        let mut tags = client.repository(repository).tags()?;
        tags.retain(|tag| tag.starts_with(begin));
        tags.sort_by(|one, other| (other == "latest").cmp(&(one == "latest")).then(natural(other, one)));
        Ok(tags)
    }
}

/// A line as far as it was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    /// Somebody is at a name.
    Name { before: &'a str, name: &'a str },
    /// Somebody is at a version.
    Version { before: &'a str, name: &'a str, version: &'a str },
    /// It goes on as nobody but who types it knows.
    Other,
}

impl<'a> Typed<'a> {
    fn read(packages: &Packages, line: &'a str) -> Self {
        let start = match packages {
            Packages::Conda { .. } => line.find("::").map_or(0, |at| at + 2),
            Packages::Debian { .. } | Packages::Python => 0,
        };
        let (before, rest) = line.split_at(start + blank(&line[start..]));
        let belongs = |letter: char| letter.is_ascii_alphanumeric() || "._-+".contains(letter);
        let (name, rest) = rest.split_at(rest.find(|letter| !belongs(letter)).unwrap_or(rest.len()));
        if rest.is_empty() {
            return Self::Name { before, name };
        }
        let extras = rest.trim_start();
        let rest = match extras.strip_prefix('[') {
            Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        // The last of several conditions is the one that is being typed.
        let last = rest.rsplit(',').next().unwrap_or(rest).trim_start();
        let version = last.trim_start_matches(['=', '<', '>', '~', '!']);
        if version.len() == last.len() || name.is_empty() {
            return Self::Other;
        }
        let version = version.trim_start();
        let is_version = |letter: char| letter.is_ascii_alphanumeric() || "._-+:~".contains(letter);
        match version.chars().all(is_version) {
            true => Self::Version { before: &line[..line.len() - version.len()], name, version },
            false => Self::Other,
        }
    }
}

fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Compares texts with numbers in them as people do: `3.9` comes before `3.13`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let order = match (number(&mut one), number(&mut other)) {
            (Some(one), Some(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => match (one.split_first(), other.split_first()) {
                (Some((first, rest)), Some((second, more))) => {
                    (one, other) = (rest, more);
                    first.cmp(second)
                }
                (one, other) => return one.is_some().cmp(&other.is_some()),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the number that a text begins with, without leading zeroes.
fn number<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    (!digits.is_empty()).then(|| {
        *text = rest;
        &digits[first..]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDA: Packages = Packages::Conda { channels: Vec::new() };
    const DEBIAN: Packages = Packages::Debian { distribution: None, suite: None };

    #[test]
    fn it_is_known_what_somebody_is_typing() {
        let name = |before, name| Typed::Name { before, name };
        let version = |before, name, version| Typed::Version { before, name, version };
        for (packages, line, expected) in [
            (Packages::Python, "num", name("", "num")),
            (Packages::Python, "  ruamel.y", name("  ", "ruamel.y")),
            (Packages::Python, "numpy>=", version("numpy>=", "numpy", "")),
            (Packages::Python, "numpy >= 2", version("numpy >= ", "numpy", "2")),
            (Packages::Python, "numpy>=1.26, <2", version("numpy>=1.26, <", "numpy", "2")),
            (Packages::Python, "a[x, y]==1.", version("a[x, y]==", "a", "1.")),
            (Packages::Python, "a[x", Typed::Other),
            (Packages::Python, "a @ https://a.example", Typed::Other),
            (Packages::Python, "a>=1; python_version", Typed::Other),
            (Packages::Python, "==1", Typed::Other),
            (CONDA, "conda-forge::num", name("conda-forge::", "num")),
            (CONDA, "conda-forge::numpy=2", version("conda-forge::numpy=", "numpy", "2")),
            (DEBIAN, "libstdc++", name("", "libstdc++")),
            (DEBIAN, "git=1:2", version("git=", "git", "1:2")),
        ] {
            assert_eq!(Typed::read(&packages, line), expected, "{line}");
        }
    }

    #[test]
    fn numbers_in_tags_count_as_numbers() {
        let mut tags = ["3.9", "3.13", "3.13-slim", "a", "10", "3.013b", ""];
        tags.sort_by(|one, other| natural(one, other));
        assert_eq!(tags, ["", "a", "3.9", "3.13", "3.13-slim", "3.013b", "10"]);
    }
}
