//! Kernelspecs of Enterprise Gateway for images of the catalogue: made to be taken along, or put where a gateway reads them.

mod view;
mod wanted;

use imagewright_catalog::{Action, Image, Name, Object, Principal, Refusal, Subject, may};
use imagewright_oci::Reference;
use imagewright_service::kernelspec::{
    AllowedKernels, KernelsFolder, KernelsFolderError, Kernelspec, KernelspecName, Proxy,
};
use serde_json::Value as Json;

use crate::{Server, ServerError};

pub use view::{KernelspecArchive, KernelspecList, KernelspecProblem, KernelspecView, MadeKernelspec};
pub use wanted::{NewImageKernelspec, SparkStart};

use wanted::{not_folder, refused};

/// What a kernelspec is made of besides what was asked for.
struct Ground {
    reference: Reference,
    display_name: String,
    language: Option<String>,
}

impl Server {
    /// Whether there is a folder that a gateway reads.
    pub fn has_kernels_folder(&self) -> bool {
        self.kernels.is_some()
    }

    /// The process proxies that there are, by name.
    pub fn process_proxies() -> [&'static str; 8] {
        Proxy::ALL.map(Proxy::name)
    }

    /// All kernelspecs that the gateway reads; none where there is no folder for them.
    pub async fn kernelspecs(&self, principal: &Principal) -> Result<Option<KernelspecList>, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let Some(folder) = self.kernels.clone() else { return Ok(None) };
        let listed = self.blocking(move |_| folder.list()).await?.map_err(not_folder)?;
        Ok(Some(KernelspecList::of(&listed)))
    }

    /// The kernelspecs that start the image of an entry, by whatever tag or digest.
    pub async fn kernelspecs_of_image(
        &self,
        principal: &Principal,
        name: &Name,
    ) -> Result<Vec<KernelspecView>, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        let all = self.kernelspecs(principal).await?.unwrap_or_default().kernelspecs;
        Ok(all.into_iter().filter(|spec| starts(spec, &image)).collect())
    }

    /// What will not work of a kernelspec that is wanted, or not as one may think.
    pub async fn kernelspec_warnings(
        &self,
        principal: &Principal,
        name: &Name,
        new: NewImageKernelspec,
    ) -> Result<Vec<String>, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        Ok(self.kernelspec_for(&image, new).await?.1)
    }

    /// Makes a kernelspec for the image of an entry, to be taken along. Nothing is kept of it.
    pub async fn make_kernelspec(
        &self,
        principal: &Principal,
        name: &Name,
        new: NewImageKernelspec,
    ) -> Result<KernelspecArchive, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        let (spec, _) = self.kernelspec_for(&image, new).await?;
        archive(&spec)
    }

    /// Makes a kernelspec for the image of an entry, and puts it where the gateway reads it.
    pub async fn add_kernelspec(
        &self,
        principal: &Principal,
        name: &Name,
        new: NewImageKernelspec,
    ) -> Result<MadeKernelspec, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        may(principal, Action::Administer, Object::Server)?;
        let folder = self.kernels_folder()?;
        let may_replace = new.replace;
        let (spec, warnings) = self.kernelspec_for(&image, new).await?;
        let (before, allowed) = self
            .blocking({
                let spec = spec.clone();
                move |_| put(&folder, &spec, may_replace)
            })
            .await??;
        let action = if before.is_some() { "changed" } else { "added" };
        self.note_kernelspec(principal, action, spec.name.as_str(), (before, Some(as_json(&spec)))).await?;
        let kernelspec = KernelspecView::of_spec(&spec);
        Ok(MadeKernelspec { kernelspec, warnings, allowed_kernels: allowed.to_string() })
    }

    /// One that the gateway reads, to be taken along.
    pub async fn kernelspec_archive(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<KernelspecArchive, ServerError> {
        if !principal.is_somebody() {
            return Err(Refusal::NotLoggedIn.into());
        }
        let (folder, name) = (self.kernels_folder()?, kernelspec_name(name)?);
        archive(&self.blocking(move |_| folder.find(&name)).await?.map_err(not_folder)?)
    }

    /// Takes one away from the gateway.
    pub async fn remove_kernelspec(&self, principal: &Principal, name: &str) -> Result<(), ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        let (folder, name) = (self.kernels_folder()?, kernelspec_name(name)?);
        let removed = name.clone();
        let before = self
            .blocking(move |_| {
                let before = folder.find(&removed).ok().as_ref().map(as_json);
                folder.remove(&removed).map(|_| before)
            })
            .await?
            .map_err(not_folder)?;
        self.note_kernelspec(principal, "deleted", name.as_str(), (before, None)).await
    }

    async fn kernelspec_for(
        &self,
        image: &Image,
        new: NewImageKernelspec,
    ) -> Result<(Kernelspec, Vec<String>), ServerError> {
        let ground = self.ground(image, &new).await?;
        let new = new.on(ground)?;
        let spec = new.build().map_err(refused)?;
        Ok((spec, new.warnings()))
    }

    /// What is known of the image: by its entry, and where it is in the store by what it says of itself. No registry is asked.
    async fn ground(&self, image: &Image, new: &NewImageKernelspec) -> Result<Ground, ServerError> {
        let is_for_gpu = new.gpu && image.gpu_reference.is_some();
        let named = if is_for_gpu { &image.gpu_reference } else { &image.reference };
        let named = if new.pin { image.resolved(new.gpu) } else { named.clone() };
        let nothing = || ServerError::Conflict {
            what: format!("there is no image of `{}` that could be started", image.name),
            hint: Some("it is there when its first build has succeeded".to_owned()),
        };
        let reference = named.and_then(|named| named.parse().ok()).ok_or_else(nothing)?;
        let pin = if is_for_gpu { &image.gpu_pin } else { &image.pin };
        let language = match pin.as_ref().map(|pin| pin.digest.clone()).filter(|_| new.language.is_none()) {
            Some(digest) => self.blocking(move |service| service.kernel_language_of(&digest)).await??,
            None => None,
        };
        Ok(Ground { reference, display_name: image.display_name.clone(), language })
    }

    fn kernels_folder(&self) -> Result<KernelsFolder, ServerError> {
        self.kernels.clone().ok_or_else(|| ServerError::Conflict {
            what: "this server has no folder of kernelspecs".to_owned(),
            hint: Some("`server.kernels-folder` says which one the gateway reads".to_owned()),
        })
    }

    async fn note_kernelspec(
        &self,
        principal: &Principal,
        action: &str,
        name: &str,
        (before, after): (Option<Json>, Option<Json>),
    ) -> Result<(), ServerError> {
        let mut work = self.records.begin().await?;
        let subject = (Subject::Kernelspec, name, name);
        work.note_change(principal, subject, action, (before.as_ref(), after.as_ref()), self.now()).await?;
        Ok(work.commit().await?)
    }
}

