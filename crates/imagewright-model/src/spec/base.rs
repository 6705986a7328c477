//! Where the base image comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use imagewright_oci::{Reference, ReferenceError};
use serde::{Deserialize, Serialize};

/// A distribution that can be bootstrapped from its own packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

impl Distribution {
    /// The name in lower case, as in `os-release`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Ubuntu => "ubuntu",
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Distribution {
    type Err = BaseError;

    fn from_str(text: &str) -> Result<Self, BaseError> {
        match text {
            "debian" => Ok(Self::Debian),
            "ubuntu" => Ok(Self::Ubuntu),
            _ => Err(BaseError::Distribution(text.to_owned())),
        }
    }
}

/// Where the base image comes from. Everything without one of the known prefixes is a reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BaseSource {
    /// `bootstrap`, `bootstrap:debian`, `bootstrap:debian/trixie`: made from the distribution's packages.
    Bootstrap {
        /// The distribution; default: the machine's own.
        distribution: Option<Distribution>,
        /// Its release, as `trixie`; default: the newest the machine's apt sources and keyring offer.
        suite: Option<String>,
    },
    /// `oci:DIR` or `oci:DIR:NAME`: an OCI image layout.
    OciDirectory {
        /// The folder.
        path: PathBuf,
        /// Name of the image in it, where it holds several.
        reference: Option<String>,
    },
    /// `oci-archive:FILE` or `oci-archive:FILE:NAME`: an OCI image layout in a tar file.
    OciArchive {
        /// The file.
        path: PathBuf,
        /// Name of the image in it, where it holds several.
        reference: Option<String>,
    },
    /// `docker-archive:FILE` or `docker-archive:FILE:NAME`: what `docker save` writes.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Name of the image in it, where it holds several.
        reference: Option<String>,
    },
    /// `docker-daemon:NAME`: an image in Docker, by name or id.
    DockerDaemon(String),
    /// An image by its name: looked up in the store first, then in its registry.
    Image(Reference),
}

/// Why a text does not say where a base image comes from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// There is nothing.
    #[error("the base is empty")]
    Empty,
    /// It cannot be bootstrapped.
    #[error("`{0}` cannot be bootstrapped: only debian and ubuntu can")]
    Distribution(String),
    /// It is not the name of a release.
    #[error("`{0}` is not the name of a release")]
    Suite(String),
    /// Something is missing after the prefix.
    #[error("base `{text}` names no {what}")]
    Missing {
        /// The text that was refused.
        text: String,
        /// What is missing.
        what: &'static str,
    },
    /// It looks like a file or folder.
    #[error("base `{0}` looks like a path, which needs a prefix")]
    Path(String),
    /// It is no reference either.
    #[error("base `{text}` is not valid")]
    Reference {
        /// The text that was refused.
        text: String,
        /// What is wrong with it.
        source: ReferenceError,
    },
}

impl BaseError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty => "write `base: bootstrap`, or the name of an image".to_owned(),
            Self::Distribution(text) if is_suite(text) => {
                format!(
                    "write `bootstrap:debian/{text}` or `bootstrap:ubuntu/{text}` if `{text}` is a release"
                )
            }
            Self::Distribution(_) | Self::Suite(_) => {
                "write `bootstrap`, `bootstrap:debian/SUITE` or `bootstrap:ubuntu/SUITE`".to_owned()
            }
            Self::Missing { .. } => {
                "write `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or `docker-daemon:NAME`"
                    .to_owned()
            }
            Self::Path(text) => {
                format!(
                    "write `oci:{text}` for a folder, `oci-archive:{text}` or `docker-archive:{text}` for a file"
                )
            }
            Self::Reference { source: ReferenceError::ImageId(_), .. } => {
                "give the image a name with `imagewright image tag`, and name that".to_owned()
            }
            Self::Reference { .. } => return None,
        })
    }
}

