//! Which rules are asked, and what a Dockerfile says is meant to be so.

use imagewright_dockerfile::Comment;
use imagewright_model::ErrorKind;

use crate::rule::{Finding, Rule};

/// A name that no rule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{name}`")]
pub struct UnknownRule {
    name: String,
}

impl UnknownRule {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match nearest(&self.name) {
            Some(rule) => format!("did you mean {rule}?"),
            None => "`imagewright check --list` lists the rules".to_owned(),
        })
    }
}

/// The rule of a name that is nearly this.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |rule: &&'static Rule| strsim::damerau_levenshtein(name, rule.name);
    let rule = crate::rules().min_by_key(distance)?;
    (distance(&rule) <= 3).then_some(rule.name)
}

/// The rules that are asked.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Vec<&'static str>,
    ignored: Vec<&'static str>,
}

impl Selection {
    /// Those named in `only`, or all where it is empty, without those in `ignored`.
    ///
    /// # Errors
    /// Names what is no rule.
    pub fn new(only: &[String], ignored: &[String]) -> Result<Self, UnknownRule> {
        let known = |names: &[String]| -> Result<Vec<&'static str>, UnknownRule> {
            names.iter().map(|name| Ok(crate::rule(name)?.name)).collect()
        };
        Ok(Self { only: known(only)?, ignored: known(ignored)? })
    }

    /// The same without one more.
    ///
    /// # Errors
    /// Where there is no such rule.
    pub fn without(mut self, name: &str) -> Result<Self, UnknownRule> {
        self.ignored.push(crate::rule(name)?.name);
        Ok(self)
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        crate::rules().filter(|rule| self.includes(rule))
    }

    pub(crate) fn includes(&self, rule: &Rule) -> bool {
        (self.only.is_empty() || self.only.contains(&rule.name)) && !self.ignored.contains(&rule.name)
    }

    /// The rules that were named to be asked alone.
    pub fn named(&self) -> impl Iterator<Item = &'static Rule> {
        crate::rules().filter(|rule| self.only.contains(&rule.name))
    }
}

/// The rule of this name.
///
/// # Errors
/// Where there is none.
pub fn rule(name: &str) -> Result<&'static Rule, UnknownRule> {
    crate::rules().find(|rule| rule.name == name).ok_or_else(|| UnknownRule { name: name.to_owned() })
}

/// What comments of a Dockerfile say is meant to be so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignores {
    /// Rule, and the line of the instruction; none for all lines.
    all: Vec<(String, Option<u32>)>,
}

impl Ignores {
    pub(crate) fn new(comments: &[Comment]) -> Self {
        let mut all = Vec::new();
        for comment in comments {
            let Some((everywhere, names)) = directive(&comment.text) else { continue };
            let line = if everywhere { None } else { comment.instruction };
            if everywhere || line.is_some() {
                all.extend(names.into_iter().map(|name| (name.to_owned(), line)));
            }
        }
        Self { all }
    }

    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        self.all.iter().any(|(rule, line)| {
            rule == finding.rule && line.is_none_or(|line| finding.origin.line == Some(line))
        })
    }

    /// The names that no rule has, each with the line of its instruction.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        let unknown = self.all.iter().filter(|(name, _)| rule(name).is_err());
        unknown.map(|(name, line)| (name.as_str(), *line))
    }
}

/// `imagewright: ignore=NAME,NAME` or, for all of the file, `imagewright: global ignore=NAME`.
fn directive(comment: &str) -> Option<(bool, Vec<&str>)> {
    let rest = comment.trim().strip_prefix("imagewright:")?.trim();
    let (everywhere, rest) = match rest.strip_prefix("global") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, rest),
    };
    let names = rest.strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    // What follows the names is why.
    let names = names.split_whitespace().next().unwrap_or_default();
    Some((everywhere, names.split(',').filter(|name| !name.is_empty()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_rules() {
        for (text, everywhere, names) in [
            ("imagewright: ignore=a", false, &["a"][..]),
            ("imagewright: ignore = a,b because it must", false, &["a", "b"]),
            ("imagewright: global ignore=a", true, &["a"]),
            ("imagewright:ignore=", false, &[]),
        ] {
            assert_eq!(directive(text), Some((everywhere, names.to_vec())), "{text}");
        }
        for text in ["imagewright: something", "hadolint ignore=DL3006"] {
            assert_eq!(directive(text), None, "{text}");
        }
    }

    #[test]
    fn rules_are_chosen_by_name() {
        let names = |only: &[&str], ignored: &[&str]| -> Vec<&str> {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            Selection::new(&owned(only), &owned(ignored)).unwrap().rules().map(|rule| rule.name).collect()
        };
        assert_eq!(names(&[], &[]).len(), crate::rules().count());
        assert_eq!(names(&["base-latest", "package-cache"], &["package-cache"]), ["base-latest"]);
        let error = Selection::new(&["base-lastest".to_owned()], &[]).unwrap_err();
        assert_eq!(error.to_string(), "there is no rule `base-lastest`");
        assert_eq!(error.hint().unwrap(), "did you mean base-latest?");
    }
}
