//! Kubernetes: a secret with which nodes pull (`kubernetes.io/dockerconfigjson`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imagewright_model::Secret;
use serde::Serialize;
use serde_json::json;

use super::yaml;
use crate::Name;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: BTreeMap<&'static str, &'a str>,
    r#type: &'static str,
    data: BTreeMap<&'static str, String>,
}

/// The manifest of a secret by which nodes pull from `host`. It holds the password: whoever reads it can pull.
pub fn pull_secret(name: &Name, host: &str, username: &str, password: &Secret) -> Secret {
    let both = STANDARD.encode(format!("{username}:{}", password.expose()));
    let config =
        json!({"auths": {host: {"username": username, "password": password.expose(), "auth": both}}});
    let manifest = Manifest {
        api_version: "v1",
        kind: "Secret",
        metadata: BTreeMap::from([("name", name.as_str())]),
        r#type: "kubernetes.io/dockerconfigjson",
        data: BTreeMap::from([(".dockerconfigjson", STANDARD.encode(config.to_string()))]),
    };
    Secret::new(yaml(&manifest, Vec::new()).text)
}
