//! Our JSON held against Python's, on texts that nobody chose: what it takes, what it writes, how it complains.

use std::fs;
use std::process::Command;

use imagewright_elyra::json::{JsonError, parse};
use imagewright_testkit::context::Outcome;
use imagewright_testkit::random::Random;
use serde_json::Value;

use super::{context_with_elyra, environment};

const TEXTS: usize = 20_000;
/// Python 3.13 has other words for these.
const NEWER_WORDS: &str = "Illegal trailing comma";

/// Parts of documents, of which some do not belong.
const PARTS: [&str; 42] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\r\n",
    "\t",
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "-0",
    "01",
    "12345678901234567890",
    "1.0",
    "-1.5e300",
    "1e16",
    "1E-7",
    "1e400",
    "0.1",
    "1.",
    "1e",
    "-",
    "\"\"",
    "\"a\"",
    "\"a'b\"",
    "\"'\\\"\"",
    "\"\\u00e9\\n\\ud83d\\ude00\"",
    "\"é\u{1f600}\u{7f}\"",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\u{1}\"",
    "\"open",
    "'a'",
    "\u{feff}",
    "x",
];

/// A document, mostly well-formed.
fn document(random: &mut Random, depth: u64) -> String {
    let inner = |random: &mut Random| document(random, depth + 1);
    match random.below(if depth > 4 { 10 } else { 16 }) {
        0 => (*random.pick(&PARTS)).to_owned(),
        1..=9 => {
            let plain = [
                "null",
                "true",
                "-7",
                "2.50",
                "1e5",
                "\"x\"",
                "\"\\u00e9'\"",
                "NaN",
                "123456789012345678901234",
                "1e-5",
            ];
            (*random.pick(&plain)).to_owned()
        }
        10..=12 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| inner(random)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            let keys = ["\"a\"", "\"b\"", "\"\"", "\"\\u00e9\""];
            let pairs: Vec<String> =
                (0..random.below(4)).map(|_| format!("{}: {}", random.pick(&keys), inner(random))).collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

fn text(random: &mut Random) -> String {
    if random.below(3) == 0 {
        return (0..random.below(8)).map(|_| *random.pick(&PARTS)).collect();
    }
    let mut text = document(random, 0);
    if random.below(4) == 0 {
        // One character is lost.
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        if !places.is_empty() {
            text.remove(*random.pick(&places));
        }
    }
    text
}

#[test]
#[ignore = "needs Elyra"]
fn json_is_pythons() {
    let (mut random, seed) = Random::from_environment("python's JSON");
    let texts: Vec<String> = (0..TEXTS).map(|_| text(&mut random)).collect();
    let context = context_with_elyra();
    let lines: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    let input = context.write("texts", &(lines.join("\n") + "\n"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/needs_elyra/python.py");
    let mut command = Command::new(environment().join("bin/python"));
    let answers = Outcome::of(command.arg(script).stdin(fs::File::open(input).unwrap())).success().stdout;
    let mut taken = 0;
    for (text, line) in texts.iter().zip(answers.lines()) {
        let answer: Value = serde_json::from_str(line).unwrap();
        match (parse(text), answer["error"].as_str()) {
            (Ok(value), None) => {
                taken += 1;
                let ours = [value.to_indented(2), value.to_line(), value.repr()];
                let pythons = ["indented", "line", "repr"].map(|key| answer[key].as_str().unwrap());
                assert_eq!(ours, pythons, "seed {seed}: {text:?}");
            }
            // No text of ours can hold it.
            (Err(JsonError::Surrogate { .. }), _) => (),
            (Err(error), Some(words)) => {
                assert!(
                    error.to_string() == words || words.starts_with(NEWER_WORDS),
                    "seed {seed}: {text:?}: {error}, not {words}"
                );
            }
            (ours, pythons) => panic!("seed {seed}: {text:?}: {ours:?}, not {pythons:?}"),
        }
    }
    assert!(taken > TEXTS / 4 && taken < TEXTS * 9 / 10, "{taken} of {TEXTS} texts are JSON");
}
