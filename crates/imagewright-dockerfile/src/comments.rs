//! Comments, and which instruction each belongs to: some of them speak to whoever checks the file.

use crate::error::DockerfileError;
use crate::plan::Dockerfile;
use crate::source::{Reader, directives};

/// A comment of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// What follows the `#`, blanks at both ends left out.
    pub text: String,
    /// The line of the instruction that it stands before or within; none behind the last one.
    pub instruction: Option<u32>,
}

impl Dockerfile {
    /// The comments of a text, in order. What begins with `#` in a here-document is none.
    ///
    /// # Errors
    /// Those of [`Dockerfile::parse`] that are about lines.
    pub fn comments(file: &str, text: &str) -> Result<Vec<Comment>, DockerfileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::new(file, text, directives(file, text)?);
        let mut all = Vec::new();
        loop {
            let instruction = reader.next()?.map(|line| line.number);
            let comments = std::mem::take(&mut reader.comments);
            all.extend(
                comments.into_iter().map(|text| Comment { text: text.trim().to_owned(), instruction }),
            );
            if instruction.is_none() {
                return Ok(all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_belongs_to_the_instruction_it_stands_before_or_within() {
        let text = "# syntax=x\n\n# of FROM\n\nFROM a\n#of RUN\nRUN one \\\n  # within\n  two <<E\n# text\nE\n# last\n";
        let comments = Dockerfile::comments("Dockerfile", text).unwrap();
        let found: Vec<_> = comments.iter().map(|it| (it.text.as_str(), it.instruction)).collect();
        let expected = [
            ("syntax=x", Some(5)),
            ("of FROM", Some(5)),
            ("of RUN", Some(7)),
            ("within", Some(7)),
            ("last", None),
        ];
        assert_eq!(found, expected);
    }
}
