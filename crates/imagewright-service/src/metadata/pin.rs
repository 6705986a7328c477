//! Records that name exactly one image: a tag is resolved to its digest, and stays beside it for people to read.

use std::path::PathBuf;

use imagewright_elyra::{Entry, Finding, MetadataError, Note, Record, State, Written};
use imagewright_oci::{Digest, Reference, Tag};
use jiff::Timestamp;

use super::RuntimeImages;
use super::registries::{ImageRegistries, Trouble, for_each};
use imagewright_model::in_one_line;

/// Which records are to be pinned, and how.
#[derive(Clone, Debug, Default)]
pub struct PinRequest {
    /// Their names; all where there are none.
    pub names: Vec<String>,
    /// Pin those again that are pinned already: to what their tag stands for now.
    pub upgrade: bool,
    /// Write nothing.
    pub dry_run: bool,
}

/// What became of a record that was to be pinned, or the reverse.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The record.
    pub name: String,
    /// What it named.
    pub before: Option<String>,
    /// What came of it.
    pub outcome: PinOutcome,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum PinOutcome {
    /// It names this now, or would.
    Done {
        /// The image.
        image_name: String,
        /// The file that was written; none where nothing was to be.
        path: Option<PathBuf>,
        /// What is to be said about the record.
        findings: Vec<Finding>,
    },
    /// It was so already.
    Already,
    /// It is as it was.
    Failed {
        /// Why.
        message: String,
        /// What to do about it, where that is known.
        hint: Option<String>,
    },
}

/// A record that is there, and the reference in it.
pub(super) struct Named {
    pub(super) record: Record,
    pub(super) image_name: String,
    pub(super) reference: Reference,
}

/// Why a record cannot be worked with.
pub(super) struct Refused {
    pub(super) name: String,
    pub(super) image_name: Option<String>,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl PinOutcome {
    fn failed(error: &MetadataError) -> Self {
        Self::Failed { message: error.to_string(), hint: error.hint() }
    }
}

impl From<Trouble> for PinOutcome {
    fn from(trouble: Trouble) -> Self {
        Self::Failed { message: trouble.message, hint: trouble.hint }
    }
}

impl From<Refused> for Pinned {
    fn from(refused: Refused) -> Self {
        let Refused { name, image_name, message, hint, .. } = refused;
        Self { name, before: image_name, outcome: PinOutcome::Failed { message, hint } }
    }
}

impl RuntimeImages {
    /// Resolves the tags of records to digests in their registries, and writes the records.
    pub fn pin(&self, registries: &ImageRegistries, request: &PinRequest) -> Vec<Pinned> {
        let found = self.named(&request.names);
        let resolve =
            |found: &Result<Named, Refused>| Some(wanted(registries, found.as_ref().ok()?, request.upgrade));
        let resolved = for_each(&found, resolve);
        let pin = |named: Named, wanted: Option<_>| {
            let wanted = wanted.unwrap_or(Err(PinOutcome::Already));
            let outcome = self.point(&named, wanted, request.dry_run, |before| Note {
                pinned_from: Some(before.to_owned()),
                ..Note::default()
            });
            Pinned { name: named.record.name, before: Some(named.image_name), outcome }
        };
        let found = found.into_iter().zip(resolved);
        found.map(|(found, wanted)| found.map_or_else(Pinned::from, |named| pin(named, wanted))).collect()
    }

    /// Takes the digests out of records again: each names what it named before, else its tag.
    pub fn unpin(&self, names: &[String], dry_run: bool) -> Vec<Pinned> {
        let unpin = |named: Named| {
            let outcome = self.point(&named, self.unpinned(&named), dry_run, |_| Note::default());
            Pinned { name: named.record.name, before: Some(named.image_name), outcome }
        };
        self.named(names).into_iter().map(|found| found.map_or_else(Pinned::from, unpin)).collect()
    }

    fn unpinned(&self, named: &Named) -> Result<String, PinOutcome> {
        let Some((plain, _)) = named.image_name.split_once('@') else { return Err(PinOutcome::Already) };
        let before = self.records.note(&named.record).and_then(|note| note.pinned_from);
        match before.or_else(|| named.reference.tag().map(|_| plain.to_owned())) {
            Some(before) => Ok(before),
            None => Err(PinOutcome::Failed {
                message: format!("'{}' has no tag to go back to", named.image_name),
                hint: Some("give it one with 'imagewright metadata update … --image_name'".to_owned()),
            }),
        }
    }

