//! One Python requirement.

use std::fmt;
use std::str::FromStr;

use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl, pep440_rs::Version};
use serde::{Deserialize, Serialize};

use super::address::{address_of, has_credentials, has_variable, stray_character};
use super::local_path::{self, LocalPath, Parsed};
use super::{Origin, RequirementError, SpecError, excerpt};

/// The longest requirement, in bytes, and the most parentheses in one. The parser recurses on them.
const LONGEST: usize = 4096;
const DEEPEST: usize = 32;
/// Schemes of repositories that nothing here can fetch from, and who could.
const REPOSITORIES: [(&str, &str); 3] = [("hg", "Mercurial"), ("svn", "Subversion"), ("bzr", "Bazaar")];

/// A Python requirement, as it was written and as uv takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PipRequirement {
    /// Name of the distribution, normalised; absent for a bare address.
    pub name: Option<String>,
    /// The requirement as it was written: name, extras, versions or address, marker.
    pub text: String,
    /// Hashes one of which the distribution must have, as `sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<String>,
    /// Where it lies on this machine, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalPath>,
    /// Where it was written.
    pub origin: Origin,
}

impl PipRequirement {
    /// Reads a requirement after PEP 508, or the bare address of a distribution.
    ///
    /// # Errors
    /// Names what is wrong with it and where it was written.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, SpecError> {
        Self::parse_in("", text, origin)
    }

    /// The same for a requirement in a file in `folder`, which paths in it count from.
    pub(super) fn parse_in(folder: &str, text: &str, origin: Origin) -> Result<Self, SpecError> {
        match read(folder, text.trim()).and_then(in_one_line) {
            Ok(read) => Ok(Self { origin, ..read }),
            Err(error) => Err(SpecError::new(origin, error)),
        }
    }

    /// The same as a constraint, which must say something of a version.
    pub(super) fn into_constraint(self) -> Result<Self, SpecError> {
        match &self.local {
            Some(_) => Err(SpecError::new(self.origin, RequirementError::LocalConstraint(self.text))),
            None => Ok(self),
        }
    }

    /// What a title calls it: of a path only the last part.
    pub fn short(&self) -> String {
        match &self.local {
            Some(local) => local.requirement(self.name.as_deref(), local.short()),
            None => self.text.clone(),
        }
    }

    /// The requirement with its hashes, as a line of a requirements file; `address` says where a path leads to.
    pub fn line(&self, address: impl FnOnce(&LocalPath) -> String) -> String {
        let text = match &self.local {
            Some(local) => local.requirement(self.name.as_deref(), &address(local)),
            None => self.text.clone(),
        };
        self.hashes.iter().fold(text, |line, hash| format!("{line} --hash={hash}"))
    }

    /// The requirement in one spelling: equal for two that ask for the same.
    pub(super) fn canonical(&self) -> String {
        let text = match &self.local {
            Some(local) => local.requirement(self.name.as_deref(), &local.path),
            None => {
                parse(&self.text).map_or_else(|_| self.text.clone(), |requirement| requirement.to_string())
            }
        };
        let mut hashes = self.hashes.clone();
        hashes.sort();
        hashes.iter().fold(text, |line, hash| format!("{line} --hash={hash}"))
    }

    /// Whether a locked distribution of this name and version is what is asked for.
    ///
    /// What has an address or no name cannot be told from a version and counts as accepted.
    pub(super) fn accepts(&self, version: &str) -> bool {
        let Ok(requirement) = parse(&self.text) else { return true };
        match (requirement.version_or_url, Version::from_str(version)) {
            (Some(VersionOrUrl::VersionSpecifier(specifiers)), Ok(version)) => specifiers.contains(&version),
            _ => true,
        }
    }

    /// Whether it asks for something in every environment.
    pub(super) fn is_unconditional(&self) -> bool {
        !self.text.contains(';')
    }
}

impl fmt::Display for PipRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a requirement; paths in it count from `folder`.
fn read(folder: &str, text: &str) -> Result<PipRequirement, RequirementError> {
    let (subject, is_editable) = match local_path::editable(text) {
        Some(subject) => (subject, true),
        None => (text, false),
    };
    check(subject)?;
    let requirement = |name, local| PipRequirement {
        name,
        text: text.to_owned(),
        hashes: Vec::new(),
        local,
        origin: Origin::file(""),
    };
    if let Some(Parsed { name, local }) = local_path::parse(subject, folder)? {
        return Ok(requirement(name, Some(LocalPath { editable: is_editable, ..local })));
    }
    let (subject, name) = match is_editable {
        // pip wants a name in the fragment there.
        true => without_egg(subject),
        false => (subject.to_owned(), None),
    };
    let name = match name {
        Some(name) => Some(name),
        None => name_of(&subject)?,
    };
    Ok(PipRequirement { text: subject, ..requirement(name, None) })
}