fn put(
    folder: &KernelsFolder,
    spec: &Kernelspec,
    may_replace: bool,
) -> Result<(Option<Json>, AllowedKernels), ServerError> {
    let before = folder.find(&spec.name).ok().as_ref().map(as_json);
    folder.put(spec, may_replace).map_err(not_folder)?;
    let names = folder.list().map_err(not_folder)?.into_iter().filter_map(|listed| listed.name.parse().ok());
    Ok((before, AllowedKernels::Only(names.collect())))
}

fn kernelspec_name(name: &str) -> Result<KernelspecName, ServerError> {
    let unknown = |_| ServerError::NotFound { what: "kernelspec", name: name.to_owned() };
    name.parse().map_err(unknown)
}

fn archive(spec: &Kernelspec) -> Result<KernelspecArchive, ServerError> {
    let mut bytes = Vec::new();
    // It is written into memory, and kernelspecs are small.
    spec.write_archive(&mut bytes).map_err(|source| {
        let path = spec.name.as_str().into();
        not_folder(KernelsFolderError::Write { path, source })
    })?;
    Ok(KernelspecArchive { name: spec.name.to_string(), bytes })
}

fn as_json(spec: &Kernelspec) -> Json {
    Json::Object(spec.document.clone())
}

/// Whether a kernelspec starts the image of an entry, with a GPU or without.
fn starts(spec: &KernelspecView, image: &Image) -> bool {
    let Some(started) = spec.image.as_ref().and_then(|image| image.parse::<Reference>().ok()) else {
        return false;
    };
    let named = [&image.reference, &image.gpu_reference].into_iter().flatten();
    let mut named = named.filter_map(|reference| reference.parse::<Reference>().ok());
    named.any(|named| (named.registry(), named.repository()) == (started.registry(), started.repository()))
}
