//! Handing the catalogue over to other systems, and taking entries from theirs.

use imagewright_catalog::exchange::{
    Exported, GpuResource, Imported, elyra, import_primehub, jupyterhub, primehub,
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
