//! Values as Python's `repr` shows them; messages of Elyra's validation hold them.

use super::Value;
use super::number::float_repr;

impl Value {
    /// Python's `repr`.
    pub fn repr(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Integer(digits) => digits.to_string(),
            Self::Float(value) => float_repr(*value),
            Self::String(text) => repr_of_text(text),
            Self::List(items) => format!("[{}]", joined(items.iter().map(Self::repr))),
            Self::Object(object) => {
                let entries =
                    object.iter().map(|(key, value)| format!("{}: {}", repr_of_text(key), value.repr()));
                format!("{{{}}}", joined(entries))
            }
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Python's `repr` of a text: in double quotes only where it holds single ones and no double ones.
pub(crate) fn repr_of_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character == quote => shown.extend(['\\', quote]),
            _ if is_printable(character) => shown.push(character),
            _ => shown.push_str(&escaped(u32::from(character))),
        }
    }
    shown.push(quote);
    shown
}

fn escaped(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// Python's `str.isprintable` but for characters that Unicode has not assigned, which have no table in Rust's library.
fn is_printable(character: char) -> bool {
    let is_invisible = matches!(
        u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff0..=0xfffb | 0xfffe..=0xffff | 0xe0000..=0x10_ffff
    );
    character == ' ' || !(character.is_control() || character.is_whitespace() || is_invisible)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn texts_are_quoted_as_in_python() {
        let cases = [
            ("", "''"),
            ("a'b", "\"a'b\""),
            ("a'b\"c", "'a\\'b\"c'"),
            ("\\\n\t\u{1}\u{7f}", "'\\\\\\n\\t\\x01\\x7f'"),
            ("é\u{a0}\u{2028}\u{1f600}\u{e0001}", "'é\\xa0\\u2028\u{1f600}\\U000e0001'"),
        ];
        for (text, shown) in cases {
            assert_eq!(repr_of_text(text), shown);
        }
    }

    #[test]
    fn values_look_as_in_python() {
        let value = parse(r#"[null, true, 1, 1.0, {"a": ["b"]}, NaN]"#).unwrap();
        assert_eq!(value.repr(), "[None, True, 1, 1.0, {'a': ['b']}, nan]");
    }
}
