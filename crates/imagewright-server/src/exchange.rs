//! Handing the catalogue over to other systems, and taking entries from theirs.

use imagewright_catalog::exchange::{
    Exported, GpuResource, Imported, STARTERS, Starter, elyra, import_primehub, jupyterhub, primehub,
};
use imagewright_catalog::{
    Action, FieldProblem, Image, ImageFilter, Invalid, Name, Object, OrderBy, PageRequest, Principal,
    Refusal, Visibility, Warning, may,
};
use imagewright_model::in_one_line;
use imagewright_records::Work;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::images::{check, note};
use crate::{Server, ServerError};

/// Whose catalogue is handed over, and to whom.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The system.
    pub to: ExportFormat,
    /// What the members of this group are offered; without one, what everybody is.
    pub group: Option<Name>,
    /// Notebooks and jobs get a GPU.
    pub gpu: Option<GpuResource>,
}

/// A system that takes the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Profiles of KubeSpawner.
    Jupyterhub,
    /// Runtime image records.
    Elyra,
    /// `Image` resources.
    Primehub,
}

/// What became of one entry of another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportOutcome {
    /// Its name.
    pub name: Name,
    /// Whether it was added, or would be; else it was there before, as it was to be.
    pub added: bool,
    /// What was not taken, and what to do about it.
    pub warnings: Vec<Warning>,
}

impl Server {
    /// The catalogue as another system takes it, as far as whoever asks may see it.
    pub async fn export(
        &self,
        principal: &Principal,
        request: &ExportRequest,
    ) -> Result<Exported, ServerError> {
        let group = request.group.as_ref();
        let gpu = request.gpu.as_ref();
        Ok(match request.to {
            ExportFormat::Jupyterhub => jupyterhub(&self.offers(principal, group, gpu.is_some()).await?, gpu),
            ExportFormat::Elyra => elyra(&self.offers(principal, group, gpu.is_some()).await?),
            ExportFormat::Primehub => primehub(&self.all_images(principal, group).await?),
        })
    }

    /// All entries that whoever asks may see and the members of `group` do.
    pub(crate) async fn all_images(
        &self,
        principal: &Principal,
        group: Option<&Name>,
    ) -> Result<Vec<Image>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        if let Some(group) = group {
            may(principal, Action::SeeGroup, Object::Group(group))?;
        }
        let filter = ImageFilter { group: group.cloned(), ..ImageFilter::default() };
        let mut page = PageRequest { after: None, limit: PageRequest::MOST };
        let mut images = Vec::new();
        let mut look = self.records.look().await?;
        loop {
            let found = look.images(principal, &filter, OrderBy::default(), &page).await?;
            images.extend(found.items.into_iter().map(|listed| listed.image));
            let Some(next) = found.next else { return Ok(images) };
            page.after = Some(next.parse().expect("a cursor of ours"));
        }
    }

    /// Takes PrimeHub's `Image` manifests: all of them or none. An entry that is there already, as it was to be, stays; one that is
    /// there and differs is an error. With `dry_run` nothing is added.
    pub async fn import_primehub(
        &self,
        principal: &Principal,
        manifests: &str,
        visibility: &Visibility,
        dry_run: bool,
    ) -> Result<Vec<ImportOutcome>, ServerError> {
        let found = import_primehub(manifests)
            .map_err(|error| Invalid(vec![FieldProblem::new("", in_one_line(&error))]))?;
        self.finish_removals().await?;
        let mut work = self.records.begin().await?;
        let mut outcomes = Vec::new();
        let mut problems = Vec::new();
        for (index, imported) in found.into_iter().enumerate() {
            match self.import_one(&mut work, principal, imported, visibility).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(ServerError::Invalid(Invalid(found))) => {
                    problems.extend(found.into_iter().map(|problem| of_document(index, problem)));
                }
                Err(error) => return Err(error),
            }
        }
        Invalid::unless_empty(problems)?;
        if !dry_run {
            self.commit(work, &outcomes).await?;
        }
        Ok(outcomes)
    }

    async fn import_one(
        &self,
        work: &mut Work,
        principal: &Principal,
        mut imported: Imported,
        visibility: &Visibility,
    ) -> Result<ImportOutcome, ServerError> {
        imported.new.visibility = visibility.clone();
        may(principal, Action::Create, Object::Image { owner: &imported.new.owner, visibility })?;
        let name = imported.new.name.clone().expect("manifests have names");
        let id = work.new_image_id();
        let mut image = imported.new.into_image(id, name.clone(), principal.person.clone(), self.now())?;
        if let Some((reference, gpu_reference)) = imported.on_offer {
            image.reference = Some(reference);
            image.gpu_reference = gpu_reference;
        }
        let mut warnings = imported.warnings;
        let there = work.image(&name).await?;
        let added = match &there {
            Some(there) if !is_same(&there.image, &image) => {
                let detail = format!("there is an image `{name}` that differs");
                return Err(Invalid(vec![FieldProblem::new("/metadata/name", detail)]).into());
            }
            Some(_) => false,
            None => {
                warnings.extend(check(work, &image).await?);
                work.insert_image(&image).await?;
                note(work, principal, "imported", (None, Some(&image))).await?;
                true
            }
        };
        Ok(ImportOutcome { name, added, warnings })
    }
}

