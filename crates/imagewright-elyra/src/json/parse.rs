//! What Python's `json.loads` takes, and its words for what it does not.

use super::number::{MOST_DIGITS, normalised};
use super::{Object, Value};

/// Python gives up on deeper nesting when it copies what it read, at some depth between this one and a thousand.
const DEEPEST: usize = 400;

/// Why a text is not JSON to Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is malformed at a place.
    #[error("{message}: line {line} column {column} (char {character})")]
    Malformed {
        /// What is wrong, in Python's words.
        message: &'static str,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The place in characters, from 0.
        character: usize,
    },
    /// A whole number has more digits than Python reads.
    #[error("Exceeds the limit ({MOST_DIGITS} digits) for integer string conversion: value has {0} digits")]
    Digits(usize),
    /// Lists and objects lie too deep in each other.
    #[error("maximum recursion depth exceeded while decoding a JSON document")]
    TooDeep,
    /// A text holds half a surrogate pair. Python takes it; no text in UTF-8 can hold it.
    #[error("a text holds half of a surrogate pair at line {line}")]
    Surrogate {
        /// The line, from 1.
        line: usize,
    },
}

/// Reads a document.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut parser = Parser { text, at: 0 };
    if text.starts_with('\u{feff}') {
        return Err(parser.malformed("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
    }
    parser.skip_blanks();
    let value = parser.value(0)?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return Err(parser.malformed("Extra data", parser.at));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn malformed(&self, message: &'static str, at: usize) -> JsonError {
        let before = &self.text[..at];
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        JsonError::Malformed {
            message,
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
            character: before.chars().count(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        const WORDS: [(&str, Value); 6] = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{' | b'[') if depth >= DEEPEST => Err(JsonError::TooDeep),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            _ => match WORDS.into_iter().find(|(word, _)| self.take(word)) {
                Some((_, value)) => Ok(value),
                None => self.number(),
            },
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_blanks();
        if self.take("]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blanks();
            if self.take("]") {
                return Ok(Value::List(items));
            }
            self.expect(",", "Expecting ',' delimiter")?;
            self.skip_blanks();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut object = Object::new();
        self.at += 1;
        self.skip_blanks();
        if self.take("}") {
            return Ok(Value::Object(object));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.malformed("Expecting property name enclosed in double quotes", self.at));
            }
            let key = self.string()?;
            self.skip_blanks();
            self.expect(":", "Expecting ':' delimiter")?;
            self.skip_blanks();
            let value = self.value(depth)?;
            object.insert(key, value);
            self.skip_blanks();
            if self.take("}") {
                return Ok(Value::Object(object));
            }
            self.expect(",", "Expecting ',' delimiter")?;
            self.skip_blanks();
        }
    }

    fn expect(&mut self, word: &str, message: &'static str) -> Result<(), JsonError> {
        if self.take(word) { Ok(()) } else { Err(self.malformed(message, self.at)) }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let begin = self.at;
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return Err(self.malformed("Expecting value", begin));
        }
        let whole = self.at;
        // A point or an exponent without digits is not part of the number.
        self.take(".");
        if self.at > whole && self.digits() == 0 {
            self.at = whole;
        }
        let fraction = self.at;
        if self.take("e") || self.take("E") {
            let _sign = self.take("+") || self.take("-");
            if self.digits() == 0 {
                self.at = fraction;
            }
        }
        let text = &self.text[begin..self.at];
        if self.at > whole {
            return Ok(Value::Float(text.parse().unwrap_or(f64::NAN)));
        }
        match text.trim_start_matches('-').len() {
            length if length > MOST_DIGITS => Err(JsonError::Digits(length)),
            _ => Ok(Value::Integer(normalised(text).into())),
        }
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - begin
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let begin = self.at;
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            string.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape(begin)?),
                Some(_) => return Err(self.malformed("Invalid control character at", self.at)),
                None => return Err(self.malformed("Unterminated string starting at", begin)),
            }
        }
    }

    fn escape(&mut self, begin: usize) -> Result<char, JsonError> {
        let backslash = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else {
            return Err(self.malformed("Unterminated string starting at", begin));
        };
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.malformed("Invalid \\escape", backslash)),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let half =
            |parser: &Self| JsonError::Surrogate { line: parser.text[..parser.at].matches('\n').count() + 1 };
        let first = self.unit()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(u32::from(first)).ok_or_else(|| half(self));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Err(half(self));
        }
        self.at += 1;
        let second = self.unit()?;
        let mut pair = char::decode_utf16([first, second]);
        pair.next().and_then(Result::ok).ok_or_else(|| half(self))
    }

    /// Four digits after `u`, and something after them, which Python looks for first.
    fn unit(&mut self) -> Result<u16, JsonError> {
        let begin = self.at + 1;
        let goes_on = self.text.get(begin + 4..).is_some_and(|rest| !rest.is_empty());
        let digits = self.text.get(begin..begin + 4).filter(|_| goes_on);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at = begin + 4;
                Ok(unit)
            }
            None => Err(self.malformed("Invalid \\uXXXX escape", self.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Taken from Python 3.11.
    #[test]
    fn errors_are_in_pythons_words() {
        let cases = [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("{\"a\": 1\n \"b\"", "Expecting ',' delimiter: line 2 column 2 (char 9)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("[1", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("\"é", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\\", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\tb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"é\\x\"", "Invalid \\escape: line 1 column 3 (char 2)"),
            ("\"\\u00g0\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("\"\\u00e9", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("1 2", "Extra data: line 1 column 3 (char 2)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("-", "Expecting value: line 1 column 1 (char 0)"),
            ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ];
        for (text, message) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_wins_at_the_place_of_the_first() {
        assert_eq!(parse(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap().to_line(), r#"{"a": 3, "b": 2}"#);
    }

    #[test]
    fn nesting_and_digits_have_an_end() {
        assert_eq!(parse(&"[".repeat(1 << 20)), Err(JsonError::TooDeep));
        assert!(parse(&("[".repeat(DEEPEST) + &"]".repeat(DEEPEST))).is_ok());
        assert_eq!(parse(&"1".repeat(4301)), Err(JsonError::Digits(4301)));
        assert_eq!(parse("\"\\ud800\""), Err(JsonError::Surrogate { line: 1 }));
        assert_eq!(parse("\"\\ud800\\u0041\""), Err(JsonError::Surrogate { line: 1 }));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}\",:\\\\u0-9a-f.eE+ \\-\u{e9}\u{1f600}ntrulNaI]{0,40}") {
            if let Ok(value) = parse(&text) {
                let written = value.to_line();
                prop_assert_eq!(parse(&written).unwrap().to_line(), written);
            }
        }
    }
}