impl BaseSource {
    /// The same source with a relative path taken from `folder`.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::OciDirectory { path, reference } => {
                Self::OciDirectory { path: folder.join(path), reference }
            }
            Self::OciArchive { path, reference } => Self::OciArchive { path: folder.join(path), reference },
            Self::DockerArchive { path, reference } => {
                Self::DockerArchive { path: folder.join(path), reference }
            }
            other @ (Self::Bootstrap { .. } | Self::DockerDaemon(_) | Self::Image(_)) => other,
        }
    }
}

impl FromStr for BaseSource {
    type Err = BaseError;

    fn from_str(text: &str) -> Result<Self, BaseError> {
        match text.split_once(':') {
            _ if text.is_empty() => Err(BaseError::Empty),
            None if text == "bootstrap" => Ok(Self::Bootstrap { distribution: None, suite: None }),
            Some(("bootstrap", rest)) => bootstrap(text, rest),
            Some(("oci", rest)) => {
                located(text, rest, "folder").map(|(path, reference)| Self::OciDirectory { path, reference })
            }
            Some(("oci-archive", rest)) => {
                located(text, rest, "file").map(|(path, reference)| Self::OciArchive { path, reference })
            }
            Some(("docker-archive", rest)) => {
                located(text, rest, "file").map(|(path, reference)| Self::DockerArchive { path, reference })
            }
            Some(("docker-daemon", "")) => {
                Err(BaseError::Missing { text: text.to_owned(), what: "image of Docker" })
            }
            Some(("docker-daemon", rest)) => Ok(Self::DockerDaemon(rest.to_owned())),
            _ if text.starts_with(['.', '/', '~']) => Err(BaseError::Path(text.to_owned())),
            _ => text
                .parse()
                .map(Self::Image)
                .map_err(|source| BaseError::Reference { text: text.to_owned(), source }),
        }
    }
}

fn bootstrap(text: &str, rest: &str) -> Result<BaseSource, BaseError> {
    if rest.is_empty() {
        return Err(BaseError::Missing { text: text.to_owned(), what: "distribution" });
    }
    let (distribution, suite) = match rest.split_once('/') {
        Some((distribution, suite)) => (distribution, Some(suite)),
        None => (rest, None),
    };
    let distribution = Some(distribution.parse()?);
    match suite {
        Some(suite) if !is_suite(suite) => Err(BaseError::Suite(suite.to_owned())),
        suite => Ok(BaseSource::Bootstrap { distribution, suite: suite.map(str::to_owned) }),
    }
}

/// Whether `text` can be a suite: it becomes part of an address and of file names.
fn is_suite(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

/// Path and optional name, as skopeo writes them: the first colon ends the path.
fn located(text: &str, rest: &str, what: &'static str) -> Result<(PathBuf, Option<String>), BaseError> {
    let (path, reference) = match rest.split_once(':') {
        Some((path, reference)) => (path, Some(reference)),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(BaseError::Missing { text: text.to_owned(), what });
    }
    match reference {
        Some("") => Err(BaseError::Missing { text: text.to_owned(), what: "image after the second colon" }),
        reference => Ok((path.into(), reference.map(str::to_owned))),
    }
}

impl fmt::Display for BaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap { distribution: None, .. } => f.write_str("bootstrap"),
            Self::Bootstrap { distribution: Some(distribution), suite } => {
                write!(f, "bootstrap:{distribution}")?;
                suite.iter().try_for_each(|suite| write!(f, "/{suite}"))
            }
            Self::OciDirectory { path, reference } => write_located(f, "oci", path, reference.as_deref()),
            Self::OciArchive { path, reference } => {
                write_located(f, "oci-archive", path, reference.as_deref())
            }
            Self::DockerArchive { path, reference } => {
                write_located(f, "docker-archive", path, reference.as_deref())
            }
            Self::DockerDaemon(name) => write!(f, "docker-daemon:{name}"),
            Self::Image(reference) => reference.fmt(f),
        }
    }
}

fn write_located(
    f: &mut fmt::Formatter<'_>,
    prefix: &str,
    path: &Path,
    reference: Option<&str>,
) -> fmt::Result {
    write!(f, "{prefix}:{}", path.display())?;
    reference.iter().try_for_each(|reference| write!(f, ":{reference}"))
}