/// How images to begin with come in.
#[derive(Clone, Debug, Default)]
pub struct StarterRequest {
    /// Which of them; none: all.
    pub names: Vec<String>,
    /// Who sees them.
    pub visibility: Visibility,
    /// Whether their first builds are queued.
    pub build: bool,
    /// Whether nothing is added, and only said what would be.
    pub dry_run: bool,
}

impl Server {
    /// Adds images to begin with, with what they are built of: all of them or none. An entry that has the name of one already stays as
    /// it is.
    pub async fn import_starter(
        &self,
        principal: &Principal,
        request: &StarterRequest,
    ) -> Result<Vec<ImportOutcome>, ServerError> {
        let chosen = chosen(&request.names)?;
        self.finish_removals().await?;
        let mut work = self.records.begin().await?;
        let mut outcomes = Vec::new();
        for starter in chosen {
            let mut new = starter.new_image();
            new.visibility = request.visibility.clone();
            let object = Object::Image { owner: &new.owner, visibility: &new.visibility };
            may(principal, Action::Create, object)?;
            let name = new.name.clone().expect("each has a name");
            if work.image(&name).await?.is_some() {
                outcomes.push(ImportOutcome { name, added: false, warnings: Vec::new() });
                continue;
            }
            let id = work.new_image_id();
            let image = new.into_image(id, name.clone(), principal.person.clone(), self.now())?;
            let warnings = check(&mut work, &image).await?;
            work.insert_image(&image).await?;
            note(&mut work, principal, "imported", (None, Some(&image))).await?;
            if request.build {
                self.queue_first_build(&mut work, principal, &image, None).await?;
            }
            outcomes.push(ImportOutcome { name, added: true, warnings });
        }
        if !request.dry_run {
            self.commit(work, &outcomes).await?;
            self.builds.waiting.notify_waiters();
        }
        Ok(outcomes)
    }
}

/// The images to begin with that go by these names.
fn chosen(names: &[String]) -> Result<Vec<&'static Starter>, Invalid> {
    if let Some(unknown) = names.iter().find(|name| !STARTERS.iter().any(|it| it.name == name.as_str())) {
        let known: Vec<&str> = STARTERS.iter().map(|starter| starter.name).collect();
        let detail = format!("there is no `{unknown}` among them, but {}", known.join(", "));
        return Err(Invalid(vec![FieldProblem::new("/only", detail)]));
    }
    let is_chosen = |starter: &&Starter| names.is_empty() || names.iter().any(|name| name == starter.name);
    Ok(STARTERS.iter().filter(is_chosen).collect())
}

/// Whether an import of `new` would change nothing that a manifest says.
fn is_same(there: &Image, new: &Image) -> bool {
    let said = |image: &Image| {
        let Image { display_name, description, image_type, source, pull_secret, owner, spec, .. } =
            image.clone();
        (
            display_name,
            description,
            image_type,
            source,
            pull_secret,
            image.base_pull_secret.clone(),
            owner,
            spec,
        )
    };
    let references = |image: &Image| (image.reference.clone(), image.gpu_reference.clone());
    // What is built here has other references as soon as it is.
    said(there) == said(new) && (there.offered_build.is_some() || references(there) == references(new))
}

fn of_document(index: usize, problem: FieldProblem) -> FieldProblem {
    FieldProblem { pointer: format!("/{index}{}", problem.pointer), ..problem }
}
