//! Python literals: what Elyra's command line takes as the value of `--json` and of lists.

use super::number::normalised;
use super::{Object, Value, parse};

/// Deeper literals are not meant.
const DEEPEST: usize = 100;

/// Why a text is neither JSON nor a Python literal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed at character {at}")]
pub struct LiteralError {
    /// The place, in characters from 0.
    at: usize,
}

impl Value {
    /// Reads a text that is JSON or a Python literal (`{'a': True}`), in which JSON's `true`, `false` and `null` count too.
    pub fn from_literal(text: &str) -> Result<Self, LiteralError> {
        if let Ok(value) = parse(text) {
            return Ok(value);
        }
        let mut reader = Reader { characters: text.chars().collect(), at: 0 };
        let value = reader.value(0)?;
        reader.skip_blanks();
        if reader.at < reader.characters.len() { Err(reader.wrong()) } else { Ok(value) }
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn wrong(&self) -> LiteralError {
        LiteralError { at: self.at }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self, character: char) -> bool {
        let is_there = self.peek() == Some(character);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, LiteralError> {
        self.skip_blanks();
        match self.peek() {
            Some('[' | '(' | '{') if depth >= DEEPEST => Err(self.wrong()),
            Some('[') => self.list(']', depth + 1).map(Value::List),
            Some('(') => self.list(')', depth + 1).map(Value::List),
            Some('{') => self.object(depth + 1),
            Some('\'' | '"') => self.string().map(Value::String),
            Some(_) => self.word(),
            None => Err(self.wrong()),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Value>, LiteralError> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.skip_blanks();
            if self.take(end) {
                return Ok(items);
            }
            items.push(self.value(depth)?);
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some(end) {
                return Err(self.wrong());
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let mut object = Object::new();
        self.at += 1;
        loop {
            self.skip_blanks();
            if self.take('}') {
                return Ok(Value::Object(object));
            }
            let Value::String(key) = self.value(depth)? else { return Err(self.wrong()) };
            self.skip_blanks();
            if !self.take(':') {
                return Err(self.wrong());
            }
            let value = self.value(depth)?;
            object.insert(key, value);
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.wrong());
            }
        }
    }

    fn word(&mut self) -> Result<Value, LiteralError> {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-')) {
            self.at += 1;
        }
        let word: String = self.characters[begin..self.at].iter().collect();
        match word.as_str() {
            "None" | "null" => return Ok(Value::Null),
            "True" | "true" => return Ok(Value::Bool(true)),
            "False" | "false" => return Ok(Value::Bool(false)),
            _ => (),
        }
        let digits = word.strip_prefix('-').unwrap_or(&word);
        let begins_well = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        if begins_well && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            if digits.len() > 1 && digits.starts_with('0') {
                return Err(LiteralError { at: begin });
            }
            return Ok(Value::Integer(normalised(&word).into()));
        }
        match word.parse() {
            Ok(value) if begins_well => Ok(Value::Float(value)),
            _ => Err(LiteralError { at: begin }),
        }
    }

    fn string(&mut self) -> Result<String, LiteralError> {
        let quote = self.peek();
        self.at += 1;
        let mut string = String::new();
        loop {
            let character = self.peek().filter(|&c| c != '\n').ok_or_else(|| self.wrong())?;
            self.at += 1;
            match character {
                _ if Some(character) == quote => return Ok(string),
                '\\' => self.escape(&mut string)?,
                _ => string.push(character),
            }
        }
    }

    fn escape(&mut self, string: &mut String) -> Result<(), LiteralError> {
        let letter = self.peek().ok_or_else(|| self.wrong())?;
        self.at += 1;
        let character = match letter {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => letter,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            // Python keeps what it does not know.
            _ => {
                string.push('\\');
                letter
            }
        };
        string.push(character);
        Ok(())
    }

    fn code(&mut self, length: usize) -> Result<char, LiteralError> {
        let digits = self.characters.get(self.at..self.at + length).ok_or_else(|| self.wrong())?;
        let digits: String = digits.iter().collect();
        let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        let character = code.ok_or_else(|| self.wrong())?;
        self.at += length;
        Ok(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_python_are_both_read() {
        let cases = [
            ("{'a': True, 'b': [None, 1.5, -2,],}", Some(r#"{"a": true, "b": [null, 1.5, -2]}"#)),
            (r#"{"a": true, "b": null}"#, Some(r#"{"a": true, "b": null}"#)),
            ("{'a': true}", Some(r#"{"a": true}"#)),
            (r"'it\'s \x41\u00e9\q'", Some(r#""it's A\u00e9\\q""#)),
            ("('a', 'b')", Some(r#"["a", "b"]"#)),
            ("[a,b]", None),
            ("['a' 'b']", None),
            ("{1: 2}", None),
            ("['a'", None),
            ("__import__('os')", None),
            ("01", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let value = Value::from_literal(text).ok().map(|value| value.to_line());
            assert_eq!(value.as_deref(), expected, "{text}");
        }
    }
}
