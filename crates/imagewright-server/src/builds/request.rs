//! Asking for builds, stopping and repeating them, and looking at them.

use imagewright_catalog::{
    Action, Build, BuildId, BuildState, Image, Invalid, Name, Object, Page, PageRequest, Principal, Refusal,
    Source, Subject, Timings, may,
};
use imagewright_model::{BuildEvent, BuildOutcome};
use imagewright_records::{BuildQuery, StoredEvents, Work};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::base::Places;
use crate::{Server, ServerError};

/// A build that somebody wants.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewBuild {
    /// What is built from now on, as an `image.yaml` says it; default: what was built last.
    #[schema(value_type = Option<Object>)]
    pub spec: Option<Value>,
    /// The secret with which the base is pulled. Where the base is in the catalogue, that of its entry is taken.
    pub pull_secret: Option<Name>,
    /// Whether newer versions are taken than those of the last build.
    pub upgrade: bool,
}

const PLACES: Places = Places { spec: "/spec", secret: "/pull_secret" };
const PLACES_OF_IMAGE: Places = Places { spec: "/spec", secret: "/base_pull_secret" };

impl Server {
    /// Puts a build of an image into the queue, if it is known that its spec can be built; without `plans`, if the spec is one.
    pub async fn request_build(
        &self,
        principal: &Principal,
        name: &Name,
        new: NewBuild,
        plans: bool,
    ) -> Result<Build, ServerError> {
        let image = self.seen(principal, name, Action::Build, None).await?.image;
        let (Source::Built, Some(known)) = (image.source, &image.spec) else {
            return Err(ServerError::Conflict {
                what: format!("`{name}` exists in a registry and is not built here"),
                hint: Some("add an image with a `spec` to have it built".to_owned()),
            });
        };
        let spec = new.spec.as_ref().unwrap_or(known);
        let known_secret = image.base_pull_secret.as_ref().filter(|_| new.spec.is_none());
        let given = new.pull_secret.as_ref().or(known_secret);
        let pull_secret = self.checked(principal, spec, given, PLACES).await?;
        if plans {
            self.refuse_conflicts(spec, pull_secret.as_ref(), PLACES).await?;
        }
        let mut after = image.clone();
        after.spec = Some(spec.clone());
        after.base_pull_secret = given.cloned();
        let mut work = self.records.begin().await?;
        if after != image {
            after.revision += 1;
            after.changed_at = self.now();
            work.replace_image(&after, image.revision).await?;
            let subject = (Subject::Image, image.id.as_str(), image.name.as_str());
            let documents = (Some(&image), Some(&after));
            work.note_change(principal, subject, "changed", documents, self.now()).await?;
        }
        let asked = Asked { spec, pull_secret, upgrade: new.upgrade, retry_of: None };
        let build = self.queue(&mut work, principal, &image, asked).await?;
        self.commit(work, &build).await?;
        self.builds.waiting.notify_waiters();
        Ok(build)
    }

    /// Whether the first build of a new entry can be queued; gives the secret for its base.
    pub(crate) async fn check_first_build(
        &self,
        principal: &Principal,
        image: &Image,
        plans: bool,
    ) -> Result<Option<Name>, ServerError> {
        let Some(spec) = &image.spec else { return Ok(None) };
        let given = image.base_pull_secret.as_ref();
        let pull_secret = self.checked(principal, spec, given, PLACES_OF_IMAGE).await?;
        if plans {
            self.refuse_conflicts(spec, pull_secret.as_ref(), PLACES_OF_IMAGE).await?;
        }
        Ok(pull_secret)
    }

    /// Queues the first build of a new entry.
    pub(crate) async fn queue_first_build(
        &self,
        work: &mut Work,
        principal: &Principal,
        image: &Image,
        pull_secret: Option<Name>,
    ) -> Result<(), ServerError> {
        let Some(spec) = &image.spec else { return Ok(()) };
        self.queue(work, principal, image, Asked { spec, pull_secret, upgrade: false, retry_of: None })
            .await?;
        Ok(())
    }

    async fn refuse_conflicts(
        &self,
        spec: &Value,
        pull_secret: Option<&Name>,
        places: Places,
    ) -> Result<(), ServerError> {
        let (_, conflict) = self.planned(spec, pull_secret, places).await?;
        Ok(Invalid::unless_empty(conflict.into_iter().collect())?)
    }

    async fn queue(
        &self,
        work: &mut Work,
        principal: &Principal,
        image: &Image,
        asked: Asked<'_>,
    ) -> Result<Build, ServerError> {
        let most = self.builds.settings.queued_per_person;
        if let Some(person) = &principal.person
            && work.count_builds(person, BuildState::Queued).await? >= most
        {
            return Err(ServerError::Quota { most });
        }
        let now = self.now();
        let build = Build {
            id: work.new_build_id(),
            image: image.id.clone(),
            image_name: image.name.clone(),
            number: work.next_build_number(&image.id).await?,
            state: BuildState::Queued,
            spec: asked.spec.clone(),
            pull_secret: asked.pull_secret,
            upgrade: asked.upgrade,
            lock: None,
            digest: None,
            size: None,
            error: None,
            requested_by: principal.person.clone(),
            requested_by_name: principal.name.clone(),
            retry_of: asked.retry_of,
            attempts: 0,
            cancel_requested: false,
            timings: Timings { queued_at: now, started_at: None, finished_at: None },
        };
        work.insert_build(&build).await?;
        note(work, principal, "requested", (None, Some(&build)), now).await?;
        Ok(build)
    }

