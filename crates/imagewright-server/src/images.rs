//! The catalogue: entries are added, changed, removed, listed and offered.

use imagewright_catalog::selection::{Offer, offers};
use imagewright_catalog::{
    Action, AuditEntry, AuditFilter, BuildState, FieldProblem, Image, ImageChange, ImageFilter, ImageState,
    Invalid, Name, NewImage, Object, OrderBy, Owner, Page, PageRequest, Principal, Refusal, SecretKind,
    Subject, Warning, may,
};
use imagewright_records::{Listed, Work};
use serde::{Deserialize, Serialize};

use crate::{Server, ServerError};

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// The entry.
    pub image: Image,
    /// How it is, in a word.
    pub state: ImageState,
}

/// An entry that was added or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The entry.
    pub view: ImageView,
    /// What whoever did it should know.
    pub warnings: Vec<Warning>,
}

impl From<Listed> for ImageView {
    fn from(listed: Listed) -> Self {
        Self { state: listed.image.state(listed.last_build), image: listed.image }
    }
}

impl Server {
    /// Adds an entry. Its name is made of the display name where none is given.
    ///
    /// One that is to be built gets its first build at once, if it is known that it can be built; without `plans`, if its spec
    /// is one.
    pub async fn add_image(
        &self,
        principal: &Principal,
        new: NewImage,
        plans: bool,
    ) -> Result<Added, ServerError> {
        let object = Object::Image { owner: &new.owner, visibility: &new.visibility };
        may(principal, Action::Create, object)?;
        let now = self.now();
        let mut work = self.records.look().await?;
        let wanted = match &new.name {
            Some(name) => name.clone(),
            None => Name::from_text(&new.display_name, &"image".parse().expect("a name")),
        };
        let is_chosen = new.name.is_some();
        let mut image = new.into_image(work.new_image_id(), wanted.clone(), principal.person.clone(), now)?;
        check(&mut work, &image).await?;
        drop(work);
        let mut warnings = self.pin(principal, &mut image).await?;
        let secret = self.check_first_build(principal, &image, plans).await?;
        self.finish_removals().await?;
        let mut work = self.records.begin().await?;
        warnings.extend(check(&mut work, &image).await?);
        if !is_chosen {
            image.name = work.free_image_name(&wanted).await?;
        }
        work.insert_image(&image).await?;
        note(&mut work, principal, "added", (None, Some(&image))).await?;
        self.queue_first_build(&mut work, principal, &image, secret).await?;
        let last_build = image.spec.as_ref().map(|_| BuildState::Queued);
        let view = ImageView { state: image.state(last_build), image };
        let added = Added { view, warnings };
        self.commit(work, &added).await?;
        self.builds.waiting.notify_waiters();
        Ok(added)
    }

    /// Changes what `change` names, and nothing else. With `revision`, only if the entry still is at it.
    pub async fn change_image(
        &self,
        principal: &Principal,
        name: &Name,
        revision: Option<i64>,
        change: ImageChange,
    ) -> Result<Added, ServerError> {
        let before = self.seen(principal, name, Action::Change, revision).await?.image;
        let mut after = before.changed(change, self.now())?;
        let beyond = after.visibility.beyond(&before.visibility);
        may(principal, Action::Create, Object::Image { owner: &after.owner, visibility: &beyond })?;
        // Whatever else changes, what is behind the references was looked up when they came.
        let has_moved =
            (&after.reference, &after.gpu_reference) != (&before.reference, &before.gpu_reference);
        let mut warnings = if has_moved { self.pin(principal, &mut after).await? } else { Vec::new() };
        let mut work = self.records.begin().await?;
        warnings.extend(check(&mut work, &after).await?);
        if after != before {
            work.replace_image(&after, before.revision).await?;
            note(&mut work, principal, "changed", (Some(&before), Some(&after))).await?;
        }
        work.commit().await?;
        let view = self.image(principal, name).await?;
        Ok(Added { view, warnings })
    }

    /// Removes an entry.
    pub async fn delete_image(
        &self,
        principal: &Principal,
        name: &Name,
        revision: Option<i64>,
    ) -> Result<(), ServerError> {
        let image = self.seen(principal, name, Action::Delete, revision).await?.image;
        let mut work = self.records.begin().await?;
        work.delete_image(&image).await?;
        note(&mut work, principal, "deleted", (Some(&image), None)).await?;
        work.commit().await?;
        self.finish_removals().await
    }