/// Refuses what uv would take for an option or for a line that goes on: the library lets pass what stands behind some addresses.
fn in_one_line(requirement: PipRequirement) -> Result<PipRequirement, RequirementError> {
    if requirement.text.ends_with('\\') {
        let reason = "it ends with a backslash".to_owned();
        return Err(RequirementError::Syntax { text: excerpt(&requirement.text), reason });
    }
    let mut words = requirement.text.split_whitespace().skip(1);
    match words.find(|word| word.starts_with("--")) {
        Some(option) => {
            let reason = format!("`{option}` is no part of it");
            Err(RequirementError::Syntax { text: excerpt(&requirement.text), reason })
        }
        None => Ok(requirement),
    }
}

/// Checks what every requirement must be.
fn check(text: &str) -> Result<(), RequirementError> {
    if text.is_empty() {
        return Err(RequirementError::Empty);
    }
    if text.starts_with('-') {
        return Err(RequirementError::Dash(text.to_owned()));
    }
    if let Some(character) = text.chars().find(|c| c.is_control() && *c != '\t') {
        let reason = format!("it holds {character:?}");
        return Err(RequirementError::Syntax { text: excerpt(text), reason });
    }
    let address = address_of(text);
    if address.is_some_and(has_credentials) {
        return Err(RequirementError::Credentials);
    }
    if has_variable(text) {
        return Err(RequirementError::Variable(text.to_owned()));
    }
    let repository = address.and_then(|address| address.split_once('+')).map(|(kind, _)| kind);
    match REPOSITORIES.iter().find(|(scheme, _)| Some(*scheme) == repository) {
        Some((_, kind)) => Err(RequirementError::Repository { text: text.to_owned(), kind }),
        None => Ok(()),
    }
}

/// Normalised name of what `text` asks for; none for a bare address.
fn name_of(text: &str) -> Result<Option<String>, RequirementError> {
    let address = address_of(text);
    if let Some(character) = address.and_then(stray_character) {
        let reason = format!("its address holds {character:?}");
        return Err(RequirementError::Syntax { text: text.to_owned(), reason });
    }
    if address == Some(text) {
        return Ok(None);
    }
    parse(text).map(|requirement| Some(requirement.name.to_string()))
}

/// An address with `#egg=NAME` as `NAME @ ADDRESS`, and the name.
fn without_egg(text: &str) -> (String, Option<String>) {
    let Some((address, fragment)) = text.split_once('#') else { return (text.to_owned(), None) };
    let (eggs, others): (Vec<&str>, Vec<&str>) =
        fragment.split('&').partition(|part| part.starts_with("egg="));
    let Some(egg) = eggs.first().and_then(|egg| egg.strip_prefix("egg=")) else {
        return (text.to_owned(), None);
    };
    let fragment = if others.is_empty() { String::new() } else { format!("#{}", others.join("&")) };
    let named = format!("{egg} @ {address}{fragment}");
    match parse(&named) {
        Ok(requirement) => (named, Some(requirement.name.to_string())),
        // As pip had it once: with a version behind the name.
        Err(_) => (format!("{address}{fragment}"), None),
    }
}

pub(super) fn parse(text: &str) -> Result<Requirement<VerbatimUrl>, RequirementError> {
    let fits = text.len() <= LONGEST;
    let wrong = |reason: String| {
        let text = if fits { text.to_owned() } else { excerpt(text) };
        RequirementError::Syntax { text, reason }
    };
    check_names(text).map_err(wrong)?;
    if !fits || text.matches('(').count() > DEEPEST {
        return Err(wrong("it is too long or too deeply nested".to_owned()));
    }
    // The parser would go on after a warning, and drop what it warned about.
    let mut warning = None;
    let mut reporter = |_, text: String| warning = warning.take().or(Some(text));
    let requirement = Requirement::parse_reporter(text, "/", &mut reporter)
        .map_err(|error| wrong(first_line(&error.message.to_string())))?;
    match warning {
        Some(warning) => Err(wrong(first_line(&warning))),
        None => Ok(requirement),
    }
}

/// Refuses names of packages and extras on which the parser panics: those that end in punctuation.
fn check_names(text: &str) -> Result<(), String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let text = text.trim_start();
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let extras =
        rest.trim_start().strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let mut names = extras.split(|c: char| c == ',' || c.is_whitespace()).chain([name]);
    match names.find(|name| name.ends_with(['.', '-', '_'])) {
        Some(name) => Err(format!("name `{name}` must end with a letter or digit")),
        None => Ok(()),
    }
}

