//! What is wrong with what was sent: all of it, each with the field it is about.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where: a JSON pointer (RFC 6901), such as `/gpu_reference`.
    pub pointer: String,
    /// What, and how it is put right.
    pub detail: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(pointer: &str, detail: impl fmt::Display) -> Self {
        Self { pointer: pointer.to_owned(), detail: detail.to_string() }
    }
}

/// What was sent cannot be taken. There is at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Invalid(pub Vec<FieldProblem>);

impl Invalid {
    /// With nothing wrong, all is well.
    pub fn unless_empty(problems: Vec<FieldProblem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{}`: {}", problem.pointer, problem.detail)?;
        }
        Ok(())
    }
}
