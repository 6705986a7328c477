//! PrimeHub: its `Image` resources (`primehub.io/v1alpha1`), both ways.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Exported, yaml};
use crate::{Image, ImageType, Name, NameError, NewImage, Owner, Visibility, Warning};

const API_VERSION: &str = "primehub.io/v1alpha1";

/// Why a manifest cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no YAML.
    #[error("this cannot be read as YAML")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is something else.
    #[error("document {number} is a `{kind}` of `{api_version}`, not an `Image` of `primehub.io/v1alpha1`")]
    Kind {
        /// Which document, from 1.
        number: usize,
        /// What it says it is.
        kind: String,
        /// And of what.
        api_version: String,
    },
    /// Something in it is not as it should be.
    #[error("image `{image}`: `{field}` {problem}")]
    Field {
        /// The image's name.
        image: String,
        /// Where.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// There is nothing in it.
    #[error("there is no image in this")]
    Empty,
}

/// An entry that another system has.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The entry to add.
    pub new: NewImage,
    /// What is on offer until the server has built it itself: the reference, and the one for GPUs.
    pub on_offer: Option<(String, Option<String>)>,
    /// What was not taken, and what to do about it.
    pub warnings: Vec<Warning>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Deserialize)]
struct Manifest {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    display_name: Option<String>,
    description: Option<String>,
    r#type: Option<String>,
    url: Option<String>,
    url_for_gpu: Option<String>,
    pull_secret: Option<String>,
    group_name: Option<String>,
    image_spec: Option<ImageSpec>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

// `updateTime` and `cancel` steer builds there and say nothing of the image.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageSpec {
    base_image: Option<String>,
    pull_secret: Option<String>,
    #[serde(default)]
    packages: BTreeMap<String, Option<Vec<String>>>,
}

/// Reads manifests: one document or several, lists among them.
pub fn import_primehub(text: &str) -> Result<Vec<Imported>, ImportError> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| ImportError::Yaml(Box::new(error)))?;
    let mut found = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        if document.is_null() {
            continue;
        }
        let envelope: Envelope = parsed(document.clone())?;
        let items = if envelope.kind.ends_with("List") { envelope.items } else { vec![document] };
        for item in items {
            let Envelope { api_version, kind, .. } = parsed(item.clone())?;
            if kind != "Image" || api_version != API_VERSION {
                return Err(ImportError::Kind { number: index + 1, kind, api_version });
            }
            found.push(imported(parsed(item)?)?);
        }
    }
    if found.is_empty() { Err(ImportError::Empty) } else { Ok(found) }
}

fn parsed<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, ImportError> {
    serde_json::from_value(value).map_err(|error| ImportError::Yaml(Box::new(error)))
}

