//! Runtime images as they are shown: what a file holds, what is wrong with it, where it counts.

use std::collections::BTreeSet;

use imagewright_catalog::FieldProblem;
use imagewright_oci::Digest;
use imagewright_service::metadata::{Entry, Finding, Listing, Problem, Record, State, Value, findings};

/// The keys of `metadata` that Elyra's schema knows.
pub(super) const KNOWN: [&str; 5] = ["description", "tags", "image_name", "pull_policy", "pull_secret"];

/// A record, or a file that is none yet lies where records lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeImageView {
    /// The name of its file.
    pub name: String,
    /// What people call it; its name where the file has nothing.
    pub display_name: String,
    /// What it is.
    pub description: String,
    /// The image, as the record has it.
    pub image_name: String,
    /// Its tags, as far as they are texts.
    pub tags: Vec<String>,
    /// When a node asks the registry.
    pub pull_policy: String,
    /// The secret with which nodes pull it.
    pub pull_secret: String,
    /// What else is in `metadata`, as JSON. It stays.
    pub more: Vec<(String, String)>,
    /// Where it is from.
    pub origin: RuntimeImageOrigin,
    /// Why Elyra does not take it.
    pub problem: Option<FieldProblem>,
    /// Whether it is there to hide one that came with Elyra.
    pub is_hiding: bool,
    /// What Elyra takes and pipelines refuse or ignore.
    pub remarks: Vec<String>,
    /// The file, where it can be read; what is not UTF-8 is replaced.
    pub text: Option<String>,
    /// What it was when it was read, to be held against what it is when it is changed.
    pub version: String,
    /// What of the file is gone once it is saved.
    pub unkept: Vec<String>,
}

/// Where a runtime image is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeImageOrigin {
    /// Of the folder that is written to.
    Own,
    /// The same, and there is one of its name that came with Elyra, which does not count.
    InPlaceOfFactory,
    /// It came with Elyra.
    Factory,
}

/// All runtime images, by display name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeImageList {
    /// The images.
    pub images: Vec<RuntimeImageView>,
    /// What cannot be listed, and why.
    pub troubles: Vec<String>,
}

impl RuntimeImageList {
    pub(super) fn of(listing: &Listing) -> Self {
        let factory: BTreeSet<&str> = listing
            .entries
            .iter()
            .filter(|entry| entry.folder > 0)
            .map(|entry| entry.name.as_str())
            .collect();
        let found = findings(&listing.records());
        let mut images: Vec<RuntimeImageView> = listing
            .visible(true)
            .into_iter()
            .map(|entry| RuntimeImageView::of(entry, factory.contains(entry.name.as_str()), &found))
            .collect();
        images.sort_by_cached_key(|image| (image.display_name.to_lowercase(), image.name.clone()));
        let unreadable = listing
            .unreadable
            .iter()
            .map(|(folder, error)| format!("`{}` cannot be read: {error}", folder.display()));
        let missed = listing.leftovers.iter().filter(|leftover| leftover.is_missed).map(|leftover| {
            let path = leftover.path.display();
            format!(
                "Elyra was interrupted while it changed `{}`, which is missing now: it is kept as `{path}`",
                leftover.name
            )
        });
        Self { images, troubles: unreadable.chain(missed).collect() }
    }
}

impl RuntimeImageView {
    fn of(entry: &Entry, is_in_factory: bool, found: &[Finding]) -> Self {
        let record = entry.salvaged();
        let text = |key: &str| record.get(key).map(shown).unwrap_or_default();
        let more = record.metadata.as_object().into_iter().flatten();
        let more = more.filter(|(key, _)| !KNOWN.contains(&key.as_str()) && !entry.is_hiding());
        let remarks = found.iter().filter(|finding| finding.name == entry.name).map(|finding| {
            finding
                .hint
                .as_ref()
                .map_or_else(|| finding.message.clone(), |hint| format!("{}: {hint}", finding.message))
        });
        Self {
            name: entry.name.clone(),
            display_name: Some(shown(&record.display_name))
                .filter(|it| !it.is_empty())
                .unwrap_or(entry.name.clone()),
            description: text("description"),
            image_name: text("image_name"),
            tags: tags(&record),
            pull_policy: text("pull_policy"),
            pull_secret: text("pull_secret"),
            more: more.map(|(key, value)| (key.clone(), value.to_line())).collect(),
            origin: match (entry.folder, is_in_factory) {
                (0, false) => RuntimeImageOrigin::Own,
                (0, true) => RuntimeImageOrigin::InPlaceOfFactory,
                _ => RuntimeImageOrigin::Factory,
            },
            problem: entry.problem().map(field_problem),
            is_hiding: entry.is_hiding(),
            remarks: remarks.collect(),
            text: entry.text(),
            version: version(entry),
            unkept: entry.unkept(),
        }
    }

    /// Whether Elyra lists it.
    pub fn is_valid(&self) -> bool {
        self.problem.is_none()
    }
}

/// A value as a form has it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_line(),
    }
}

fn tags(record: &Record) -> Vec<String> {
    let tags = record.get("tags").and_then(Value::as_list).unwrap_or_default();
    tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where a file is and what is in it, in few characters.
pub(super) fn version(entry: &Entry) -> String {
    let content = entry.bytes().map(Digest::of);
    format!("{}-{}", entry.folder, content.as_ref().map_or("none", Digest::hex))
}

/// A problem of a record, as one of a field: `metadata.tags[1]` is `/metadata/tags/1`.
pub(super) fn field_problem(problem: &Problem) -> FieldProblem {
    let field = problem.field.as_deref().unwrap_or_default().replace(']', "");
    let pointer: String =
        field.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
    FieldProblem::new(&pointer, &problem.detail)
}

/// The record of a file as JSON, for the audit trail.
pub(super) fn as_json(record: &Record) -> serde_json::Value {
    let text = Value::Object(record.to_object()).to_line();
    // Numbers that JSON does not have stay a text.
    serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
}

/// The same of any file.
pub(super) fn entry_as_json(entry: &Entry) -> serde_json::Value {
    match &entry.state {
        State::Valid(record) | State::Invalid(record, _) => as_json(record),
        State::Unreadable(_) => entry.text().map_or(serde_json::Value::Null, serde_json::Value::String),
    }
}
