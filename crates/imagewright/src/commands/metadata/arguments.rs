//! Arguments as `elyra-metadata` reads them: `--opt=value` or `--opt value`, where the next word is the value unless it
//! begins with `--`; flags take none; what nobody asked for is refused.

use imagewright_service::metadata::Value;

/// The words of a command line.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// What has not been taken.
    rest: Vec<String>,
    /// Options and their values; the last of several counts, and the others are left over.
    given: Vec<(String, Option<String>)>,
}

impl Words {
    pub(super) fn new(words: Vec<String>) -> Self {
        let mut given: Vec<(String, Option<String>)> = Vec::new();
        let mut wants_value = None;
        for word in &words {
            match wants_value.take() {
                Some(option) if !word.starts_with("--") => {
                    set(&mut given, option, Some(word.clone()));
                    continue;
                }
                _ => (),
            }
            match word.split_once('=') {
                Some((option, value)) => set(&mut given, option.to_owned(), Some(value.to_owned())),
                None => {
                    set(&mut given, word.clone(), None);
                    wants_value = word.starts_with("--").then(|| word.clone());
                }
            }
        }
        Self { rest: words, given }
    }

    /// Whether somebody asks for help.
    pub(super) fn ask_for_help(&self) -> bool {
        self.given.iter().any(|(option, _)| option == "--help" || option == "-h")
    }

    /// Takes a flag.
    pub(super) fn flag(&mut self, option: &str) -> bool {
        self.take(option).is_some()
    }

    /// Takes an option: there or not, with a value or without. An empty value counts as none.
    pub(super) fn take(&mut self, option: &str) -> Option<Option<String>> {
        let index = self.given.iter().position(|(name, _)| name == option)?;
        let (_, value) = self.given.remove(index);
        let joined = format!("{option}={}", value.as_deref().unwrap_or_default());
        if let Some(at) = self.rest.iter().position(|word| *word == joined) {
            self.rest.remove(at);
        } else if let Some(at) = self.rest.iter().position(|word| word == option) {
            self.rest.remove(at);
            if value.is_some() && self.rest.get(at) == value.as_ref() {
                self.rest.remove(at);
            }
        }
        Some(value.filter(|value| !value.is_empty()))
    }

    /// Takes an option that may be given several times, as only commands of ours have them; each needs a value.
    pub(super) fn take_all(&mut self, option: &str) -> Option<Vec<String>> {
        self.given.retain(|(name, _)| name != option);
        let (mut values, mut rest) = (Vec::new(), Vec::new());
        let mut words = std::mem::take(&mut self.rest).into_iter().peekable();
        while let Some(word) = words.next() {
            let joined = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('='));
            if let Some(value) = joined {
                values.push(value.to_owned());
            } else if word == option {
                values.push(words.next_if(|next| !next.starts_with("--")).unwrap_or_default());
            } else {
                rest.push(word);
            }
        }
        self.rest = rest;
        (!values.iter().any(String::is_empty)).then_some(values)
    }

    /// The words that nobody took, as Python shows them.
    pub(super) fn unexpected(&self) -> Option<String> {
        let words = self.rest.iter().map(|word| Value::from(word.as_str())).collect();
        (!self.rest.is_empty()).then(|| Value::List(words).repr())
    }
}

fn set(given: &mut Vec<(String, Option<String>)>, option: String, value: Option<String>) {
    match given.iter_mut().find(|(name, _)| *name == option) {
        Some((_, old)) => *old = value,
        None => given.push((option, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Words {
        Words::new(line.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn values_follow_or_are_joined() {
        let mut line = words(&["--name", "a", "--description=x=y", "--tags", "--json", "-1", "--empty="]);
        assert_eq!(line.take("--name"), Some(Some("a".to_owned())));
        assert_eq!(line.take("--description"), Some(Some("x=y".to_owned())));
        assert_eq!(line.take("--tags"), Some(None));
        assert_eq!(line.take("--json"), Some(Some("-1".to_owned())));
        assert_eq!(line.take("--empty"), Some(None));
        assert_eq!(line.take("--name"), None);
        assert_eq!(line.unexpected(), None);
    }

    #[test]
    fn what_nobody_takes_is_left() {
        let mut line = words(&["--name=a", "--name=b", "more", "--x=1"]);
        assert_eq!(line.take("--name"), Some(Some("b".to_owned())));
        assert_eq!(line.unexpected().unwrap(), "['--name=a', 'more', '--x=1']");
    }

    #[test]
    fn options_of_ours_may_come_several_times() {
        let mut line = words(&["--name=a", "--json", "--name", "b", "--names", "c"]);
        assert_eq!(line.take_all("--name"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(line.take_all("--other"), Some(Vec::new()));
        assert!(line.flag("--json"));
        assert_eq!(line.unexpected().unwrap(), "['--names', 'c']");
        for wrong in [&["--name", "--json"][..], &["--name="], &["--name", "a", "--name"]] {
            assert_eq!(words(wrong).take_all("--name"), None, "{wrong:?}");
        }
    }

    #[test]
    fn help_is_asked_for_anywhere() {
        assert!(words(&["--name", "a", "-h"]).ask_for_help());
        assert!(!words(&["--name", "-h"]).ask_for_help(), "it is a value");
    }
}
