//! Fields of what a server answers, as tables and pages show them.

use serde_json::Value;

/// The text of a field; nothing where there is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The texts of a list, with commas between them.
pub(crate) fn list(value: &Value) -> String {
    let texts: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
    texts.join(", ")
}

/// A time to the second.
pub(crate) fn time(value: &Value) -> String {
    text(value).chars().take(19).collect()
}

/// `yes`, or nothing.
pub(crate) fn yes(value: &Value) -> String {
    if value == &Value::Bool(true) { "yes".to_owned() } else { String::new() }
}

/// Names and values below each other; those without a value are left out.
pub(crate) fn page(rows: &[(&str, String)]) -> Vec<String> {
    let shown = || rows.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0) + 3;
    let line_break = format!("\n{:width$}", "");
    shown().map(|(name, value)| format!("{name:width$}{}", value.replace('\n', &line_break))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_each_other() {
        let rows = [("A", "one\ntwo".to_owned()), ("Longest", String::new()), ("Name", "x".to_owned())];
        assert_eq!(page(&rows), ["A      one\n       two", "Name   x"]);
    }
}
