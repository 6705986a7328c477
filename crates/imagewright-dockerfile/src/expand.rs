//! Variables in the words of an instruction: `$name`, `${name}` and its forms with defaults and patterns.

use crate::pattern::ShellPattern;

/// Where variables have their values from.
pub(crate) trait Variables {
    /// The value; none where it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// What a word comes to: quotes and escapes gone, variables replaced. Errors are said in words.
pub(crate) fn word(text: &str, escape: char, variables: &dyn Variables) -> Result<String, String> {
    let mut scanner = Scanner::new(text, escape, variables);
    scanner.until(None)
}

/// The text of a here-document: variables are replaced, quotes and other escapes stay.
pub(crate) fn heredoc(text: &str, escape: char, variables: &dyn Variables) -> Result<String, String> {
    let mut scanner = Scanner::new(text, escape, variables);
    scanner.raw = true;
    scanner.until(None)
}

struct Scanner<'a> {
    letters: std::iter::Peekable<std::vec::IntoIter<char>>,
    escape: char,
    variables: &'a dyn Variables,
    raw: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &str, escape: char, variables: &'a dyn Variables) -> Self {
        let letters = text.chars().collect::<Vec<_>>().into_iter().peekable();
        Self { letters, escape, variables, raw: false }
    }

    /// Reads up to `end`, which goes too, or to the end of all.
    fn until(&mut self, end: Option<char>) -> Result<String, String> {
        let mut text = String::new();
        while let Some(letter) = self.letters.next() {
            match letter {
                _ if Some(letter) == end => return Ok(text),
                '\'' if !self.raw => text.push_str(&self.single_quoted()?),
                '"' if !self.raw => text.push_str(&self.double_quoted()?),
                '$' => text.push_str(&self.dollar()?),
                _ if letter == self.escape => match self.letters.next() {
                    Some(next) if self.raw && next != '$' => text.extend([letter, next]),
                    Some(next) => text.push(next),
                    None if self.raw => text.push(letter),
                    None => {}
                },
                _ => text.push(letter),
            }
        }
        match end {
            Some(end) => Err(format!("`{end}` is missing at the end")),
            None => Ok(text),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        for letter in self.letters.by_ref() {
            match letter {
                '\'' => return Ok(text),
                _ => text.push(letter),
            }
        }
        Err("a single quote is not closed".to_owned())
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let open = || "a double quote is not closed".to_owned();
        loop {
            let letter = self.letters.next().ok_or_else(open)?;
            match letter {
                '"' => return Ok(text),
                '$' => text.push_str(&self.dollar()?),
                _ if letter == self.escape => match self.letters.next().ok_or_else(open)? {
                    next if next == '"' || next == '$' || next == self.escape => text.push(next),
                    next => text.extend([letter, next]),
                },
                _ => text.push(letter),
            }
        }
    }

    fn dollar(&mut self) -> Result<String, String> {
        if self.letters.next_if_eq(&'{').is_some() {
            return self.braced();
        }
        match self.name() {
            name if name.is_empty() => Ok("$".to_owned()),
            name => Ok(self.variables.get(&name).unwrap_or_default()),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.letters.peek() {
            Some(first) if first.is_ascii_alphabetic() || *first == '_' => {
                while let Some(letter) =
                    self.letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                {
                    name.push(letter);
                }
            }
            Some(first) if first.is_ascii_digit() => {
                while let Some(letter) = self.letters.next_if(char::is_ascii_digit) {
                    name.push(letter);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.letters.next()),
            _ => {}
        }
        name
    }

    /// What follows `${`.
    fn braced(&mut self) -> Result<String, String> {
        let name = self.name();
        if name.is_empty() {
            return Err("`${` is not followed by the name of a variable".to_owned());
        }
        let value = self.variables.get(&name);
        let open = || format!("`${{{name}` is not closed");
        let unknown = |form: &str| format!("`${{{name}{form}…}}` is no form of a variable");
        let operator = self.letters.next().ok_or_else(open)?;
        let colon = operator == ':';
        let operator = if colon { self.letters.next().ok_or_else(open)? } else { operator };
        let is_set = value.as_ref().is_some_and(|value| !(colon && value.is_empty()));
        match operator {
            '}' if !colon => Ok(value.unwrap_or_default()),
            '-' => {
                let default = self.until(Some('}'))?;
                Ok(if is_set { value.unwrap_or_default() } else { default })
            }
            '+' => {
                let alternative = self.until(Some('}'))?;
                Ok(if is_set { alternative } else { String::new() })
            }
            '?' => {
                let message = self.until(Some('}'))?;
                let message = if message.is_empty() { "must have a value".to_owned() } else { message };
                if is_set { Ok(value.unwrap_or_default()) } else { Err(format!("`{name}`: {message}")) }
            }
            '#' | '%' if !colon => {
                let greedy = self.letters.next_if_eq(&operator).is_some();
                let pattern = self.pattern('}')?;
                Ok(without(&value.unwrap_or_default(), &pattern, operator == '#', greedy))
            }
            '/' if !colon => {
                let all = self.letters.next_if_eq(&'/').is_some();
                let pattern = self.pattern('/')?;
                let replacement = self.until(Some('}'))?;
                Ok(replaced(&value.unwrap_or_default(), &pattern, &replacement, all))
            }
            other if colon => Err(unknown(&format!(":{other}"))),
            other => Err(unknown(&other.to_string())),
        }
    }

    /// A pattern up to `end`; its escapes stay in it.
    fn pattern(&mut self, end: char) -> Result<String, String> {
        let was = std::mem::replace(&mut self.raw, true);
        let pattern = self.until(Some(end));
        self.raw = was;
        pattern
    }
}

/// `value` without what matches at its beginning or end, the longest or the shortest.
fn without(value: &str, pattern: &str, at_start: bool, longest: bool) -> String {
    let letters: Vec<char> = value.chars().collect();
    let pattern = ShellPattern::parse(pattern);
    if at_start {
        let lengths = pattern.lengths(&letters);
        let length = if longest { lengths.last() } else { lengths.first() };
        return letters[length.copied().unwrap_or(0)..].iter().collect();
    }
    let ends_here = |start: &usize| pattern.lengths(&letters[*start..]).contains(&(letters.len() - start));
    let mut starts = 0..=letters.len();
    let start = if longest { starts.find(ends_here) } else { starts.rev().find(ends_here) };
    letters[..start.unwrap_or(letters.len())].iter().collect()
}

/// `value` with the longest matches, or the first of them, replaced.
fn replaced(value: &str, pattern: &str, replacement: &str, all: bool) -> String {
    let letters: Vec<char> = value.chars().collect();
    let pattern = ShellPattern::parse(pattern);
    let (mut text, mut at) = (String::new(), 0);
    while at < letters.len() {
        match pattern.lengths(&letters[at..]).last() {
            Some(&length) if length > 0 => {
                text.push_str(replacement);
                at += length;
                if !all {
                    break;
                }
            }
            _ => {
                text.push(letters[at]);
                at += 1;
            }
        }
    }
    text.extend(&letters[at..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        let value = match name {
            "A" => "one",
            "EMPTY" => "",
            "FILE" => "foo/bar/baz.tar.gz",
            "_x1" => "under",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn every_form_is_replaced_as_the_reference_says() {
        let cases = [
            ("$A", "one"),
            ("a${A}b", "aoneb"),
            ("$A$A-$NONE.", "oneone-."),
            ("$_x1!", "under!"),
            (r"\$A", "$A"),
            (r"\${A}", "${A}"),
            (r"\\$A", r"\one"),
            (r"a\ b\c", "a bc"),
            ("'$A'", "$A"),
            (r#""$A""#, "one"),
            (r#""\$A \x \" \\""#, r#"$A \x " \"#),
            (r#"'a"b'"c'd""#, r#"a"bc'd"#),
            ("${NONE:-two}", "two"),
            ("${NONE-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY-two}", ""),
            ("${A:-two}", "one"),
            ("${A:+two}", "two"),
            ("${EMPTY:+two}", ""),
            ("${EMPTY+two}", "two"),
            ("${NONE+two}", ""),
            ("${A:?no}", "one"),
            ("${NONE:-$A}", "one"),
            ("${NONE:-${NONE:-$A}}x", "onex"),
            ("${FILE#*/}", "bar/baz.tar.gz"),
            ("${FILE##*/}", "baz.tar.gz"),
            ("${FILE%.*}", "foo/bar/baz.tar"),
            ("${FILE%%.*}", "foo/bar/baz"),
            ("${FILE%none}", "foo/bar/baz.tar.gz"),
            ("${FILE#?oo}", "/bar/baz.tar.gz"),
            (r"${FILE#\*}", "foo/bar/baz.tar.gz"),
            ("${FILE/ba?/X}", "foo/X/baz.tar.gz"),
            ("${FILE//ba?/X}", "foo/X/X.tar.gz"),
            ("${NONE#a}", ""),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("100%", "100%"),
            ("$1x", "x"),
        ];
        for (text, expected) in cases {
            assert_eq!(word(text, '\\', &variables).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(word(r"C:\$A`$A", '`', &variables).unwrap(), r"C:\one$A");
    }

    #[test]
    fn what_is_not_closed_or_must_be_set_is_told() {
        let cases = [
            ("${A", "`${A` is not closed"),
            ("${", "`${` is not followed by the name of a variable"),
            ("${}", "`${` is not followed by the name of a variable"),
            ("${A:=x}", "`${A:=…}` is no form of a variable"),
            ("${A!x}", "`${A!…}` is no form of a variable"),
            ("${NONE:?say it}", "`NONE`: say it"),
            ("${EMPTY:?}", "`EMPTY`: must have a value"),
            ("'a", "a single quote is not closed"),
            (r#""a"#, "a double quote is not closed"),
            ("${A:-x", "`}` is missing at the end"),
        ];
        for (text, expected) in cases {
            assert_eq!(word(text, '\\', &variables).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn heredocs_keep_quotes_and_escapes() {
        assert_eq!(
            heredoc("a='$A'\n\\n \\$A \"$A\"\n", '\\', &variables).unwrap(),
            "a='one'\n\\n $A \"one\"\n"
        );
    }
}
