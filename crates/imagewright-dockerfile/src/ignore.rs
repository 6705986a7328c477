//! `.dockerignore`: what of a context does not count.

use crate::error::{DockerfileError, Problem};
use crate::pattern::{BadPattern, PathGlob};

/// The rules of a `.dockerignore`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    glob: PathGlob,
    /// Whether it takes back what rules above it said.
    exception: bool,
}

impl IgnoreRules {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Names the line of a pattern that cannot be read.
    pub fn parse(file: &str, text: &str) -> Result<Self, DockerfileError> {
        let mut rules = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            rules.extend(Rule::parse(line).map_err(|BadPattern| {
                let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
                Problem::malformed("pattern", format!("`{}` cannot be read", line.trim())).at(file, number)
            })?);
        }
        Ok(Self { rules })
    }

    /// Rules of patterns, one each. The error is the pattern that cannot be read.
    pub(crate) fn of(patterns: &[String]) -> Result<Self, String> {
        let rule = |pattern: &String| Rule::parse(pattern).map_err(|BadPattern| pattern.clone());
        let rules = patterns.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { rules: rules.into_iter().flatten().collect() })
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether `path`, relative and with `/` between its parts, is left out. The last rule that says something of it,
    /// or of a folder it lies in, counts.
    pub fn ignores(&self, path: &str) -> bool {
        let mut ignored = false;
        for rule in &self.rules {
            if rule.exception == ignored && rule.covers(path) {
                ignored = !rule.exception;
            }
        }
        ignored
    }

    /// Whether something in a folder that is left out may count after all.
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.exception)
    }
}

impl Rule {
    /// Reads a pattern; none where it says nothing.
    fn parse(line: &str) -> Result<Option<Self>, BadPattern> {
        let line = line.trim();
        let (exception, pattern) = match line.strip_prefix('!') {
            Some(pattern) => (true, pattern.trim()),
            None => (false, line),
        };
        let pattern = clean(pattern);
        if pattern.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { glob: PathGlob::with_folders(&pattern)?, exception }))
    }

    fn covers(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        self.glob.matches(path) || folders.into_iter().any(|folder| self.glob.matches(folder))
    }
}

/// A pattern as a path from the context: no `/` in front or behind, no `.`, and no `..` that leads nowhere.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_counts() {
        let cases = [
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README.md", "other.md", true),
            ("!README.md\n*.md", "README.md", true),
            ("*.md", "docs/a.md", false),
            ("**/*.md", "docs/deep/a.md", true),
            ("**/*.md", "a.md", true),
            ("docs", "docs/a/b", true),
            ("docs/", "docs/a", true),
            ("/docs", "docs", true),
            ("docs/**", "docs", false),
            ("docs/**", "docs/a/b", true),
            ("docs\n!docs/keep", "docs/keep", false),
            ("docs\n!docs/keep", "docs/keep/deep", false),
            ("docs\n!docs/keep", "docs/other", true),
            ("*\n!src", "src/a", false),
            ("*\n!src", "a", true),
            ("*/temp*", "a/temporary", true),
            ("*/temp*", "temporary", false),
            ("temp?", "temps", true),
            ("# comment\n\n  \n .git ", ".git/config", true),
            ("#x", "#x", false),
            ("./a/../b", "b", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/x/y/c", true),
            ("**", "anything/at/all", true),
            ("**/node_modules", "a/node_modules/b", true),
            ("[a-b].txt", "a.txt", true),
            (r"\!x", "!x", true),
        ];
        for (text, path, expected) in cases {
            let rules = IgnoreRules::parse(".dockerignore", text).unwrap();
            assert_eq!(rules.ignores(path), expected, "{text:?} {path}");
        }
        let error = IgnoreRules::parse(".dockerignore", "a\n[b").unwrap_err();
        assert_eq!(error.to_string(), ".dockerignore:2: pattern: `[b` cannot be read");
        assert!(IgnoreRules::parse("", "!a").unwrap().has_exceptions());
    }
}