/// The reason of the library, in our manner of writing.
fn first_line(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut rest = line.chars();
    rest.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_one(text: &str) -> Result<PipRequirement, SpecError> {
        PipRequirement::parse(text, Origin::line("requirements.txt", 3))
    }

    #[test]
    fn requirements_keep_their_text() {
        let cases = [
            ("numpy", Some("numpy")),
            ("Foo_Bar.baz>=1,<2", Some("foo-bar-baz")),
            ("requests[security,socks] ~= 2.8", Some("requests")),
            ("pandas==2.* ; python_version >= '3.11'", Some("pandas")),
            ("torch==2.5.1+cpu", Some("torch")),
            ("pip @ https://mirror.example/pip-1.0-py3-none-any.whl", Some("pip")),
            ("x @ git+https://mirror.example/x.git@v1#subdirectory=a", Some("x")),
            ("x @ git+ssh://git@mirror.example/x.git", Some("x")),
            ("x @ https://mirror.example/x.whl ; python_version < '3.13'", Some("x")),
            ("https://mirror.example/pip-1.0-py3-none-any.whl", None),
            ("git+https://mirror.example/x.git@v1", None),
            ("numpy (>=1.0)", Some("numpy")),
        ];
        for (text, name) in cases {
            let requirement = parse_one(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((requirement.text.as_str(), requirement.name.as_deref()), (text, name));
        }
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let cases = [
            ("", "is empty", ""),
            ("--pre", "begins with a dash", "requirements.txt"),
            ("pandas=>2", "no such comparison operator", "`pandas>=2`"),
            ("pandas=<2", "no such comparison operator", "`pandas<=2`"),
            ("pandas=2.1", "no such comparison operator", "`pandas==2.1`"),
            ("numpy=1.26=py312h5_0", "no such comparison operator", "`numpy==1.26`"),
            ("numpy==1.17*", "is not a requirement", "`numpy==1.17.*`"),
            ("pandas 2.0", "is not a requirement", "`pandas==2.0`"),
            ("pandas>=2,", "is not a requirement", "`pandas>=2`"),
            ("numpy pandas", "is not a requirement", ""),
            ("numpy;", "is not a requirement", ""),
            ("-numpy", "begins with a dash", ""),
            ("numpy>=abc", "is not a requirement", ""),
            ("numpy ; python_versio > '3'", "is not a requirement", ""),
            ("conda-forge::numpy", "is not a requirement", ""),
            ("nümpy", "is not a requirement", ""),
            ("numpy->=1", "name `numpy-` must end with a letter or digit", ""),
            ("numpy[a_ ]", "name `a_` must end with a letter or digit", ""),
            ("numpy; python_version > os_name", "is not a requirement", ""),
            ("numpy\npandas", "it holds '\\n'", ""),
            ("hg+https://mirror.example/x", "a repository of Mercurial", "name the folder, as `./NAME`"),
            ("x @ svn+https://mirror.example/x@12", "a repository of Subversion", ""),
            ("-e bzr+https://mirror.example/x#egg=x", "a repository of Bazaar", ""),
            ("x @ https://${HOST}/x.whl", "environment variable", ""),
            ("x @ https://user:secret@mirror.example/x.whl", "user name or password", "configuration"),
            ("x @ https://user:secret@${HOST}/x.whl", "user name or password", "configuration"),
            ("https://mirror.example/x.whl --index-url https://a.example", "its address holds ' '", ""),
            ("x @ https://mirror.example/x.whl --no-index", "its address holds ' '", ""),
            ("x @ https://mirror.example/x\\", "its address holds '\\\\'", ""),
            (":// ;base: --", "`--` is no part of it", ""),
            ("sha256:// ;\\", "it ends with a backslash", ""),
            ("git+https://token@mirror.example/x.git", "user name or password", "configuration"),
        ];
        for (text, message, hint) in cases {
            let error = parse_one(text).map(|requirement| requirement.text).unwrap_err();
            assert!(error.to_string().starts_with("requirements.txt:3: "), "{error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(!error.to_string().contains("secret") && !error.to_string().contains("token"), "{error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
        }
    }

    #[test]
    fn paths_and_editable_installs() {
        let cases = [
            (".", None, Some(".")),
            ("-e .[dev]", None, Some(".")),
            ("x @ file:///srv/x", Some("x"), Some("/srv/x")),
            ("-e git+https://mirror.example/x.git#egg=X_y", Some("x-y"), None),
            ("-e git+https://mirror.example/x.git", None, None),
        ];
        for (text, name, path) in cases {
            let requirement = parse_one(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let local = requirement.local.as_ref().map(|local| local.path.as_str());
            assert_eq!((requirement.name.as_deref(), local), (name, path), "{text}");
        }
        let repository = parse_one("-e git+https://mirror.example/x.git#subdirectory=a&egg=x").unwrap();
        assert_eq!(repository.text, "x @ git+https://mirror.example/x.git#subdirectory=a");
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused() {
        for text in [format!("a; {}", "(".repeat(100_000)), format!("a{}", ",>1".repeat(100_000))] {
            let error = parse_one(&text).unwrap_err().to_string();
            assert!(error.contains("too long or too deeply nested") && error.len() < 300, "{error}");
        }
    }

    #[test]
    fn locked_versions_are_compared() {
        let cases = [
            ("pandas", "2.2", true),
            ("pandas>=2", "2.2", true),
            ("pandas>=3", "2.2", false),
            ("pandas==2.*", "2.2", true),
            ("pandas @ https://mirror.example/pandas-9.whl", "2.2", true),
            ("https://mirror.example/pandas-9.whl", "2.2", true),
        ];
        for (text, version, accepted) in cases {
            assert_eq!(parse_one(text).unwrap().accepts(version), accepted, "{text} {version}");
        }
    }
}
