//! The record of an image that was just built and pushed.

use std::path::PathBuf;

use imagewright_elyra::{
    Change, Finding, MetadataError, Note, Record, Strictness, Update, generated_name, is_valid_name,
};
use imagewright_oci::{Annotations, Digest, Reference, annotation};
use jiff::Timestamp;

use super::RuntimeImages;
use super::pin::pinned;

/// An image that is in its registry.
#[derive(Clone, Debug)]
pub struct Publication<'a> {
    /// What the record is to be called: its name, or a display name that a name is made of. Without it, what the image
    /// calls itself.
    pub name: Option<&'a str>,
    /// Where the image is.
    pub reference: &'a Reference,
    /// The digest of its manifest.
    pub digest: &'a Digest,
    /// Its id.
    pub id: &'a Digest,
    /// Its labels.
    pub labels: &'a Annotations,
    /// Name the image by its tag alone, which may move, and not by its digest.
    pub by_tag: bool,
}

/// A record that was written for an image.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// The image in it.
    pub image_name: String,
    /// Its file.
    pub path: PathBuf,
    /// Whether there was no record of this name.
    pub is_new: bool,
    /// What is to be said about it.
    pub findings: Vec<Finding>,
}

impl Publication<'_> {
    /// The display name, and whether a record that is there gets it, too: not where somebody wrote a name that is one of
    /// records.
    fn display_name(&self) -> (&str, bool) {
        let title = self.labels.get(annotation::TITLE).map(String::as_str);
        let repository = self.reference.repository();
        let own = repository.rsplit_once('/').map_or(repository, |(_, own)| own);
        match self.name {
            Some(name) => (name, !is_valid_name(name)),
            None => (title.filter(|title| generated_name(title).is_some()).unwrap_or(own), false),
        }
    }

    fn image_name(&self) -> String {
        let repository = match self.reference.familiar_repository() {
            // Pipelines want an owner.
            repository if repository.contains('/') => repository,
            _ => self.reference.repository().to_owned(),
        };
        match (self.reference.tag(), self.by_tag) {
            (Some(tag), true) => format!("{repository}:{tag}"),
            (Some(tag), false) => pinned(&format!("{repository}:{tag}"), tag, self.digest),
            (None, _) => format!("{repository}@{}", self.digest),
        }
    }
}

impl RuntimeImages {
    /// Writes the record of an image, or points the one that is there at it and leaves its other properties.
    pub fn publish(&self, publication: &Publication<'_>) -> Result<Published, MetadataError> {
        let (display_name, renames) = publication.display_name();
        let name = Self::name_for(None, display_name)?;
        let image_name = publication.image_name();
        let mut record = Record::new(&name, display_name);
        record.set("image_name", image_name.as_str().into());
        if let Some(description) = publication.labels.get(annotation::DESCRIPTION) {
            record.set("description", description.as_str().into());
        }
        self.note_publication(&record, &image_name, publication)?;
        let metadata = record.metadata.as_object().cloned().unwrap_or_default();
        let created = self.create(record, Strictness::Lenient);
        let is_new = created.is_ok();
        let written = match created {
            Err(MetadataError::Exists { .. }) => {
                let display_name = renames.then(|| display_name.into());
                let change = Change { display_name, ..Change::of_metadata(metadata) };
                self.update(&name, &change, Update::Merge, Strictness::Lenient)?
            }
            created => created?,
        };
        let display_name = written.record.shown_name().to_owned();
        Ok(Published {
            name,
            display_name,
            image_name,
            path: written.path,
            is_new,
            findings: written.findings,
        })
    }

    /// Before the record is written, so that it is there when the record is.
    fn note_publication(
        &self,
        record: &Record,
        image_name: &str,
        publication: &Publication<'_>,
    ) -> Result<(), MetadataError> {
        let note = Note {
            built: Some(publication.id.to_string()),
            noted: Some(Timestamp::now().to_string()),
            pinned_from: image_name.split_once('@').map(|(plain, _)| plain.to_owned()),
            ..Note::default()
        };
        let before = self.records.get(&record.name).map(|(before, _)| before);
        self.records.write_note(before.as_ref().unwrap_or(record), image_name, &note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: Option<&str>, reference: &str, title: Option<&str>) -> (String, bool, String) {
        let labels = title.map(|title| (annotation::TITLE.to_owned(), title.to_owned()));
        let (labels, digest) = (labels.into_iter().collect(), Digest::of(b""));
        let reference = reference.parse().unwrap();
        let publication = Publication {
            name,
            reference: &reference,
            digest: &digest,
            id: &digest,
            labels: &labels,
            by_tag: true,
        };
        let (display_name, renames) = publication.display_name();
        (display_name.to_owned(), renames, publication.image_name())
    }

    #[test]
    fn a_record_is_called_as_somebody_says_or_as_its_image() {
        let of = |name, reference, title, display_name: &str, renames, image_name: &str| {
            let expected = (display_name.to_owned(), renames, image_name.to_owned());
            assert_eq!(names(name, reference, title), expected);
        };
        of(None, "r.example/team/image:1", None, "image", false, "r.example/team/image:1");
        of(None, "r.example/team/image", Some("My image"), "My image", false, "r.example/team/image:latest");
        of(None, "image:1", Some("!!!"), "image", false, "library/image:1");
        of(Some("my-name"), "a/b:1", Some("My image"), "my-name", false, "a/b:1");
        of(Some("My name"), "a/b:1", Some("My image"), "My name", true, "a/b:1");
    }
}