fn imported(manifest: Manifest) -> Result<Imported, ImportError> {
    let Manifest { metadata, spec } = manifest;
    let image = metadata.name;
    let name = |field, text: &str| {
        let wrong = |error: NameError| ImportError::Field {
            image: image.clone(),
            field,
            problem: format!("cannot be taken: {error}"),
        };
        text.parse::<Name>().map_err(wrong)
    };
    let filled =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut warnings = Vec::new();
    let mut warn = |pointer: &str, detail: String| {
        warnings.push(Warning { pointer: pointer.to_owned(), detail });
    };
    let image_type = match spec.r#type.as_deref() {
        Some("cpu") => ImageType::Cpu,
        Some("gpu") => ImageType::Gpu,
        Some("both") | None => ImageType::Universal,
        Some(other) => {
            let problem = format!("is `{other}`: `cpu`, `gpu` and `both` are known");
            return Err(ImportError::Field { image, field: "spec.type", problem });
        }
    };
    for key in spec.others.keys() {
        warn(&format!("/spec/{key}"), "is not known here, and was left out".to_owned());
    }
    let (url, for_gpu) = (filled(spec.url), filled(spec.url_for_gpu));
    let differs = for_gpu.is_some() && for_gpu != url;
    let (reference, gpu_reference) = match image_type {
        ImageType::Universal => (url, for_gpu.filter(|_| differs)),
        // What a notebook with a GPU pulled there.
        ImageType::Gpu => (for_gpu.or(url), None),
        ImageType::Cpu => {
            if differs {
                warn("/spec/urlForGpu", "was left out: an image of type `cpu` has none".to_owned());
            }
            (url, None)
        }
    };
    let built = spec.image_spec.and_then(|it| it.base_image.map(|base| (base, it.pull_secret, it.packages)));
    let (spec_of_ours, base_secret) = match built {
        None => (None, None),
        Some((base, secret, packages)) => (Some(spec_of(&image, &base, packages)?), filled(secret)),
    };
    let base_pull_secret = match base_secret {
        Some(secret) => Some(name("spec.imageSpec.pullSecret", &secret)?),
        None => None,
    };
    if reference.is_none() && spec_of_ours.is_none() {
        let problem = "is missing, and nothing says how to build the image".to_owned();
        return Err(ImportError::Field { image, field: "spec.url", problem });
    }
    let owner = match filled(spec.group_name) {
        Some(group) => Owner::Group(name("spec.groupName", &group)?),
        None => Owner::System,
    };
    let pull_secret = match filled(spec.pull_secret) {
        Some(secret) => Some(name("spec.pullSecret", &secret)?),
        None => None,
    };
    let is_built = spec_of_ours.is_some();
    let new = NewImage {
        display_name: filled(spec.display_name).unwrap_or_else(|| image.clone()),
        name: Some(name("metadata.name", &image)?),
        description: filled(spec.description),
        tags: Default::default(),
        image_type,
        reference: reference.clone().filter(|_| !is_built),
        gpu_reference: gpu_reference.clone().filter(|_| !is_built),
        pull_policy: None,
        pull_secret,
        base_pull_secret,
        owner,
        visibility: Visibility::default(),
        spec: spec_of_ours,
    };
    let on_offer = reference.filter(|_| is_built).map(|reference| (reference, gpu_reference));
    Ok(Imported { new, on_offer, warnings })
}

/// Packages as they were written: what PrimeHub dropped without a word is kept, or refused when the spec is read.
fn spec_of(
    image: &str,
    base: &str,
    packages: BTreeMap<String, Option<Vec<String>>>,
) -> Result<Value, ImportError> {
    let mut spec = json!({"base": base.trim()});
    for (kind, lines) in packages {
        if !["apt", "conda", "pip"].contains(&kind.as_str()) {
            let problem = format!("has `{kind}`: `apt`, `conda` and `pip` are known");
            return Err(ImportError::Field {
                image: image.to_owned(),
                field: "spec.imageSpec.packages",
                problem,
            });
        }
        let lines = lines.unwrap_or_default();
        let lines: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if !lines.is_empty() {
            spec[kind] = json!(lines);
        }
    }
    Ok(spec)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedManifest<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: BTreeMap<&'static str, &'a str>,
    spec: ExportedSpec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedSpec<'a> {
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    r#type: &'static str,
    url: String,
    url_for_gpu: String,
    pull_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<&'a str>,
}

/// A list of manifests. Images that are built here are there as images that exist, so that PrimeHub does not build them again.
pub fn primehub<'a>(images: impl IntoIterator<Item = &'a Image>) -> Exported {
    let mut notes = Vec::new();
    let mut items = Vec::new();
    for image in images {
        let (Some(url), Some(url_for_gpu)) = (image.resolved(false), image.resolved(true)) else {
            notes.push(format!("{} is left out: it is not ready", image.name));
            continue;
        };
        if image.visibility.global || !image.visibility.groups.is_empty() {
            let whom = match image.visibility.global {
                true => "all".to_owned(),
                false => image.visibility.groups.iter().map(Name::as_str).collect::<Vec<_>>().join(", "),
            };
            notes.push(format!("{}: link it to {whom} there, which a manifest cannot say", image.name));
        }
        items.push(ExportedManifest {
            api_version: API_VERSION,
            kind: "Image",
            metadata: BTreeMap::from([("name", image.name.as_str())]),
            spec: ExportedSpec {
                display_name: &image.display_name,
                description: image.description.as_deref(),
                r#type: match image.image_type {
                    ImageType::Cpu => "cpu",
                    ImageType::Gpu => "gpu",
                    ImageType::Universal => "both",
                },
                url,
                url_for_gpu,
                pull_secret: image.pull_secret.as_ref().map_or("", Name::as_str),
                group_name: match &image.owner {
                    Owner::System => None,
                    Owner::Group(group) => Some(group.as_str()),
                },
            },
        });
    }
    yaml(&json!({"apiVersion": "v1", "kind": "List", "items": items}), notes)
}
