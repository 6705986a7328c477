//! Settings of `imagewright serve`.

use std::path::PathBuf;

use serde::Deserialize;

#[cfg(target_os = "linux")]
use {
    crate::failure::Failure, imagewright_model::ErrorKind, imagewright_oci::Reference,
    imagewright_server::distribution::DistributionSettings,
};

/// How the server is reached, and what it serves beside the catalogue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSettings {
    /// What people, nodes and programs reach it by.
    pub(crate) public_address: Option<String>,
    /// Whether who has not logged in may pull images that are for all.
    pub(crate) anonymous_pull: Option<bool>,
    /// A folder of Elyra's whose runtime images are served.
    pub(crate) elyra_folder: Option<PathBuf>,
}

impl ServerSettings {
    pub(super) fn over(self, lower: Self) -> Self {
        Self {
            public_address: self.public_address.or(lower.public_address),
            anonymous_pull: self.anonymous_pull.or(lower.anonymous_pull),
            elyra_folder: self.elyra_folder.or(lower.elyra_folder),
        }
    }

    /// What of that is for the registry.
    #[cfg(target_os = "linux")]
    pub(crate) fn registry(&self) -> Result<DistributionSettings, Failure> {
        let (scheme, host) = match self.public_address.as_deref() {
            None => (None, None),
            Some(address) => {
                let (scheme, host) = parts(address).ok_or_else(|| {
                    let text =
                        format!("`server.public-address` is `{address}`, which is no address of a server");
                    Failure::new(ErrorKind::Usage, text)
                        .with_hint("write `https://HOST`, or `HOST:PORT`, without a path behind it")
                })?;
                (scheme.map(str::to_owned), Some(host.to_owned()))
            }
        };
        Ok(DistributionSettings { host, scheme, anonymous_pull: self.anonymous_pull.unwrap_or_default() })
    }
}

/// Scheme and host of an address.
#[cfg(target_os = "linux")]
fn parts(address: &str) -> Option<(Option<&str>, &str)> {
    let (scheme, host) = match address.split_once("://") {
        Some((scheme @ ("http" | "https"), host)) => (Some(scheme), host),
        Some(_) => return None,
        None => (None, address),
    };
    let host = host.strip_suffix('/').unwrap_or(host);
    // What is tagged must be the registry of a reference.
    let reference: Reference = format!("{host}/a:1").parse().ok()?;
    (reference.registry() == host).then_some((scheme, host))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("https://images.example", Some((Some("https"), "images.example"))),
            ("http://10.0.0.1:8340/", Some((Some("http"), "10.0.0.1:8340"))),
            ("images.example:8340", Some((None, "images.example:8340"))),
            ("images", None),
            ("https://images.example/path", None),
            ("ftp://images.example", None),
            ("", None),
        ];
        for (address, expected) in cases {
            assert_eq!(parts(address), expected, "{address}");
        }
    }
}
