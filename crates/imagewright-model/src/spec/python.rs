//! Which Python gets the packages.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::container::check_absolute;

/// For those who expect to choose a version of Python.
pub(super) const PYTHON_VERSION_HINT: &str = "a version cannot be chosen here: Python comes with the base or from \
    apt; name its path, as in `/usr/bin/python3`";

/// Why a text does not choose a Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PythonError {
    /// Not an interpreter.
    #[error("`{0}` is not the absolute path of an interpreter")]
    Interpreter(String),
    /// Not a place for packages.
    #[error("`{0}` is neither `system` nor the absolute path of a virtual environment")]
    Environment(String),
    /// Not a way to treat bytecode.
    #[error("`{0}` is neither `full` nor `none`")]
    Bytecode(String),
}

impl PythonError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Interpreter(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(PYTHON_VERSION_HINT.to_owned())
            }
            Self::Interpreter(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') => {
                Some(format!("did you mean `/usr/bin/{text}`?"))
            }
            Self::Environment(text) if text == "venv" => Some("name its path, as in `/opt/venv`".to_owned()),
            Self::Interpreter(_) | Self::Environment(_) | Self::Bytecode(_) => None,
        }
    }
}

/// Which Python gets the packages, where the default is not right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonChoice {
    /// Absolute path of the interpreter; default: `python3` on the image's PATH.
    pub interpreter: Option<String>,
    /// Where its packages go; default: by what the interpreter says of itself.
    pub environment: Option<PythonEnvironment>,
    /// Whether packages come with bytecode; default: they do.
    pub bytecode: Option<Bytecode>,
}

/// Whether Python packages come with the bytecode of their modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bytecode {
    /// Compiled when the image is built: programs start faster.
    #[default]
    Full,
    /// Compiled by whoever imports a module, at each start where the image cannot be written to: images are smaller.
    None,
}

impl FromStr for Bytecode {
    type Err = PythonError;

    fn from_str(text: &str) -> Result<Self, PythonError> {
        match text {
            "full" => Ok(Self::Full),
            "none" => Ok(Self::None),
            _ => Err(PythonError::Bytecode(text.to_owned())),
        }
    }
}

/// Where Python packages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PythonEnvironment {
    /// Into the interpreter's own scheme, even where that is externally managed.
    System,
    /// Into a virtual environment at this absolute path.
    Venv(String),
}

impl FromStr for PythonEnvironment {
    type Err = PythonError;

    fn from_str(text: &str) -> Result<Self, PythonError> {
        match text {
            "system" => Ok(Self::System),
            path => {
                check_absolute(path).map(Self::Venv).map_err(|_| PythonError::Environment(text.to_owned()))
            }
        }
    }
}

/// Checks the path of an interpreter.
pub(super) fn check_interpreter(text: &str) -> Result<String, PythonError> {
    check_absolute(text).map_err(|_| PythonError::Interpreter(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_an_absolute_path() {
        assert_eq!(check_interpreter("/usr/bin/python3").unwrap(), "/usr/bin/python3");
        let cases = [
            ("3.12", "a version cannot be chosen"),
            ("python3", "`/usr/bin/python3`"),
            ("bin/python", ""),
            ("/usr/../bin/python3", ""),
            ("", ""),
        ];
        for (text, hint) in cases {
            let error = check_interpreter(text).unwrap_err();
            assert!(error.to_string().contains("absolute path of an interpreter"), "{error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
        }
    }

    #[test]
    fn packages_go_into_the_system_or_a_path() {
        assert_eq!("system".parse(), Ok(PythonEnvironment::System));
        assert_eq!("/opt/venv".parse(), Ok(PythonEnvironment::Venv("/opt/venv".to_owned())));
        for text in ["venv", "System", "opt/venv", ""] {
            text.parse::<PythonEnvironment>().unwrap_err();
        }
    }
}
