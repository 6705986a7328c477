//! Settings of `imagewright serve`.

use std::net::SocketAddr;
use std::path::Path;

use imagewright_model::ErrorKind;
use imagewright_oci::Reference;
use imagewright_server::BuildSettings;
use serde::Deserialize;

use super::builds::{BuildsSettings, PushTable};
use crate::failure::Failure;

/// How the server is reached, and how it builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSettings {
    /// What people, nodes and programs reach it by.
    public_address: Option<String>,
    /// How it builds.
    builds: BuildsSettings,
    /// Where results go to.
    push: PushTable,
}

impl ServerSettings {
    /// How a server builds whose store is at `root`, and which was told of the file `config`.
    pub(crate) fn builds(&self, root: &Path, config: Option<&Path>) -> Result<BuildSettings, Failure> {
        self.builds.settings(&self.push, root, config)
    }

    /// Host and port that people pull from, where a server listens at `address`.
    pub(crate) fn host(&self, address: SocketAddr) -> Result<String, Failure> {
        let Some(said) = &self.public_address else { return Ok(address.to_string()) };
        let host = said.split_once("://").map_or(said.as_str(), |(_, host)| host).trim_end_matches('/');
        match format!("{host}/example:1").parse::<Reference>() {
            Ok(_) => Ok(host.to_owned()),
            Err(error) => {
                let text = format!("`server.public-address` makes no names of images: {error}");
                Err(Failure::new(ErrorKind::Invalid, text)
                    .with_hint("write a host with its port, as `images.example:8340`"))
            }
        }
    }
}
