//! What differs between the results of two builds.

use std::collections::{BTreeMap, HashSet};

use imagewright_catalog::{BuildId, Name, Principal};
use imagewright_model::package::{PackageKind, PackageRecord};
use imagewright_oci::Digest;
use imagewright_service::{Inventory, Service, ServiceError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// What differs between the results of two builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BuildDifference {
    /// The one that is compared with.
    pub before: BuildSide,
    /// The other.
    pub after: BuildSide,
    /// Packages that came, went, or changed their version.
    pub packages: Vec<PackageDifference>,
    /// What became of the layers.
    pub layers: LayerDifference,
    /// Layers of either of which it is not known what they hold, beside those of other people's bases.
    pub unknown_layers: usize,
}

/// One of two builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BuildSide {
    /// The build.
    pub id: BuildId,
    /// Its image.
    pub image_name: Name,
    /// Its number.
    pub number: i64,
    /// Digest of its result.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes of the layers.
    pub size: u64,
}

/// A package that is not in both results in the same version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct PackageDifference {
    /// What kind of package: `debian`, `conda` or `python`.
    #[schema(value_type = String)]
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version before; none where it came.
    pub before: Option<String>,
    /// Its version after; none where it went.
    pub after: Option<String>,
}

/// What became of the layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LayerDifference {
    /// How many both have.
    pub shared: usize,
    /// How many only the first has.
    pub gone: usize,
    /// How many only the second has.
    pub new: usize,
    /// Bytes of the new ones: what a node that has the first image must fetch for the second.
    pub new_size: u64,
}

/// What is known of a result.
struct Outcome {
    inventory: Inventory,
    layers: Vec<(Digest, u64)>,
}

impl Server {
    /// Compares the results of two builds.
    pub async fn compare_builds(
        &self,
        principal: &Principal,
        before: &BuildId,
        after: &BuildId,
    ) -> Result<BuildDifference, ServerError> {
        let (before, first) = self.result(principal, before).await?;
        let (after, second) = self.result(principal, after).await?;
        let known: HashSet<&Digest> = first.layers.iter().map(|(digest, _)| digest).collect();
        let new: Vec<_> = second.layers.iter().filter(|(digest, _)| !known.contains(digest)).collect();
        let shared = second.layers.len() - new.len();
        let layers = LayerDifference {
            shared,
            gone: first.layers.len().saturating_sub(shared),
            new: new.len(),
            new_size: new.iter().map(|(_, size)| size).sum(),
        };
        Ok(BuildDifference {
            before,
            after,
            packages: packages(&first.inventory, &second.inventory),
            layers,
            unknown_layers: first.inventory.unknown.len() + second.inventory.unknown.len(),
        })
    }

    async fn result(&self, principal: &Principal, id: &BuildId) -> Result<(BuildSide, Outcome), ServerError> {
        let build = self.build(principal, id).await?;
        let Some(digest) = build.digest else {
            return Err(ServerError::Conflict {
                what: format!("build {} of `{}` has no result", build.number, build.image_name),
                hint: Some("compare builds that succeeded".to_owned()),
            });
        };
        let asked = digest.to_string();
        let result = self.blocking(move |service| look(service, &asked)).await??;
        let size = build.size.unwrap_or_default();
        let side =
            BuildSide { id: build.id, image_name: build.image_name, number: build.number, digest, size };
        Ok((side, result))
    }
}

fn look(service: &Service, digest: &str) -> Result<Outcome, ServiceError> {
    let details = service.show_image(digest)?;
    let layers = details.manifest.layers.iter().map(|layer| (layer.digest.clone(), layer.size)).collect();
    Ok(Outcome { inventory: service.packages_of_image(digest)?, layers })
}

fn packages(before: &Inventory, after: &Inventory) -> Vec<PackageDifference> {
    type Key = (PackageKind, String);
    type Versions = (Option<String>, Option<String>);
    let mut all: BTreeMap<Key, Versions> = BTreeMap::new();
    let key = |package: &PackageRecord| (package.kind, package.name.clone());
    for package in &before.packages {
        all.entry(key(package)).or_default().0 = Some(package.version.clone());
    }
    for package in &after.packages {
        all.entry(key(package)).or_default().1 = Some(package.version.clone());
    }
    let differs = |(_, (before, after)): &(Key, Versions)| before != after;
    let differences = all.into_iter().filter(differs);
    differences
        .map(|((kind, name), (before, after))| PackageDifference { kind, name, before, after })
        .collect()
}
