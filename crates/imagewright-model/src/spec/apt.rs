//! Debian packages as people ask for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Origin, SpecError};

/// The Debian packages of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptSpec {
    /// The packages, sorted, each once.
    pub packages: Vec<AptPackage>,
    /// Whether recommended packages come along.
    pub recommends: bool,
}

/// A Debian package by name, narrowed down if wished.
///
/// Shown as apt takes it on its command line: `git`, `git=1:2.47*`, `git/trixie-backports`, `libc6:arm64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AptPackage {
    /// Name of the package.
    pub name: String,
    /// Architecture, where it is not the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Version or release to take it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<AptChoice>,
    /// Where it was written.
    pub origin: Origin,
}

/// Which of the versions on offer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AptChoice {
    /// `=VERSION`; may end in `*`.
    Version(String),
    /// `/SUITE`.
    Suite(String),
}

/// Why a text is not a Debian package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AptPackageError {
    /// It begins with a dash, so apt would take it for an option.
    #[error("`{0}` begins with a dash: options of apt cannot be given here")]
    Option(String),
    /// It ends with a dash, so apt would remove the package.
    #[error("`{0}` ends with a dash: apt would remove the package instead of installing it")]
    Removal(String),
    /// Its name is not one a Debian package can have.
    #[error(
        "`{0}` is not the name of a Debian package: lower-case letters, digits, `+`, `-` and `.`, two at least"
    )]
    Name(String),
    /// What follows `=` is not a version.
    #[error("`{package}` asks for version `{version}`, which no Debian package can have")]
    Version {
        /// The text that was refused.
        package: String,
        /// The version in it.
        version: String,
    },
    /// What follows `/` is not a suite.
    #[error("`{package}` asks for suite `{suite}`, which is not a name of a suite")]
    Suite {
        /// The text that was refused.
        package: String,
        /// The suite in it.
        suite: String,
    },
    /// What follows `:` is not an architecture.
    #[error("`{package}` asks for architecture `{architecture}`, which is not a name of one")]
    Architecture {
        /// The text that was refused.
        package: String,
        /// The architecture in it.
        architecture: String,
    },
}

impl AptPackageError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        let package = match self {
            Self::Option(_) => {
                return Some("only packages can be listed; settings of apt go into configuration".into());
            }
            Self::Removal(text) => text.trim_end_matches('-').to_owned(),
            Self::Name(text) if text.contains(',') => {
                return Some("separate packages by blanks, not by commas".into());
            }
            Self::Name(text) if text.contains(char::is_whitespace) => {
                return Some("write one package for each entry of the list".into());
            }
            Self::Name(text) if text.contains("==") => text.replacen("==", "=", 1),
            Self::Name(text) if text.contains(['<', '>', '~', '!']) => {
                return Some("apt takes `NAME=VERSION` (which may end in `*`), no comparisons".into());
            }
            Self::Name(text) => text.to_ascii_lowercase().replace('_', "-"),
            Self::Version { package, version } => {
                format!("{}={}", package.split('=').next()?, version.trim_start_matches('='))
            }
            Self::Suite { .. } | Self::Architecture { .. } => return None,
        };
        let valid = AptPackage::parse(&package, Origin::file("")).is_ok();
        valid.then(|| format!("did you mean `{package}`?"))
    }
}

impl AptPackage {
    /// Reads `NAME`, `NAME:ARCHITECTURE`, `NAME=VERSION` or `NAME/SUITE`.
    ///
    /// # Errors
    /// Names what is wrong with it and where it was written.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, SpecError> {
        match split(text) {
            Ok((name, architecture, choice)) => Ok(Self {
                name: name.to_owned(),
                architecture: architecture.map(str::to_owned),
                choice,
                origin,
            }),
            Err(error) => Err(SpecError::new(origin, error)),
        }
    }

    /// Reads several packages separated by blanks; with `commas`, by commas too.
    pub(super) fn parse_line(text: &str, commas: bool, origin: &Origin) -> Result<Vec<Self>, SpecError> {
        text.split(|c: char| c.is_whitespace() || (commas && c == ','))
            .filter(|word| !word.is_empty())
            .map(|word| Self::parse(word, origin.clone()))
            .collect()
    }

    /// Reads `apt.txt`: packages separated by blanks and line ends, comments after `#`.
    ///
    /// # Errors
    /// Names the first entry that is not a package, with its line.
    pub fn parse_file(source: &str, text: &str) -> Result<Vec<Self>, SpecError> {
        let mut packages = Vec::new();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let entries = line.split('#').next().unwrap_or_default();
            packages.extend(Self::parse_line(entries, false, &Origin::line(source, number))?);
        }
        Ok(packages)
    }
}

