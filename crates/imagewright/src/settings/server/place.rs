//! Where something secret is that a setting names and does not hold.

use std::path::PathBuf;

use imagewright_model::{ErrorKind, Secret};

use crate::failure::Failure;

pub(super) enum Place {
    File(PathBuf),
    Variable(String),
}

impl Place {
    /// Reads what stands in `setting`.
    pub(super) fn parse(setting: &str, text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("environment", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            // What stands there may be the secret itself, so it is not shown.
            _ => {
                let text = format!("`{setting}` says where the secret is: `file:PATH` or `environment:NAME`");
                Err(Failure::new(ErrorKind::Usage, text))
            }
        }
    }
}

/// A variable of the environment.
pub(super) fn variable(name: &str) -> Result<Secret, Failure> {
    let missing = || Failure::new(ErrorKind::NotFound, format!("the variable `{name}` is not set"));
    std::env::var(name).map(Secret::new).map_err(|_| missing())
}