    /// One entry.
    pub async fn image(&self, principal: &Principal, name: &Name) -> Result<ImageView, ServerError> {
        Ok(self.seen(principal, name, Action::See, None).await?.into())
    }

    /// The entries that whoever asks may see.
    pub async fn images(
        &self,
        principal: &Principal,
        filter: &ImageFilter,
        order: OrderBy,
        page: &PageRequest,
    ) -> Result<Page<ImageView>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let mut look = self.records.look().await?;
        Ok(look.images(principal, filter, order, page).await?.map(ImageView::from))
    }

    /// What the members of a group are offered; without a group, what everybody is.
    pub async fn offers(
        &self,
        principal: &Principal,
        group: Option<&Name>,
        gpu: bool,
    ) -> Result<Vec<Offer>, ServerError> {
        Ok(offers(&self.all_images(principal, group).await?, group, gpu))
    }

    /// Who changed an entry, the newest change first.
    pub async fn image_history(
        &self,
        principal: &Principal,
        name: &Name,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerError> {
        let image = self.seen(principal, name, Action::Change, None).await?.image;
        Ok(self
            .records
            .look()
            .await?
            .audit(&AuditFilter::of(Subject::Image, image.id.as_str()), page)
            .await?)
    }

    /// An entry that something is to be done with.
    pub(crate) async fn seen(
        &self,
        principal: &Principal,
        name: &Name,
        action: Action,
        revision: Option<i64>,
    ) -> Result<Listed, ServerError> {
        let not_found = || ServerError::NotFound { what: "image", name: name.to_string() };
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let listed = self.records.look().await?.image(name).await?.ok_or_else(not_found)?;
        may(principal, action, Object::from(&listed.image)).map_err(|refusal| match refusal {
            Refusal::Unseen => not_found(),
            refusal => refusal.into(),
        })?;
        match revision {
            Some(revision) if revision != listed.image.revision => {
                Err(ServerError::Stale { name: name.to_string() })
            }
            _ => Ok(listed),
        }
    }
}

/// Whether all that an entry names is there.
pub(crate) async fn check(work: &mut Work, image: &Image) -> Result<Vec<Warning>, ServerError> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let groups = work.all_groups().await?;
    let is_there = |name: &Name| groups.iter().any(|group| group.name == *name);
    if let Owner::Group(group) = &image.owner
        && !is_there(group)
    {
        problems.push(FieldProblem::new("/owner/group", format!("there is no group `{group}`")));
    }
    for group in image.visibility.groups.iter().filter(|group| !is_there(group)) {
        problems.push(FieldProblem::new("/visibility/groups", format!("there is no group `{group}`")));
    }
    let secrets = [("/pull_secret", &image.pull_secret), ("/base_pull_secret", &image.base_pull_secret)];
    for (pointer, name) in secrets.into_iter().filter_map(|(pointer, name)| Some((pointer, name.as_ref()?))) {
        let detail = match work.secret(name).await? {
            Some((secret, _)) if secret.kind == SecretKind::Pull => continue,
            Some(_) => format!("the secret `{name}` is not for pulling: name one that is"),
            None => format!("there is no secret `{name}`"),
        };
        problems.push(FieldProblem::new(pointer, detail));
    }
    if let Some(name) = image.deprecated.as_ref().and_then(|it| it.replaced_by.as_ref())
        && work.image(name).await?.is_none()
    {
        warnings.push(Warning {
            pointer: "/deprecated/replaced_by".to_owned(),
            detail: format!("there is no image `{name}` now"),
        });
    }
    Invalid::unless_empty(problems)?;
    Ok(warnings)
}

pub(crate) async fn note(
    work: &mut Work,
    principal: &Principal,
    action: &str,
    (before, after): (Option<&Image>, Option<&Image>),
) -> Result<(), ServerError> {
    let image = after.or(before).expect("something has changed");
    let subject = (Subject::Image, image.id.as_str(), image.name.as_str());
    Ok(work.note_change(principal, subject, action, (before, after), image.changed_at).await?)
}
