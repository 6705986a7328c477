//! Entries that begin as a copy of another.

use imagewright_catalog::{
    Action, Image, ImageState, Name, NewCopy, Object, Principal, Subject, Warning, may,
};
use serde::Serialize;

use crate::images::check;
use crate::{Added, ImageView, Server, ServerError};

/// A copy as the audit trail has it.
#[derive(Serialize)]
struct NotedCopy<'a> {
    #[serde(flatten)]
    image: &'a Image,
    copy_of: &'a Name,
}

impl Server {
    /// Adds an entry that is like another one, which whoever asks sees. Nothing is built: a copy of what is built here is ready
    /// after a build of its own.
    pub async fn duplicate_image(
        &self,
        principal: &Principal,
        name: &Name,
        copy: NewCopy,
    ) -> Result<Added, ServerError> {
        let original = self.seen(principal, name, Action::See, None).await?.image;
        let chosen = copy.name.clone();
        let made = || Name::from_text(&copy.display_name(&original), &"image".parse().expect("a name"));
        let wanted = chosen.clone().unwrap_or_else(made);
        self.finish_removals().await?;
        let mut work = self.records.begin().await?;
        let (id, by, now) = (work.new_image_id(), principal.person.clone(), self.now());
        let mut image = original.copied(copy, id, wanted.clone(), by, now)?;
        may(principal, Action::Create, Object::from(&image))?;
        let mut warnings = check(&mut work, &image).await?;
        if chosen.is_none() {
            image.name = work.free_image_name(&wanted).await?;
        }
        work.insert_image(&image).await?;
        let noted = NotedCopy { image: &image, copy_of: name };
        let subject = (Subject::Image, image.id.as_str(), image.name.as_str());
        work.note_change(principal, subject, "duplicated", (None, Some(&noted)), now).await?;
        let state = image.state(None);
        if state == ImageState::NotReady {
            let detail = "nothing has been built of it yet: it is on offer after its first build".to_owned();
            warnings.push(Warning { pointer: "/spec".to_owned(), detail });
        }
        let added = Added { view: ImageView { image, state }, warnings };
        self.commit(work, &added).await?;
        Ok(added)
    }
}
