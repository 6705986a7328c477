//! JupyterHub on Kubernetes: `profile_list` of KubeSpawner (`singleuser.profileList` of the Helm chart).

use serde::Serialize;
use std::collections::BTreeMap;

use super::{Exported, yaml};
use crate::selection::Offer;
use crate::{ImageType, Name, PullPolicy};

/// What a node has that has a GPU, and how much of it a notebook asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuResource {
    /// The name of the resource, such as `nvidia.com/gpu`.
    pub name: String,
    /// How many.
    pub count: u32,
}

#[derive(Serialize)]
struct Profile<'a> {
    display_name: &'a str,
    slug: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    kubespawner_override: Override<'a>,
}

#[derive(Serialize)]
struct Override<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pull_policy: Option<PullPolicy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<&'a Name>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_resource_limits: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_resource_guarantees: BTreeMap<&'a str, String>,
}

/// A profile for each offer. Where notebooks get a GPU, all but images of type `cpu` ask for it.
pub fn jupyterhub(offers: &[Offer], gpu: Option<&GpuResource>) -> Exported {
    let mut notes = Vec::new();
    let mut profiles = Vec::new();
    for offer in offers {
        let Some(image) = &offer.reference else {
            notes.push(format!("{} is left out: it is not ready", offer.name));
            continue;
        };
        let gpu = gpu.filter(|_| offer.image_type != ImageType::Cpu);
        let resources = || gpu.iter().map(|gpu| (gpu.name.as_str(), gpu.count.to_string())).collect();
        profiles.push(Profile {
            display_name: &offer.display_name,
            slug: offer.name.as_str(),
            description: description(offer),
            kubespawner_override: Override {
                image,
                image_pull_policy: offer.pull_policy,
                image_pull_secrets: offer.pull_secret.iter().collect(),
                extra_resource_limits: resources(),
                extra_resource_guarantees: resources(),
            },
        });
    }
    yaml(&profiles, notes)
}

fn description(offer: &Offer) -> String {
    let mut text = offer.description.clone().unwrap_or_default();
    if let Some(deprecation) = &offer.deprecated {
        let instead = deprecation.replaced_by.as_ref().map(|name| format!(": use {name}"));
        let separator = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{separator}(deprecated{})", instead.unwrap_or_default()));
    }
    text
}