    /// Repeats a build that is over: the same spec, as a new build.
    pub async fn retry_build(&self, principal: &Principal, id: &BuildId) -> Result<Build, ServerError> {
        let (build, image) = self.build_to(principal, id).await?;
        if !build.state.is_over() {
            return Err(ServerError::Conflict {
                what: "this build is not over yet".to_owned(),
                hint: Some("wait for its end, or cancel it".to_owned()),
            });
        }
        let secret = self.checked(principal, &build.spec, build.pull_secret.as_ref(), PLACES).await?;
        let mut work = self.records.begin().await?;
        let (spec, upgrade, retry_of) = (&build.spec, build.upgrade, Some(build.id.clone()));
        let asked = Asked { spec, pull_secret: secret, upgrade, retry_of };
        let again = self.queue(&mut work, principal, &image, asked).await?;
        self.commit(work, &again).await?;
        self.builds.waiting.notify_waiters();
        Ok(again)
    }

    /// Stops a build. One that waits is over at once, one that runs soon.
    pub async fn cancel_build(&self, principal: &Principal, id: &BuildId) -> Result<Build, ServerError> {
        self.build_to(principal, id).await?;
        let mut work = self.records.begin().await?;
        let before = work.build(id).await?.ok_or_else(|| not_found(id))?;
        if before.cancel_requested && !before.state.is_over() {
            return Ok(before);
        }
        if !work.cancel_build(id, self.now()).await? {
            return Err(ServerError::Conflict { what: "this build is over already".to_owned(), hint: None });
        }
        let after = work.build(id).await?.ok_or_else(|| not_found(id))?;
        if after.state.is_over() {
            end_events(&mut work, id, BuildOutcome::Cancelled).await?;
        }
        note(&mut work, principal, "cancelled", (Some(&before), Some(&after)), self.now()).await?;
        self.commit(work, &after).await?;
        self.builds.tell(id);
        Ok(after)
    }

    /// Builds, the newest first: of the images that whoever asks looks after, and what it asked for itself.
    pub async fn builds(
        &self,
        principal: &Principal,
        wanted: &BuildQuery,
        page: &PageRequest,
    ) -> Result<Page<Build>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        if let Some(image) = &wanted.image {
            self.seen(principal, image, Action::See, None).await?;
        }
        Ok(self.records.look().await?.builds(principal, wanted, page).await?)
    }

    /// One build.
    pub async fn build(&self, principal: &Principal, id: &BuildId) -> Result<Build, ServerError> {
        Ok(self.build_to(principal, id).await?.0)
    }

    /// A build that whoever asks may do something with: by its image, or because it asked for it.
    async fn build_to(&self, principal: &Principal, id: &BuildId) -> Result<(Build, Image), ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let mut look = self.records.look().await?;
        let build = look.build(id).await?.ok_or_else(|| not_found(id))?;
        let image = look.image_by_id(&build.image).await?.ok_or_else(|| not_found(id))?;
        let is_theirs = principal.person.is_some() && build.requested_by == principal.person;
        let may_see = may(principal, Action::See, Object::from(&image)).is_ok();
        match may(principal, Action::Build, Object::from(&image)) {
            Ok(()) => Ok((build, image)),
            Err(_) if is_theirs && may_see => Ok((build, image)),
            // That there is a build of an image is for those who look after it.
            Err(_) => Err(not_found(id)),
        }
    }
}

/// What a build is to be made of.
struct Asked<'a> {
    spec: &'a Value,
    pull_secret: Option<Name>,
    upgrade: bool,
    retry_of: Option<BuildId>,
}

fn not_found(id: &BuildId) -> ServerError {
    ServerError::NotFound { what: "build", name: id.to_string() }
}

/// Ends the events of a build that no process ends.
pub(crate) async fn end_events(
    work: &mut Work,
    id: &BuildId,
    outcome: BuildOutcome,
) -> Result<(), ServerError> {
    let event = BuildEvent::Finished { outcome, took: std::time::Duration::ZERO };
    let line = serde_json::to_string(&event).expect("events are plain data");
    let first = work.count_events(id).await?;
    Ok(work.append_events(id, &StoredEvents { first, lines: vec![line] }).await?)
}

async fn note(
    work: &mut Work,
    principal: &Principal,
    action: &str,
    (before, after): (Option<&Build>, Option<&Build>),
    now: jiff::Timestamp,
) -> Result<(), ServerError> {
    let build = after.or(before).expect("something has changed");
    let name = format!("{}:{}", build.image_name, build.number);
    let subject = (Subject::Build, build.id.as_str(), name.as_str());
    Ok(work.note_change(principal, subject, action, (before, after), now).await?)
}
