//! Our validation held against Elyra's, on records that nobody chose: what is valid, and of several failures the same one.

use std::fs;
use std::process::Command;

use imagewright_elyra::json::{Object, Value, parse};
use imagewright_elyra::{Record, schema};
use imagewright_testkit::context::Outcome;
use imagewright_testkit::random::Random;

use super::{context_with_elyra, environment};

const RECORDS: usize = 5_000;

/// Values right and wrong.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "0",
    "1",
    "1.0",
    "NaN",
    "-Infinity",
    "\"\"",
    "\"x\"",
    "\"xy\"",
    "\"Always\"",
    "\"Never\\n\"",
    "\"a.b-c\"",
    "\"a b\"",
    "\" a\"",
    "\"a\\n\"",
    "\"\\u00e9\"",
    "[]",
    "[\"a\", \"b\"]",
    "[\"a\", \"a\"]",
    "[1, true, 1.0]",
    "[[1], [1]]",
    "{}",
    "{\"a\": [\"'\"]}",
];
const KEYS: [&str; 6] = ["description", "tags", "image_name", "pull_policy", "pull_secret", "more"];
/// Values that are right for the key at the same place.
const RIGHT: [&str; 6] = ["\"d\"", "[\"a\"]", "\"a/b\"", "\"Always\"", "\"ab\"", "{\"x\": null}"];

fn value(random: &mut Random) -> Value {
    if random.below(4) == 0 {
        return Value::List((0..random.below(4)).map(|_| value(random)).collect());
    }
    let text: &str = VALUES[usize::try_from(random.below(VALUES.len() as u64)).unwrap()];
    parse(text).unwrap()
}

fn record(random: &mut Random) -> Record {
    let mut metadata = Object::new();
    for (key, right) in KEYS.iter().zip(RIGHT) {
        match random.below(8) {
            0 | 1 => (),
            2 => drop(metadata.insert((*key).to_owned(), value(random))),
            _ => drop(metadata.insert((*key).to_owned(), parse(right).unwrap())),
        }
    }
    let mut record = Record::new("x", "X");
    record.metadata = if random.below(30) == 0 { value(random) } else { Value::Object(metadata) };
    if random.below(15) == 0 {
        record.display_name = value(random);
    }
    record
}

#[test]
#[ignore = "needs Elyra"]
fn validation_is_elyras() {
    let (mut random, seed) = Random::from_environment("Elyra's validation");
    let records: Vec<Record> = (0..RECORDS).map(|_| record(&mut random)).collect();
    let lines: Vec<String> =
        records.iter().map(|record| Value::Object(record.to_object()).to_line()).collect();
    let context = context_with_elyra();
    let input = context.write("records", &(lines.join("\n") + "\n"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/needs_elyra/validate.py");
    let mut command = Command::new(environment().join("bin/python"));
    let answers = Outcome::of(command.arg(script).stdin(fs::File::open(input).unwrap())).success().stdout;
    let mut valid = 0;
    for ((record, line), answer) in records.iter().zip(&lines).zip(answers.lines()) {
        let elyras = parse(answer).unwrap().as_str().map(str::to_owned);
        let ours = schema::check(record).err().map(|problem| problem.detail);
        assert_eq!(ours, elyras, "seed {seed}: {line}");
        valid += usize::from(ours.is_none());
    }
    assert_eq!(answers.lines().count(), RECORDS);
    assert!(valid > RECORDS / 10 && valid < RECORDS * 9 / 10, "{valid} of {RECORDS} are valid");
}
