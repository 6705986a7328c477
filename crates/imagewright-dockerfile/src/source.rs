//! From text to instructions as they stand there: directives, comments, continued lines, here-documents.

use crate::error::{DockerfileError, Problem};
use crate::words;

/// One instruction as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `RUN`, in capitals.
    pub(crate) keyword: String,
    /// What follows it, continued lines joined, comments between them left out.
    pub(crate) rest: String,
    pub(crate) heredocs: Vec<Heredoc>,
    /// Line of the file, from 1.
    pub(crate) number: u32,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heredoc {
    /// The word that ends it.
    pub(crate) name: String,
    /// Everything before that, as it stands there.
    pub(crate) text: String,
    /// Whether variables in it are replaced.
    pub(crate) expand: bool,
    /// Whether tabs at the beginnings of lines go.
    pub(crate) chomp: bool,
}

impl Heredoc {
    /// Its text as a file gets it.
    pub(crate) fn contents(&self) -> String {
        match self.chomp {
            true => self.text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect(),
            false => self.text.clone(),
        }
    }
}

/// All instructions of a file, and the character that escapes.
pub(crate) fn read(file: &str, text: &str) -> Result<(Vec<Line>, char), DockerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(position) = text.find('\0') {
        let number = 1 + text[..position].matches('\n').count();
        return Err(Problem::Nul.at(file, to_u32(number)));
    }
    let escape = directives(file, text)?;
    let mut reader = Reader::new(file, text, escape);
    let mut all = Vec::new();
    while let Some(line) = reader.next()? {
        all.push(line);
    }
    Ok((all, escape))
}

/// The escape character that the directives at the top ask for. `syntax` and `check` change nothing here.
pub(crate) fn directives(file: &str, text: &str) -> Result<char, DockerfileError> {
    let mut seen: Vec<String> = Vec::new();
    let mut escape = '\\';
    for (index, line) in text.lines().enumerate() {
        let directive = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('='));
        let Some((name, value)) = directive else { break };
        let name = name.trim().to_ascii_lowercase();
        let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        if !is_name || !["syntax", "escape", "check"].contains(&name.as_str()) {
            break;
        }
        if seen.contains(&name) {
            return Err(Problem::RepeatedDirective(name).at(file, to_u32(index + 1)));
        }
        if name == "escape" {
            escape = match value.trim() {
                "\\" => '\\',
                "`" => '`',
                other => return Err(Problem::Escape(other.to_owned()).at(file, to_u32(index + 1))),
            };
        }
        seen.push(name);
    }
    Ok(escape)
}

/// Reads one instruction after the other.
pub(crate) struct Reader<'a> {
    file: &'a str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    escape: char,
    /// Comments before and within what was read since they were taken.
    pub(crate) comments: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str, escape: char) -> Self {
        Self { file, lines: text.lines().enumerate(), escape, comments: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Line>, DockerfileError> {
        let (number, mut joined, mut open) = loop {
            let Some((index, line)) = self.lines.next() else { return Ok(None) };
            let line = line.trim_start();
            let (text, continues) = self.without_continuation(line);
            self.comments.extend(line.strip_prefix('#'));
            if !line.starts_with('#') && (continues || !text.is_empty()) {
                break (to_u32(index + 1), text.to_owned(), continues);
            }
        };
        while open {
            let Some((_, line)) = self.lines.next() else { break };
            // Comments and empty lines do not end an instruction that goes on.
            self.comments.extend(line.trim_start().strip_prefix('#'));
            if line.trim_start().starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let (text, continues) = self.without_continuation(line);
            joined.push_str(text);
            open = continues;
        }
        let joined = joined.trim();
        let (keyword, rest) = joined.split_once(char::is_whitespace).unwrap_or((joined, ""));
        let keyword = keyword.to_ascii_uppercase();
        let rest = rest.trim().to_owned();
        let heredocs = match takes_heredocs(&keyword, &rest) {
            true => self.heredocs(&rest, number)?,
            false => Vec::new(),
        };
        Ok(Some(Line { keyword, rest, heredocs, number }))
    }

    /// The line without the character that continues it, and whether there is one.
    fn without_continuation<'l>(&self, line: &'l str) -> (&'l str, bool) {
        let Some(before) = line.trim_end_matches([' ', '\t']).strip_suffix(self.escape) else {
            return (line, false);
        };
        match before.ends_with(self.escape) {
            true => (line, false),
            false => (before, true),
        }
    }

    fn heredocs(&mut self, rest: &str, number: u32) -> Result<Vec<Heredoc>, DockerfileError> {
        let mut all = Vec::new();
        for mut heredoc in announced(rest) {
            loop {
                let Some((_, line)) = self.lines.next() else {
                    return Err(Problem::OpenHeredoc(heredoc.name).at(self.file, number));
                };
                let candidate = if heredoc.chomp { line.trim_start_matches('\t') } else { line };
                if candidate == heredoc.name {
                    break;
                }
                heredoc.text.push_str(line);
                heredoc.text.push('\n');
            }
            all.push(heredoc);
        }
        Ok(all)
    }
}

