//! What was filled in: kept as it was sent, so that a page with an error can show it again.

use imagewright_catalog::FieldProblem;
use imagewright_server::ServerError;

/// The fields of a form, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    sent: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    pub(super) fn new(sent: Vec<(String, String)>) -> Self {
        Self { sent, problems: Vec::new() }
    }

    /// What a form begins with.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.sent.push((name.to_owned(), value.into()));
        self
    }

    /// What stands in a field, without white space around it; nothing where it is empty.
    pub(super) fn text(&self, name: &str) -> &str {
        self.sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The same; none where it is empty.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// What stands in a field exactly as it was sent: passwords.
    pub(super) fn exact(&self, name: &str) -> &str {
        self.sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What was chosen of several.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.sent.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// Whether a value was chosen.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|chosen| chosen == value)
    }

    /// The lines of a field that are not empty.
    pub(super) fn lines(&self, name: &str) -> Vec<&str> {
        self.text(name).lines().map(str::trim).filter(|line| !line.is_empty()).collect()
    }

    /// All that was sent.
    pub(super) fn sent(&self) -> &[(String, String)] {
        &self.sent
    }

    /// The same with what is wrong with it. What is no problem of a field is given back.
    pub(super) fn refused(self, error: ServerError) -> Result<Self, ServerError> {
        match error {
            ServerError::Invalid(invalid) => Ok(Self { problems: invalid.0, ..self }),
            error => Err(error),
        }
    }

    /// The same with one thing that is wrong.
    pub(super) fn wrong(mut self, pointer: &str, detail: impl std::fmt::Display) -> Self {
        self.problems.push(FieldProblem::new(pointer, detail));
        self
    }

    /// The same without a field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.sent.retain(|(known, _)| known != name);
        self
    }

    /// What is wrong with the field of a pointer, or with what is below it.
    pub(super) fn problem(&self, pointer: &str) -> Option<&str> {
        let is_meant = |found: &str| {
            found.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.problems.iter().find(|problem| is_meant(&problem.pointer)).map(|problem| problem.detail.as_str())
    }

    /// All that is wrong, for the head of the page.
    pub(super) fn problems(&self) -> &[FieldProblem] {
        &self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_stays() {
        let sent = [("a", " x "), ("group", "ml"), ("group", "bio"), ("lines", "one\r\n\r\n two ")];
        let fields = Fields::new(sent.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        assert_eq!((fields.text("a"), fields.exact("a"), fields.text("b")), ("x", " x ", ""));
        assert_eq!((fields.filled("a"), fields.filled("b")), (Some("x".to_owned()), None));
        assert!(fields.has("group", "bio") && !fields.has("group", "b"));
        assert_eq!(fields.lines("lines"), ["one", "two"]);
        let fields = fields.wrong("/spec/pip/0", "no");
        assert_eq!(fields.problem("/spec/pip"), Some("no"));
        assert_eq!((fields.problem("/spec/pi"), fields.problem("/spec/conda")), (None, None));
    }
}