impl TryFrom<String> for BaseSource {
    type Error = BaseError;

    fn try_from(text: String) -> Result<Self, BaseError> {
        text.parse()
    }
}

impl From<BaseSource> for String {
    fn from(base: BaseSource) -> Self {
        base.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_unchanged() {
        let path = |text: &str| PathBuf::from(text);
        let cases = [
            ("bootstrap", BaseSource::Bootstrap { distribution: None, suite: None }),
            (
                "bootstrap:debian",
                BaseSource::Bootstrap { distribution: Some(Distribution::Debian), suite: None },
            ),
            (
                "bootstrap:debian/trixie",
                BaseSource::Bootstrap {
                    distribution: Some(Distribution::Debian),
                    suite: Some("trixie".into()),
                },
            ),
            (
                "bootstrap:ubuntu/noble",
                BaseSource::Bootstrap {
                    distribution: Some(Distribution::Ubuntu),
                    suite: Some("noble".into()),
                },
            ),
            ("oci:layout", BaseSource::OciDirectory { path: path("layout"), reference: None }),
            ("oci:a/b:v1", BaseSource::OciDirectory { path: path("a/b"), reference: Some("v1".into()) }),
            ("oci-archive:/x.tar", BaseSource::OciArchive { path: path("/x.tar"), reference: None }),
            (
                "docker-archive:x.tar:a/b:1",
                BaseSource::DockerArchive { path: path("x.tar"), reference: Some("a/b:1".into()) },
            ),
            ("docker-daemon:python:3", BaseSource::DockerDaemon("python:3".into())),
            ("docker-daemon:4fa1b2c3d4e5", BaseSource::DockerDaemon("4fa1b2c3d4e5".into())),
            ("python:3.13-slim", BaseSource::Image("python:3.13-slim".parse().unwrap())),
            ("foo:bar", BaseSource::Image("foo:bar".parse().unwrap())),
            ("registry.example/a:1", BaseSource::Image("registry.example/a:1".parse().unwrap())),
        ];
        for (text, expected) in cases {
            let base: BaseSource = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(base, expected, "{text}");
            assert_eq!(base.to_string(), text);
        }
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let cases = [
            ("", "is empty", "base: bootstrap"),
            ("bootstrap:", "names no distribution", "oci:DIR"),
            ("bootstrap:fedora/40", "only debian and ubuntu", "bootstrap:debian/fedora"),
            ("bootstrap:bookworm", "only debian and ubuntu", "bootstrap:debian/bookworm"),
            ("bootstrap:Debian/12", "only debian and ubuntu", "bootstrap:debian/SUITE"),
            ("bootstrap:debian/", "`` is not the name of a release", "bootstrap:debian/SUITE"),
            ("bootstrap:debian/../x", "is not the name of a release", "bootstrap:debian/SUITE"),
            ("oci:", "names no folder", "oci:DIR"),
            ("oci-archive:", "names no file", "oci-archive:FILE"),
            ("docker-archive::x", "names no file", "docker-archive:FILE"),
            ("oci:x:", "names no image after", "oci:DIR"),
            ("docker-daemon:", "names no image of Docker", "docker-daemon:NAME"),
            ("./base.tar", "looks like a path", "docker-archive:./base.tar"),
            ("/srv/base", "looks like a path", "oci:/srv/base"),
            ("Python", "is not valid", ""),
        ];
        for (text, message, hint) in cases {
            let error = text.parse::<BaseSource>().map(|base| base.to_string()).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
        }
    }

    #[test]
    fn relative_paths_are_taken_from_the_folder_of_the_spec() {
        let moved =
            |text: &str| text.parse::<BaseSource>().unwrap().relative_to(Path::new("/srv")).to_string();
        assert_eq!(moved("oci:base:1"), "oci:/srv/base:1");
        assert_eq!(moved("docker-archive:/x.tar"), "docker-archive:/x.tar");
        assert_eq!(moved("python"), "python:latest");
    }
}
