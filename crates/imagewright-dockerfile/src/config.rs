//! What instructions do to a configuration, and how a history tells of it.

use std::collections::BTreeMap;

use imagewright_oci::ContainerConfig;
use serde_json::{Map, Value, json};

use crate::error::Problem;
use crate::instruction::{Command, HealthCheck};

/// The search path of an image that sets none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Sets a variable where it stands, or adds it at the end.
pub(crate) fn set_variable(container: &mut ContainerConfig, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let is_same = |known: &&mut String| known.split_once('=').is_some_and(|(known, _)| known == name);
    match container.env.iter_mut().find(is_same) {
        Some(known) => *known = entry,
        None => container.env.push(entry),
    }
}

pub(crate) fn variable<'a>(container: &'a ContainerConfig, name: &str) -> Option<&'a str> {
    container.env.iter().rev().find_map(|entry| {
        let (known, value) = entry.split_once('=')?;
        (known == name).then_some(value)
    })
}

/// What runs a line: `SHELL`, or `/bin/sh`.
pub(crate) fn shell(container: &ContainerConfig) -> Vec<String> {
    let own = container.extra.get("Shell").and_then(Value::as_array);
    let own: Vec<String> = own.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if own.is_empty() { vec!["/bin/sh".to_owned(), "-c".to_owned()] } else { own }
}

/// The words that are run for a command.
pub(crate) fn words(command: &Command, container: &ContainerConfig) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(line) => {
            let mut words = shell(container);
            words.push(line.clone());
            words
        }
    }
}

pub(crate) fn insert_all(map: &mut Option<BTreeMap<String, Value>>, keys: impl IntoIterator<Item = String>) {
    map.get_or_insert_default().extend(keys.into_iter().map(|key| (key, Value::Object(Map::new()))));
}

/// The ports that a word names: `80`, `80/udp`, `8000-8002`. Where a port of the host stands before it (`8080:80`), as for
/// `docker run`, that says nothing here.
pub(crate) fn ports(word: &str) -> Result<Vec<String>, Problem> {
    let bad = || Problem::malformed("EXPOSE", format!("`{word}` is no port: 8888, 8888/udp or 8000-8010"));
    let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(bad());
    }
    let range = range.rsplit(':').next().unwrap_or(range);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().map_err(|_| bad());
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(bad());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// A health check as a configuration has it.
pub(crate) fn health_check(check: &HealthCheck) -> Value {
    let HealthCheck::Command { command, times, retries } = check else { return json!({ "Test": ["NONE"] }) };
    let mut test = Vec::new();
    match command {
        Command::Exec(words) => {
            test.push("CMD".to_owned());
            test.extend(words.iter().cloned());
        }
        Command::Shell(line) => test.extend(["CMD-SHELL".to_owned(), line.clone()]),
    }
    let mut all = Map::new();
    all.insert("Test".to_owned(), json!(test));
    all.extend(times.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    all.extend(retries.map(|count| ("Retries".to_owned(), json!(count))));
    Value::Object(all)
}

/// A list as Go prints it.
pub(crate) fn list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// A list of words in quotes as Go prints it.
pub(crate) fn quoted_list(words: &[String]) -> String {
    list(&words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_single_or_a_range() {
        for (word, expected) in [
            ("80", &["80/tcp"][..]),
            ("53/UDP", &["53/udp"]),
            ("127.0.0.1:8080:80", &["80/tcp"]),
            ("8000-8002", &["8000/tcp", "8001/tcp", "8002/tcp"]),
        ] {
            assert_eq!(ports(word).unwrap(), expected);
        }
        for word in ["", "x", "70000", "80/icmp", "9-8", "80:x"] {
            assert!(ports(word).is_err(), "{word}");
        }
    }
}
