//! What conda installed, as packages that uv is given and cannot choose otherwise.
//!
//! conda's packages may be on no index, and another version of one beside it would break both. So uv is shown a wheel of
//! each that holds no more than what the distribution says of itself, and constraints that name those files. They are
//! taken out of what uv answers: nothing is to be installed of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imagewright_model::lock::LockedPython;
use imagewright_oci::Digest;
use pep440_rs::Version;
use toml::{Table, Value};

use super::interpreter::{Installed, PythonFacts};
use super::local::file_address;
use super::{replaced, stub_wheel};
use crate::error::EngineError;

/// What conda writes into `INSTALLER`.
const CONDA: &str = "conda";
/// The folder of the wheels, below that of a question.
pub(super) const FOLDER: &str = "imagewright-given";

/// The distributions of conda that packages are installed beside.
#[derive(Default)]
pub(super) struct Given<'f>(Vec<&'f Installed>);

impl<'f> Given<'f> {
    /// Those that an interpreter has where packages go.
    pub(super) fn of(python: &'f PythonFacts) -> Self {
        // uv takes no question at all in which a version cannot be read.
        let is_given =
            |there: &&Installed| there.installer == CONDA && there.version.parse::<Version>().is_ok();
        Self(replaced::in_target(python).filter(is_given).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of this name, where its version is another.
    pub(super) fn other(&self, name: &str, version: &str) -> Option<&'f Installed> {
        let is_same = |there: &str| there == version || there.parse::<Version>().ok() == version.parse().ok();
        self.0.iter().find(|there| there.name == name && !is_same(&there.version)).copied()
    }

    /// Writes their wheels below `folder`. Returns constraints that name them where uv sees that folder.
    pub(super) fn put_below(&self, folder: &Path, seen: &Path) -> Result<String, EngineError> {
        let mut constraints = String::new();
        for there in &self.0 {
            let wheel = stub_wheel::wheel(&there.name, &there.version, &self.about(there));
            // uv keeps what it read of a file by its path.
            let inside = Path::new(FOLDER).join(Digest::of(&wheel).hex());
            let place = folder.join(&inside);
            fs::create_dir_all(&place).map_err(EngineError::io("create", &place))?;
            let name = stub_wheel::file_name(&there.name, &there.version);
            let file = place.join(&name);
            fs::write(&file, wheel).map_err(EngineError::io("write", &file))?;
            let address = file_address(&seen.join(inside).join(name));
            constraints.push_str(&format!("{} @ {address}\n", there.name));
        }
        Ok(constraints)
    }

    /// What one says that it needs. That it goes with the others is conda's to know, whose channels correct what
    /// packages say of each other.
    fn about<'a>(&self, there: &'a Installed) -> Vec<&'a str> {
        let names: BTreeSet<&str> = self.0.iter().map(|there| there.name.as_str()).collect();
        let is_settled = |line: &str| {
            let requirement = line.strip_prefix("Requires-Dist:").unwrap_or_default();
            let is_of_extra = requirement.split_once(';').is_some_and(|(_, marker)| marker.contains("extra"));
            !is_of_extra && names.contains(name_of(requirement).as_str())
        };
        there.about.iter().map(String::as_str).filter(|line| !is_settled(line)).collect()
    }

    /// Those that an explanation names, with their versions.
    pub(super) fn named_in(&self, explanation: &str) -> Vec<String> {
        let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let words: BTreeSet<&str> = explanation
            .split(|character| !is_part(character))
            .map(|word| word.trim_end_matches('.'))
            .collect();
        let named = self.0.iter().filter(|there| words.contains(there.name.as_str()));
        named.map(|there| shown(there)).collect()
    }
}

/// A distribution as people are told of it.
pub(super) fn shown(there: &Installed) -> String {
    format!("`{}` {}", there.name, there.version)
}

/// A lock of uv without what is given.
pub(super) fn leave_out(lock: &str) -> String {
    // What is not a lock is told by who reads it as one.
    let Ok(mut document) = lock.parse::<Table>() else { return lock.to_owned() };
    let Some(Value::Array(packages)) = document.get_mut("packages") else { return lock.to_owned() };
    let before = packages.len();
    packages.retain(|package| !is_given(package));
    if packages.len() == before { lock.to_owned() } else { LockedPython::text_of(&document) }
}

fn is_given(package: &Value) -> bool {
    let path = package.get("archive").and_then(|archive| archive.get("path")).and_then(Value::as_str);
    path.is_some_and(|path| path.split('/').any(|folder| folder == FOLDER))
}

/// The normalised name that a requirement begins with.
fn name_of(requirement: &str) -> String {
    let is_part = |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    let name: String = requirement.trim_start().chars().take_while(is_part).collect();
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(name: &str, about: &[&str]) -> Installed {
        Installed {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            metadata: String::new(),
            installer: CONDA.to_owned(),
            about: about.iter().map(|&line| line.to_owned()).collect(),
            in_target: true,
        }
    }

    #[test]
    fn what_conda_brought_is_not_asked_to_fit_together_again() {
        let lines = [
            "Requires-Dist: Zope.Interface (>=5)",
            "Requires-Dist: other>=1",
            "Requires-Dist: zope-interface>=9; extra == 'new'",
            "Provides-Extra: new",
        ];
        let (app, zope) = (installed("app", &lines), installed("zope-interface", &[]));
        let given = Given(vec![&app, &zope]);
        assert_eq!(given.about(&app), lines[1..]);
    }

    #[test]
    fn explanations_name_packages_as_whole_words() {
        let (py, other) = (installed("py", &[]), installed("zope-interface", &[]));
        let given = Given(vec![&py, &other]);
        assert_eq!(given.named_in("Because only py<2 is available and you require numpy."), ["`py` 1.0"]);
        assert_eq!(given.named_in("you require zope-interface."), ["`zope-interface` 1.0"]);
        assert_eq!(given.named_in("numpy-py and pyx"), [""; 0]);
    }

    #[test]
    fn versions_are_compared_as_versions() {
        let there = Installed { version: "2024.02.02".to_owned(), ..installed("certifi", &[]) };
        let given = Given(vec![&there]);
        for (name, version, differs) in [
            ("certifi", "2024.2.2", false),
            ("certifi", "2024.2.3", true),
            ("certifi", "", true),
            ("other", "1", false),
        ] {
            assert_eq!(given.other(name, version).is_some(), differs, "{name} {version}");
        }
    }

    #[test]
    fn what_is_given_stands_in_no_solution() {
        let lock = "\
            lock-version = \"1.0\"\n\
            [[packages]]\nname = \"a\"\nversion = \"1\"\narchive = { path = \"/q/imagewright-given/00/a-1-py3-none-any.whl\" }\n\
            [[packages]]\nname = \"b\"\nversion = \"2\"\narchive = { path = \"/q/imagewright-sources/00/b-2-py3-none-any.whl\" }\n";
        let left = leave_out(lock);
        assert!(!left.contains("\"a\"") && left.contains("name = \"b\""), "{left}");
        assert_eq!(leave_out(&left), left);
    }
}
