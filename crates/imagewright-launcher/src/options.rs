//! Options as Enterprise Gateway's launchers take them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::LauncherError;

/// Each option has a twin with this in front, used where the plain one is empty.
const TWIN: &str = "RemoteProcessProxy.";

/// Options that were given, by name without hyphens in front.
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    const KNOWN: [&str; 9] = [
        "kernel-id",
        "port-range",
        "response-address",
        "public-key",
        "spark-context-initialization-mode",
        "kernel-class-name",
        "kernelspec",
        "language",
        "cluster-type",
    ];

    /// Reads `--name value` and `--name=value`. A name that another option follows has no value.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, LauncherError> {
        let wrong = |what: String| Err(LauncherError::Option { what });
        let mut values = BTreeMap::new();
        let mut rest = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).peekable();
        while let Some(argument) = rest.next() {
            let Some(option) = argument.strip_prefix("--") else {
                return wrong(format!("`{}` is no option; options begin with `--`", shortened(&argument)));
            };
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, rest.next_if(|next| !next.starts_with("--"))),
            };
            if !Self::KNOWN.contains(&name.strip_prefix(TWIN).unwrap_or(name)) {
                return wrong(format!("there is no option `--{}`", shortened(name)));
            }
            values.insert(name.to_owned(), value.unwrap_or_default());
        }
        Ok(Self(values))
    }

    /// What an option says, or else its twin.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let twin = format!("{TWIN}{name}");
        let values = [self.0.get(name), self.0.get(&twin)];
        values
            .into_iter()
            .flatten()
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
            .map(str::to_owned)
    }
}

/// What is repeated to somebody is kept short, and on one line.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/kernel-launcher.md");

    #[test]
    fn the_page_has_every_option() {
        for option in Options::KNOWN {
            assert!(PAGE.contains(&format!("`--{option}`")), "--{option}");
        }
    }
}
