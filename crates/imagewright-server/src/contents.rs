//! What an image holds: its layers, and the packages that are known to be in them.

use imagewright_catalog::{Action, Name, Principal};
use imagewright_model::ErrorKind;
use imagewright_model::package::PackageKind;
use imagewright_oci::Digest;
use imagewright_service::{Service, ServiceError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// Of what takes the space, so much is told.
const LARGEST: usize = 25;

/// What an image holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImageContents {
    /// Digest of the image that was looked into.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Packages, by kind and name: of layers that were made here.
    pub packages: Vec<HeldPackage>,
    /// Layers, the lowest first.
    pub layers: Vec<HeldLayer>,
    /// What takes the space: Python packages and folders, the largest first.
    pub space: Vec<SpaceUse>,
    /// Why something may be missing of that.
    pub space_gap: Option<String>,
    /// How many layers were made elsewhere, and are not looked into.
    pub foreign_layers: usize,
    /// How many layers were made here, of which it is no longer known what they hold.
    pub unknown_layers: usize,
}

/// A package in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldPackage {
    /// What kind of package: `debian`, `conda` or `python`.
    #[schema(value_type = String)]
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Something that takes space in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpaceUse {
    /// Where it lies.
    pub path: String,
    /// The Python package that it is.
    pub package: Option<String>,
    /// Bytes of its files, before any compression.
    pub size: u64,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldLayer {
    /// Its digest.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes that are fetched for it.
    pub size: u64,
    /// What made it, in the words of the image.
    pub made_by: Option<String>,
}

impl Server {
    /// What the image of an entry holds, where this server has it.
    pub async fn image_contents(
        &self,
        principal: &Principal,
        name: &Name,
    ) -> Result<ImageContents, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        let elsewhere = || ServerError::Conflict {
            what: format!(
                "what `{name}` holds is not known here: the image lies elsewhere, or is not there yet"
            ),
            hint: Some("this is known of images that were built here or pushed to this server".to_owned()),
        };
        let digest = image.pin.ok_or_else(elsewhere)?.digest;
        match self.blocking(move |service| look(service, digest)).await? {
            Ok(contents) => Ok(contents),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(elsewhere()),
            Err(error) => Err(error.into()),
        }
    }
}

fn look(service: &Service, digest: Digest) -> Result<ImageContents, ServiceError> {
    let details = service.show_image(&digest.to_string())?;
    let inventory = service.packages_of_image(&digest.to_string())?;
    let (space, space_gap) = service.space_of_image(&digest.to_string())?;
    let space = space.into_iter().take(LARGEST).map(|it| SpaceUse {
        path: it.path,
        package: it.package,
        size: it.size,
    });
    let mut history = details.config.history.into_iter().filter(|entry| !entry.empty_layer);
    let layers = details.manifest.layers.into_iter().map(|layer| HeldLayer {
        digest: layer.digest,
        size: layer.size,
        made_by: history.next().and_then(|entry| entry.created_by),
    });
    let packages = inventory.packages.into_iter().map(|package| HeldPackage {
        kind: package.kind,
        name: package.name,
        version: package.version,
    });
    Ok(ImageContents {
        digest,
        packages: packages.collect(),
        layers: layers.collect(),
        space: space.collect(),
        space_gap,
        foreign_layers: inventory.foreign.len(),
        unknown_layers: inventory.unknown.len(),
    })
}