type Parts<'a> = (&'a str, Option<&'a str>, Option<AptChoice>);

fn split(text: &str) -> Result<Parts<'_>, AptPackageError> {
    let whole = || text.to_owned();
    if text.starts_with('-') {
        return Err(AptPackageError::Option(whole()));
    }
    let (target, choice) = match text.find(['=', '/']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let (name, architecture) = match target.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (target, None),
    };
    if !is_name(name) {
        return Err(AptPackageError::Name(whole()));
    }
    if name.ends_with('-') {
        return Err(AptPackageError::Removal(whole()));
    }
    if let Some(architecture) = architecture.filter(|text| !is_word(text)) {
        return Err(AptPackageError::Architecture {
            package: whole(),
            architecture: architecture.to_owned(),
        });
    }
    let choice = match choice.map(|choice| choice.split_at(1)) {
        None => None,
        Some(("=", version)) if is_version(version) => Some(AptChoice::Version(version.to_owned())),
        Some(("=", version)) => {
            return Err(AptPackageError::Version { package: whole(), version: version.to_owned() });
        }
        Some((_, suite)) if is_word(suite) => Some(AptChoice::Suite(suite.to_owned())),
        Some((_, suite)) => return Err(AptPackageError::Suite { package: whole(), suite: suite.to_owned() }),
    };
    Ok((name, architecture, choice))
}

/// Debian Policy, section 5.6.1.
fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() >= 2
        && text.starts_with(letter)
        && text.chars().all(|c| letter(c) || matches!(c, '+' | '-' | '.'))
}

/// Debian Policy, section 5.6.12, and a `*` at the end, which apt takes for "whatever follows".
fn is_version(text: &str) -> bool {
    let version = text.strip_suffix('*').unwrap_or(text);
    version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | ':'))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

impl fmt::Display for AptPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(architecture) = &self.architecture {
            write!(f, ":{architecture}")?;
        }
        match &self.choice {
            Some(AptChoice::Version(version)) => write!(f, "={version}"),
            Some(AptChoice::Suite(suite)) => write!(f, "/{suite}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_and_written_as_apt_takes_them() {
        let cases = [
            "git",
            "g++",
            "libstdc++6",
            "python3.11",
            "0ad",
            "git=1:2.47.2-1",
            "git=1:2.47*",
            "git=1.0~rc1+b1",
            "git/trixie-backports",
            "libc6:arm64",
            "libc6:arm64=2.41-12",
        ];
        for text in cases {
            let package =
                AptPackage::parse(text, Origin::flag("--apt")).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(package.to_string(), text);
        }
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let cases = [
            ("--allow-unauthenticated", "begins with a dash", "configuration"),
            ("-oDebug=1", "begins with a dash", "configuration"),
            ("git-", "would remove", "`git`"),
            ("Git", "is not the name", "`git`"),
            ("python_numpy", "is not the name", "`python-numpy`"),
            ("git,curl", "is not the name", "commas"),
            ("g", "is not the name", ""),
            ("git>=2", "is not the name", ""),
            ("git==1.2", "version `=1.2`", "`git=1.2`"),
            ("git=", "version ``", ""),
            ("git=latest", "version `latest`", ""),
            ("git=1;reboot", "version `1;reboot`", ""),
            ("git/", "suite ``", ""),
            ("git/-x", "suite `-x`", ""),
            ("git:", "architecture ``", ""),
            ("../etc", "is not the name", ""),
            ("lib*", "is not the name", ""),
            ("paquet-é", "is not the name", ""),
        ];
        for (text, message, hint) in cases {
            let error = AptPackage::parse(text, Origin::line("apt.txt", 7)).unwrap_err();
            assert!(error.to_string().starts_with("apt.txt:7: "), "{error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
        }
    }

    #[test]
    fn a_file_may_hold_several_packages_a_line() {
        let packages = AptPackage::parse_file("apt.txt", "# tools\ngit curl # both\n\n  less\r\n").unwrap();
        let shown: Vec<String> = packages.iter().map(|p| format!("{p} {}", p.origin)).collect();
        assert_eq!(shown, ["git apt.txt:2", "curl apt.txt:2", "less apt.txt:4"]);
    }
}
