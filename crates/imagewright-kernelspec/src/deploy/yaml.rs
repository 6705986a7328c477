//! YAML as people write it, of JSON's values.

use std::fmt::Write;

use serde_json::Value;

/// Documents with what is said of each, one after the other.
pub(crate) fn documents(documents: &[(String, Value)]) -> String {
    let mut text = String::new();
    for (comment, value) in documents {
        text += "---\n";
        for line in comment.lines() {
            let _ = writeln!(text, "{}", format!("# {line}").trim_end());
        }
        block(value, 0, &mut text);
    }
    text
}

/// What stands in lines of its own.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let _ = write!(text, "{:indent$}{}:", "", scalar(&Value::String(key.clone())));
                below(value, if value.is_array() { indent } else { indent + 2 }, text);
            }
        }
        Value::Array(values) => {
            for value in values {
                let mut inner = String::new();
                if is_empty(value) || !(value.is_object() || value.is_array()) {
                    let _ = writeln!(inner, "{}", scalar(value));
                } else {
                    block(value, indent + 2, &mut inner);
                }
                let _ = write!(text, "{:indent$}- {}", "", inner.trim_start());
            }
        }
        _ => {
            let _ = writeln!(text, "{:indent$}{}", "", scalar(value));
        }
    }
}

/// What stands after a key.
fn below(value: &Value, indent: usize, text: &mut String) {
    if is_empty(value) || !(value.is_object() || value.is_array()) {
        let _ = writeln!(text, " {}", scalar(value));
    } else {
        text.push('\n');
        block(value, indent, text);
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Plain where YAML reads the same text, otherwise as in JSON.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        // JSON may hold what ends lines of YAML, or is no character of it.
        other => other.to_string().chars().map(escaped).collect(),
    }
}

fn escaped(character: char) -> String {
    match character {
        '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
            format!("\\u{:04x}", u32::from(character))
        }
        other => other.to_string(),
    }
}

/// Words that other readers take for something else: YAML 1.1 knows more of them than YAML 1.2.
const NO_TEXTS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '@');
    // A colon is one of the text where no blank follows.
    let colons = !text.ends_with(':') && text.chars().all(|c| inner(c) || c == ':');
    begins && colons && !NO_TEXTS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_people_do() {
        let value = json!({
            "kind": "Pod", "labels": {"a/b": "c", "on": "yes"}, "empty": {}, "none": [], "nothing": null,
            "list": [{"name": "x", "args": ["-c", "a: b", "8888"]}, [1, 2], "registry.example:5000/x@sha256:00", ["a"]],
            "odd": "a\u{85}\"\n", "colon": "a:", "number": 8888,
        });
        let text = documents(&[("one\ntwo".to_owned(), value)]);
        insta::assert_snapshot!(text);
    }
}