fn takes_heredocs(keyword: &str, rest: &str) -> bool {
    match keyword {
        "RUN" | "COPY" | "ADD" => true,
        "ONBUILD" => rest.split_whitespace().next().is_some_and(|word| {
            ["RUN", "COPY", "ADD"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
        }),
        _ => false,
    }
}

/// The here-documents that a line says will follow.
fn announced(rest: &str) -> impl Iterator<Item = Heredoc> {
    words::split_quoted(rest, '\\').into_iter().filter_map(|word| announcement(&word))
}

/// What `<<EOF`, `<<-EOF`, `3<<"EOF"` announce.
pub(crate) fn announcement(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let name: String = rest.chars().filter(|letter| !matches!(letter, '"' | '\'' | '\\')).collect();
    let is_quoted = name.len() != rest.len();
    let is_word = !name.is_empty() && !name.contains(char::is_whitespace);
    is_word.then_some(Heredoc { name, text: String::new(), expand: !is_quoted, chomp })
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u32, String)> {
        let (lines, _) = read("Dockerfile", text).unwrap();
        lines.into_iter().map(|line| (line.number, format!("{} {}", line.keyword, line.rest))).collect()
    }

    #[test]
    fn instructions_are_joined_over_lines_comments_and_blanks() {
        let text =
            "# comment\n\nFROM a\nRUN one \\\n  # said between\n\n  two \\   \n three\nrun four\\\\\nENV A=b";
        let expected = [
            (3, "FROM a".to_owned()),
            (4, "RUN one   two  three".to_owned()),
            (9, "RUN four\\\\".to_owned()),
            (10, "ENV A=b".to_owned()),
        ];
        assert_eq!(lines(text), expected);
        assert_eq!(lines("\u{feff}FROM a\r\nRUN b\\\r\n c\r\n")[1].1, "RUN b c");
    }

    #[test]
    fn the_escape_directive_counts_at_the_top_alone() {
        assert_eq!(lines("# escape=`\nFROM a\nRUN b`\nc d\\")[1].1, "RUN bc d\\");
        assert_eq!(lines("# said first\n# escape=`\nFROM a`\nRUN b")[0].1, "FROM a`");
        assert_eq!(lines("#syntax=docker/dockerfile:1\n#escape = \\\nFROM \\\na")[0].1, "FROM a");
        for text in ["# escape=x\nFROM a", "# escape=`\n# escape=`\nFROM a"] {
            assert!(read("Dockerfile", text).is_err(), "{text}");
        }
    }

    #[test]
    fn heredocs_follow_their_instruction_wherever_they_are_announced() {
        let text = "RUN cat <<EOF >/a && sh <<-'B'\none\nEOF\n\techo $x\n\tB\nCOPY <<f /f\nFROM is text\nf\n";
        let (lines, _) = read("Dockerfile", text).unwrap();
        assert_eq!(lines.len(), 2);
        let [first, second] = &lines[0].heredocs[..] else { panic!("{lines:?}") };
        assert_eq!((first.text.as_str(), first.expand, first.chomp), ("one\n", true, false));
        assert_eq!((second.contents().as_str(), second.expand, second.chomp), ("echo $x\n", false, true));
        assert_eq!(lines[1].heredocs[0].text, "FROM is text\n");
        let error = read("Dockerfile", "FROM a\nRUN <<EOF\necho").unwrap_err();
        assert_eq!(error.to_string(), "Dockerfile:2: the here-document `EOF` does not end");
        assert_eq!(announcement("<<<word"), None);
        assert_eq!(announcement("<<"), None);
    }
}
