//! Elyra's runtime images, for people: who has logged in reads them, administrators change them. Files are written as `/elyra/` writes them, and
//! leave the same trail.

mod change;
mod view;

use imagewright_catalog::{Action, Object, Principal, Refusal, Subject, may};
use imagewright_service::metadata::{
    Entry, MetadataError, Record, RuntimeImages, Strictness, Version, Written,
};
use serde_json::Value as Json;

use crate::{Server, ServerError};

pub use change::RuntimeImageChange;
pub use view::{RuntimeImageList, RuntimeImageOrigin, RuntimeImageView};

use view::{as_json, entry_as_json, field_problem, version};

/// How a file is saved.
#[derive(Clone, Debug)]
pub struct RuntimeImageSave {
    /// What it was when it was read.
    pub version: String,
    /// Whether what has no place in a record may go.
    pub may_drop: bool,
}

/// What was done to a file, for the trail.
struct Done {
    name: String,
    before: Option<Json>,
    after: Option<Json>,
}

impl Done {
    fn written(before: Option<&Entry>, written: &Written) -> Self {
        let name = written.record.name.clone();
        Self { name, before: before.map(entry_as_json), after: Some(as_json(&written.record)) }
    }
}

impl Server {
    /// Whether there is a folder of runtime images.
    pub fn has_runtime_images(&self) -> bool {
        self.runtime_images.is_some()
    }

