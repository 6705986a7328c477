//! Debian's control format (deb822) for small files: stanzas of `Name: value` lines, with line numbers.

/// One paragraph.
pub(super) struct Stanza<'a> {
    /// The line it begins at, from 1.
    pub(super) line: usize,
    fields: Vec<(&'a str, String)>,
}

/// A line that is neither a field nor the continuation of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MalformedLine {
    pub(super) line: usize,
}

impl Stanza<'_> {
    /// The value of a field; lines that continue it are joined by newlines, without their indentation.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The words of a field.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }
}

/// Reads all stanzas; comment lines are skipped.
pub(super) fn parse(text: &str) -> Result<Vec<Stanza<'_>>, MalformedLine> {
    let mut stanzas: Vec<Stanza<'_>> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            inside = false;
            continue;
        }
        if !inside {
            stanzas.push(Stanza { line: number, fields: Vec::new() });
            inside = true;
        }
        let fields = &mut stanzas.last_mut().expect("a stanza was begun").fields;
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut().ok_or(MalformedLine { line: number })?;
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').ok_or(MalformedLine { line: number })?;
            fields.push((name.trim_end(), value.trim().to_owned()));
        }
    }
    Ok(stanzas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_read_with_their_lines() {
        let stanzas =
            parse("# comment\n\nTypes: deb\nURIs: a\n b\n# between\n c\n\n\nTypes: deb-src\n").unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].line, 3);
        assert_eq!(stanzas[0].get("types"), Some("deb"));
        assert_eq!(stanzas[0].words("URIs"), ["a", "b", "c"]);
        assert_eq!(stanzas[1].line, 10);
        assert_eq!(stanzas[1].get("URIs"), None);
    }

    #[test]
    fn malformed_lines_are_named() {
        assert_eq!(parse("A: b\nnonsense\n").err(), Some(MalformedLine { line: 2 }));
        assert_eq!(parse("\n continued\n").err(), Some(MalformedLine { line: 2 }));
    }
}
