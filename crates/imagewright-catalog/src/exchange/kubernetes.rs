//! Kubernetes: a secret with which nodes pull (`kubernetes.io/dockerconfigjson`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imagewright_model::Secret;
use serde::Serialize;
use serde_json::json;

use super::yaml;
use crate::Name;

/// What a secret of Kubernetes is to hold.
#[derive(Clone, Copy, Debug)]
pub struct PullSecret<'a> {
    /// What it is called in the cluster.
    pub name: &'a Name,
    /// The namespace it is for, where it says one.
    pub namespace: Option<&'a Name>,
    /// The registry that is pulled from.
    pub host: &'a str,
    /// Who pulls.
    pub username: &'a str,
    /// What they log in with.
    pub password: &'a Secret,
    /// What people should know who read it; stands above it.
    pub note: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: BTreeMap<&'static str, &'a str>,
    r#type: &'static str,
    data: BTreeMap<&'static str, String>,
}

/// The manifest of a secret by which nodes pull. It holds the password: whoever reads it can pull.
pub fn pull_secret(secret: &PullSecret<'_>) -> Secret {
    let PullSecret { name, namespace, host, username, password, note } = *secret;
    let both = STANDARD.encode(format!("{username}:{}", password.expose()));
    let config =
        json!({"auths": {host: {"username": username, "password": password.expose(), "auth": both}}});
    let mut metadata = BTreeMap::from([("name", name.as_str())]);
    metadata.extend(namespace.map(|namespace| ("namespace", namespace.as_str())));
    let manifest = Manifest {
        api_version: "v1",
        kind: "Secret",
        metadata,
        r#type: "kubernetes.io/dockerconfigjson",
        data: BTreeMap::from([(".dockerconfigjson", STANDARD.encode(config.to_string()))]),
    };
    Secret::new(yaml(&manifest, vec![note.to_owned()]).text)
}