    /// All runtime images; none where there is no folder for them.
    pub async fn runtime_images(
        &self,
        principal: &Principal,
    ) -> Result<Option<RuntimeImageList>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let Some(images) = self.runtime_images.clone() else { return Ok(None) };
        Ok(Some(self.blocking(move |_| RuntimeImageList::of(&images.list())).await?))
    }

    /// One of them, whatever its file holds.
    pub async fn runtime_image(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<RuntimeImageView, ServerError> {
        let found = self.runtime_images(principal).await?.unwrap_or_default();
        let found = found.images.into_iter().find(|image| image.name == name);
        found.ok_or_else(|| ServerError::NotFound { what: "runtime image", name: name.to_owned() })
    }

    /// Adds one. Its name is made of the display name where none is given.
    pub async fn add_runtime_image(
        &self,
        principal: &Principal,
        name: Option<String>,
        new: RuntimeImageChange,
    ) -> Result<String, ServerError> {
        let add = move |images: &RuntimeImages| {
            let mut record = Record::new("", "");
            new.on(&mut record);
            let display_name = record.display_name.as_str().unwrap_or_default();
            // Before a name is made of it: what is wrong with it has a place in the form.
            if display_name.is_empty() && name.is_none() {
                return Err(ServerError::field("/display_name", "'' should be non-empty"));
            }
            record.name = RuntimeImages::name_for(name.as_deref(), display_name).map_err(refused)?;
            let written = images.create(record, Strictness::Lenient).map_err(refused)?;
            Ok(Done::written(None, &written))
        };
        self.change_runtime_images(principal, "added", add).await
    }

    /// Changes what is named and nothing else. What Elyra does not take is repaired by that; what came with Elyra gets a copy that counts
    /// in its place.
    pub async fn change_runtime_image(
        &self,
        principal: &Principal,
        name: &str,
        save: RuntimeImageSave,
        change: RuntimeImageChange,
    ) -> Result<String, ServerError> {
        let name = name.to_owned();
        let change = move |images: &RuntimeImages| {
            let (entry, at) = opened(images, &name, &save)?;
            refuse_to_drop(&entry.unkept(), &save)?;
            let mut record = entry.salvaged();
            change.on(&mut record);
            let written = images.save(record, &at).map_err(refused)?;
            Ok(Done::written(Some(&entry), &written))
        };
        self.change_runtime_images(principal, "changed", change).await
    }

    /// Puts a text in the place of a file: for what cannot be said in fields.
    pub async fn rewrite_runtime_image(
        &self,
        principal: &Principal,
        name: &str,
        save: RuntimeImageSave,
        text: String,
    ) -> Result<String, ServerError> {
        let name = name.to_owned();
        let rewrite = move |images: &RuntimeImages| {
            let (entry, at) = opened(images, &name, &save)?;
            let record = images.check_edit(&name, &text, Strictness::Lenient);
            let record = record.map_err(|error| match error {
                MetadataError::Problem(problem) => {
                    let place = problem.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
                    ServerError::field("/text", format!("{place}{}", problem.detail))
                }
                error => refused(error),
            })?;
            refuse_to_drop(&Record::unkept_of(&name, &text), &save)?;
            let written = images.save(record, &at).map_err(refused)?;
            Ok(Done::written(Some(&entry), &written))
        };
        self.change_runtime_images(principal, "changed", rewrite).await
    }

    /// Copies one, under the first display name `NAME-CopyN` that is free.
    pub async fn duplicate_runtime_image(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<String, ServerError> {
        let name = name.to_owned();
        let duplicate = move |images: &RuntimeImages| {
            let written = images.duplicate(&name, None).map_err(refused)?;
            Ok(Done::written(None, &written))
        };
        self.change_runtime_images(principal, "added", duplicate).await
    }

    /// Deletes one, whatever its file holds. One that came with Elyra stays.
    pub async fn delete_runtime_image(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<String, ServerError> {
        let name = name.to_owned();
        let delete = move |images: &RuntimeImages| {
            let entry = images.show(&name).map_err(refused)?;
            images.remove(&name).map_err(refused)?;
            Ok(Done { before: Some(entry_as_json(&entry)), after: None, name })
        };
        self.change_runtime_images(principal, "deleted", delete).await
    }

    /// Keeps one that came with Elyra out of sight.
    pub async fn hide_runtime_image(&self, principal: &Principal, name: &str) -> Result<String, ServerError> {
        let name = name.to_owned();
        let hide = move |images: &RuntimeImages| {
            let before = images.show(&name).map_err(refused)?;
            images.hide(&name).map_err(refused)?;
            let after = images.show(&name).map_err(refused)?;
            Ok(Done { before: Some(entry_as_json(&before)), after: Some(entry_as_json(&after)), name })
        };
        self.change_runtime_images(principal, "hidden", hide).await
    }

    /// Does something to the files, and notes it. Gives the name of what was changed.
    async fn change_runtime_images(
        &self,
        principal: &Principal,
        action: &str,
        work: impl FnOnce(&RuntimeImages) -> Result<Done, ServerError> + Send + 'static,
    ) -> Result<String, ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let Some(images) = self.runtime_images.clone() else {
            return Err(ServerError::NotFound {
                what: "folder of runtime images",
                name: "server.elyra-folder".to_owned(),
            });
        };
        let done = self.blocking(move |_| work(&images)).await??;
        let mut work = self.records.begin().await?;
        let subject = (Subject::RuntimeImage, done.name.as_str(), done.name.as_str());
        let change = (done.before.as_ref(), done.after.as_ref());
        work.note_change(principal, subject, action, change, self.now()).await?;
        work.commit().await?;
        Ok(done.name)
    }
}

/// The file that counts, if it still is what it was.
fn opened(
    images: &RuntimeImages,
    name: &str,
    save: &RuntimeImageSave,
) -> Result<(Entry, Version), ServerError> {
    let entry = images.show(name).map_err(refused)?;
    if version(&entry) != save.version {
        return Err(ServerError::Stale { name: name.to_owned() });
    }
    let at = entry.version();
    Ok((entry, at))
}

fn refuse_to_drop(unkept: &[String], save: &RuntimeImageSave) -> Result<(), ServerError> {
    if unkept.is_empty() || save.may_drop {
        return Ok(());
    }
    let detail = format!("this would be lost: {}; say that it may go", unkept.join(", "));
    Err(ServerError::field("/may_drop", detail))
}

fn refused(error: MetadataError) -> ServerError {
    let conflict = |error: &MetadataError| ServerError::Conflict { what: error.to_string(), hint: None };
    match error {
        MetadataError::NotFound(name) => ServerError::NotFound { what: "runtime image", name },
        MetadataError::Changed(name) => ServerError::Stale { name },
        MetadataError::Problem(problem) => {
            ServerError::Invalid(imagewright_catalog::Invalid(vec![field_problem(&problem)]))
        }
        MetadataError::Exists { name, .. } => {
            let detail = format!(
                "there is a runtime image `{name}` already: give another name, or another display name"
            );
            ServerError::field("/name", detail)
        }
        MetadataError::Unnameable(_) => {
            ServerError::field("/name", "no name can be made of this display name: give one")
        }
        MetadataError::Name | MetadataError::NoName => ServerError::field("/name", error),
        MetadataError::Finding(finding) => ServerError::field("", finding.message),
        MetadataError::NotPermitted(_)
        | MetadataError::FullFolder(_)
        | MetadataError::Own(_)
        | MetadataError::Hidden(_)
        | MetadataError::NotHidden(_) => conflict(&error),
        MetadataError::Io { .. } => ServerError::RuntimeImage(Box::new(error)),
    }
}