    /// Points a record at another image, where one was found.
    fn point(
        &self,
        named: &Named,
        wanted: Result<String, PinOutcome>,
        dry_run: bool,
        note: impl FnOnce(&str) -> Note,
    ) -> PinOutcome {
        let image_name = match wanted {
            Ok(image_name) if image_name == named.image_name => return PinOutcome::Already,
            Ok(image_name) if dry_run => {
                return PinOutcome::Done { image_name, path: None, findings: Vec::new() };
            }
            Ok(image_name) => image_name,
            Err(outcome) => return outcome,
        };
        // Who pins again wants to come back to what was there before the first time.
        let first = self.records.note(&named.record).and_then(|note| note.pinned_from);
        let before = first.as_deref().unwrap_or(&named.image_name);
        let before = before.split_once('@').map_or(before, |(plain, _)| plain);
        let note = Note { noted: Some(Timestamp::now().to_string()), ..note(before) };
        match self.records.repoint(&named.record.name, &named.image_name, &image_name, &note) {
            Ok(Written { path, findings, .. }) => PinOutcome::Done { image_name, path: Some(path), findings },
            Err(error) => PinOutcome::failed(&error),
        }
    }

    /// The records of these names, or all that count, and their references.
    pub(super) fn named(&self, names: &[String]) -> Vec<Result<Named, Refused>> {
        let entries: Vec<_> = match names {
            [] => {
                let listing = self.records.list();
                let shown = listing.visible(true).into_iter().filter(|entry| !entry.is_hiding()).cloned();
                let mut entries: Vec<_> = shown.map(Ok).collect();
                entries.sort_by(|one, other| name_of(one).cmp(&name_of(other)));
                entries
            }
            names => names
                .iter()
                .map(|name| self.records.find(name).map_err(|error| (name.clone(), error)))
                .collect(),
        };
        entries.into_iter().map(|entry| entry.map_err(missing).and_then(|entry| parsed(&entry))).collect()
    }
}

fn name_of(entry: &Result<Entry, (String, MetadataError)>) -> Option<&str> {
    entry.as_ref().ok().map(|entry| entry.name.as_str())
}

fn missing((name, error): (String, MetadataError)) -> Refused {
    Refused { name, image_name: None, kind: "no-record", message: error.to_string(), hint: error.hint() }
}

/// The reference in a record, where the record is valid and holds one.
fn parsed(entry: &Entry) -> Result<Named, Refused> {
    let refused = |image_name: Option<&str>, kind, message| Refused {
        name: entry.name.clone(),
        image_name: image_name.map(str::to_owned),
        kind,
        message,
        hint: None,
    };
    let record = match &entry.state {
        State::Valid(record) => record,
        State::Invalid(record, problem) => {
            return Err(refused(record.image_name(), "invalid", problem.detail.clone()));
        }
        State::Unreadable(problem) => return Err(refused(None, "invalid", problem.detail.clone())),
    };
    let image_name = record.image_name().unwrap_or_default();
    match image_name.parse() {
        Ok(reference) => Ok(Named { image_name: image_name.to_owned(), reference, record: record.clone() }),
        Err(error) => Err(refused(Some(image_name), "not-a-reference", in_one_line(&error))),
    }
}

/// The name with the digest that its tag has now.
fn wanted(registries: &ImageRegistries, named: &Named, upgrade: bool) -> Result<String, PinOutcome> {
    let reference = &named.reference;
    match (reference.tag(), reference.digest()) {
        (_, Some(_)) if !upgrade => Err(PinOutcome::Already),
        (Some(tag), _) => Ok(pinned(&named.image_name, tag, &registries.digest_of(reference, tag)?)),
        // A digest without a tag is all there is to know.
        (None, _) => Err(PinOutcome::Already),
    }
}

/// `repository:tag@digest`, with registry and repository as the user wrote them. Registries and clusters go by the digest;
/// the tag is for people.
pub(super) fn pinned(image_name: &str, tag: &Tag, digest: &Digest) -> String {
    let plain = image_name.split_once('@').map_or(image_name, |(plain, _)| plain);
    let tagged = format!(":{tag}");
    match plain.ends_with(&tagged) {
        true => format!("{plain}@{digest}"),
        false => format!("{plain}{tagged}@{digest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_stays_and_the_name_is_as_it_was_written() {
        let digest = Digest::of(b"");
        let cases = [
            ("a/b:1", "a/b:1"),
            ("a/b", "a/b:latest"),
            ("library/python:3", "library/python:3"),
            ("localhost:5000/latest", "localhost:5000/latest:latest"),
            ("a/b:1@sha256:0000000000000000000000000000000000000000000000000000000000000000", "a/b:1"),
        ];
        for (image_name, plain) in cases {
            let reference: Reference = image_name.parse().unwrap();
            let text = pinned(image_name, reference.tag().unwrap(), &digest);
            assert_eq!(text, format!("{plain}@{digest}"));
            let parsed: Reference = text.parse().unwrap();
            assert_eq!((parsed.tag(), parsed.digest()), (reference.tag(), Some(&digest)));
        }
    }
}
