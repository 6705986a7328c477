//! File names of wheels (PEP 427).

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::names;

/// What file systems take; also bounds what the compressed tags of a name can expand to.
const LONGEST: usize = 255;

/// A build number, which decides between files of one version and one tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildTag {
    number: u64,
    rest: String,
}

impl fmt::Display for BuildTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.rest)
    }
}

/// The name of a wheel taken apart: `name-version(-build)-python-abi-platform.whl`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WheelName {
    name: PackageName,
    version: Version,
    build: Option<BuildTag>,
    pythons: String,
    interfaces: String,
    platforms: String,
}

/// Why a text is not the name of a wheel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of a wheel: {reason}")]
pub struct WheelNameError {
    text: String,
    reason: String,
}

impl WheelName {
    /// Normalised name of the package.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Version of the package.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The build number, where there is one.
    pub fn build(&self) -> Option<&BuildTag> {
        self.build.as_ref()
    }

    /// The tags as they stand in the name: `py2.py3-none-any`.
    pub fn compressed_tags(&self) -> String {
        format!("{}-{}-{}", self.pythons, self.interfaces, self.platforms)
    }

    /// Every tag that the name stands for.
    pub fn tags(&self) -> impl Iterator<Item = String> {
        let platforms = move || self.platforms.split('.');
        let interfaces = move || self.interfaces.split('.');
        self.pythons.split('.').flat_map(move |python| {
            interfaces().flat_map(move |interface| {
                platforms().map(move |platform| format!("{python}-{interface}-{platform}"))
            })
        })
    }
}

impl FromStr for WheelName {
    type Err = WheelNameError;

    fn from_str(text: &str) -> Result<Self, WheelNameError> {
        let wrong = |reason: &str| WheelNameError { text: shortened(text), reason: reason.to_owned() };
        if text.len() > LONGEST {
            return Err(wrong("it is longer than a file name can be"));
        }
        let stem = text.strip_suffix(".whl").ok_or_else(|| wrong("it does not end in `.whl`"))?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (build, [name, version, pythons, interfaces, platforms]) = match parts[..] {
            [name, version, pythons, interfaces, platforms] => {
                (None, [name, version, pythons, interfaces, platforms])
            }
            [name, version, build, pythons, interfaces, platforms] => {
                (Some(build), [name, version, pythons, interfaces, platforms])
            }
            _ => return Err(wrong("it does not have five or six parts with `-` between them")),
        };
        let valid = |tags: &str| tags.split('.').all(is_tag);
        if ![pythons, interfaces, platforms].into_iter().all(valid) {
            return Err(wrong("a tag must have letters, digits and `_`"));
        }
        Ok(Self {
            name: names::package(name).ok_or_else(|| wrong("the name is not valid"))?,
            version: version.parse().map_err(|_| wrong("the version is not valid"))?,
            build: build
                .map(|build| parse_build(build).ok_or_else(|| wrong("the build number is not valid")))
                .transpose()?,
            pythons: pythons.to_ascii_lowercase(),
            interfaces: interfaces.to_ascii_lowercase(),
            platforms: platforms.to_ascii_lowercase(),
        })
    }
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn parse_build(text: &str) -> Option<BuildTag> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some(BuildTag { number: number.parse().ok()?, rest: rest.to_owned() })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
