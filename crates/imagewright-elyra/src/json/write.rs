//! What Python's `json.dumps` writes.

use super::number::float_repr;
use super::{Object, Value};

/// What stands between the parts.
#[derive(Clone, Copy)]
enum Layout {
    /// Each part on a line of its own, indented by so many blanks a level.
    Indented(usize),
    /// All on one line.
    Line,
}

impl Value {
    /// `json.dumps(…, indent=…)`: no final newline, ASCII only.
    pub fn to_indented(&self, indent: usize) -> String {
        let mut text = String::new();
        write(&mut text, self, Layout::Indented(indent), 0);
        text
    }

    /// `json.dumps(…)`: one line.
    pub fn to_line(&self) -> String {
        let mut text = String::new();
        write(&mut text, self, Layout::Line, 0);
        text
    }
}

fn write(text: &mut String, value: &Value, layout: Layout, level: usize) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Integer(digits) => text.push_str(digits),
        Value::Float(value) => text.push_str(&float(*value)),
        Value::String(string) => write_string(text, string),
        Value::List(items) if items.is_empty() => text.push_str("[]"),
        Value::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(text, layout, level + 1, index > 0);
                write(text, item, layout, level + 1);
            }
            end(text, layout, level);
            text.push(']');
        }
        Value::Object(object) if object.is_empty() => text.push_str("{}"),
        Value::Object(object) => write_object(text, object, layout, level),
    }
}

fn write_object(text: &mut String, object: &Object, layout: Layout, level: usize) {
    text.push('{');
    for (index, (key, value)) in object.iter().enumerate() {
        separate(text, layout, level + 1, index > 0);
        write_string(text, key);
        text.push_str(": ");
        write(text, value, layout, level + 1);
    }
    end(text, layout, level);
    text.push('}');
}

fn separate(text: &mut String, layout: Layout, level: usize, after_another: bool) {
    if after_another {
        text.push(',');
    }
    match layout {
        Layout::Indented(_) => end(text, layout, level),
        Layout::Line if after_another => text.push(' '),
        Layout::Line => (),
    }
}

fn end(text: &mut String, layout: Layout, level: usize) {
    if let Layout::Indented(indent) = layout {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', indent * level));
    }
}

fn float(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => float_repr(value),
    }
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            ' '..='~' => text.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn values_are_laid_out_as_python_does() {
        let value =
            parse(r#"{"a": [], "b": {}, "c": [1, {"d": NaN}], "e": -1E400, "f": 1e5, "g": -0}"#).unwrap();
        let expected = "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": NaN\n    }\n  ],\n  \
                        \"e\": -Infinity,\n  \"f\": 100000.0,\n  \"g\": 0\n}";
        assert_eq!(value.to_indented(2), expected);
        let line = r#"{"a": [], "b": {}, "c": [1, {"d": NaN}], "e": -Infinity, "f": 100000.0, "g": 0}"#;
        assert_eq!(value.to_line(), line);
    }

    #[test]
    fn strings_are_ascii() {
        let value = parse("\"\\u0001\u{7f}\u{e9}\u{1f600}\\/\\b\\f\"").unwrap();
        assert_eq!(value.to_line(), r#""\u0001\u007f\u00e9\ud83d\ude00/\b\f""#);
    }
}
