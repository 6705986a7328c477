//! The address that a server is reached by.

use imagewright_model::ErrorKind;
use imagewright_oci::Reference;
use imagewright_server::distribution::DistributionSettings;
use imagewright_web::Access;

use super::ServerSettings;
use crate::failure::Failure;

impl ServerSettings {
    /// What of that is for the registry.
    pub(crate) fn registry(&self) -> Result<DistributionSettings, Failure> {
        let (scheme, host) = self.address()?;
        Ok(DistributionSettings {
            host: host.map(str::to_owned),
            scheme: scheme.map(str::to_owned),
            anonymous_pull: self.anonymous_pull.unwrap_or_default(),
        })
    }

    /// What of that is for pages. `tls` says whether it serves by HTTPS itself.
    pub(crate) fn access(&self, tls: bool) -> Result<Access, Failure> {
        let (scheme, host) = self.address()?;
        let public_url = scheme.zip(host).map(|(scheme, host)| format!("{scheme}://{host}"));
        Ok(Access { public_url, tls, behind_proxy: self.behind_proxy.unwrap_or_default() })
    }

    fn address(&self) -> Result<(Option<&str>, Option<&str>), Failure> {
        let Some(address) = self.public_address.as_deref() else { return Ok((None, None)) };
        let (scheme, host) = parts(address).ok_or_else(|| {
            let text = format!("`server.public-address` is `{address}`, which is no address of a server");
            Failure::new(ErrorKind::Usage, text)
                .with_hint("write `https://HOST`, or `HOST:PORT`, without a path behind it")
        })?;
        Ok((scheme, Some(host)))
    }
}

/// Scheme and host of an address.
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

#[cfg(test)]
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
