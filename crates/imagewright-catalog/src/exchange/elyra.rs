//! Elyra: one runtime image record for each image, by the names of its files.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Exported;
use crate::selection::Offer;
use crate::{Name, PullPolicy};

#[derive(Serialize)]
struct Record<'a> {
    display_name: &'a str,
    metadata: Metadata<'a>,
    schema_name: &'static str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    image_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_policy: Option<PullPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_secret: Option<&'a Name>,
    tags: Vec<&'a str>,
}

/// A JSON object: names of records, each with the record. Written to files `NAME.json` they are what Elyra reads.
pub fn elyra(offers: &[Offer]) -> Exported {
    let mut notes = Vec::new();
    let mut records = Map::new();
    let mut taken = BTreeSet::new();
    for offer in offers {
        let Some(image_name) = &offer.reference else {
            notes.push(format!("{} is left out: it is not ready", offer.name));
            continue;
        };
        let name = record_name(&offer.name, &taken);
        let record = Record {
            display_name: &offer.display_name,
            metadata: Metadata {
                description: offer.description.as_deref(),
                image_name,
                pull_policy: offer.pull_policy,
                pull_secret: offer.pull_secret.as_ref(),
                tags: vec![offer.image_type.word()],
            },
            schema_name: "runtime-image",
        };
        records.insert(name.clone(), serde_json::to_value(record).expect("text"));
        taken.insert(name);
    }
    let text = serde_json::to_string_pretty(&Value::Object(records)).expect("text") + "\n";
    Exported { text, notes }
}

/// Elyra's names begin with a letter and have no dots.
fn record_name(name: &Name, taken: &BTreeSet<String>) -> String {
    let mut plain = name.as_str().replace('.', "-");
    if !plain.starts_with(|c: char| c.is_ascii_lowercase()) {
        plain.insert_str(0, "a_");
    }
    let numbered = (2_u64..).map(|number| format!("{plain}_{number}"));
    let mut candidates = std::iter::once(plain.clone()).chain(numbered);
    candidates.find(|candidate| !taken.contains(candidate)).expect("numbers do not end")
}
