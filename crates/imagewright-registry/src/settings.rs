//! Settings of registries that a machine or a user has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// How registries are reached; the section `registry` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistrySettings {
    /// Registries that may be spoken to over plain HTTP, as `host` or `host:port`. The loopback always may.
    pub insecure_registries: Vec<String>,
    /// Where the images of a registry are looked for first: `host[:port][/path]` in order, by registry.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// How often and how fast something that failed is tried again.
    #[serde(skip)]
    pub patience: Patience,
}

/// How often and how fast something that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries in all, before the first byte and after each progress.
    pub tries: u32,
    /// What is waited before the second try; doubled each time, and varied so that clients spread.
    pub first_pause: Duration,
    /// The longest a server's `Retry-After` is obeyed; when it asks for more, the transfer fails at once.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 6, first_pause: Duration::from_millis(300), longest_pause: Duration::from_secs(90) }
    }
}

/// Whether `registry` may be spoken to over plain HTTP.
pub(crate) fn may_be_plain(settings: &RegistrySettings, registry: &str) -> bool {
    is_loopback(host_of(registry))
        || settings.insecure_registries.iter().any(|entry| entry.eq_ignore_ascii_case(registry))
}

/// The host of `host[:port]`, without the brackets of IPv6.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether `host` is this machine itself, however it is written.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_and_named_hosts_may_be_plain() {
        let settings: RegistrySettings =
            toml::from_str("insecure-registries = ['lab.example:5000']\n[mirrors]\n'registry.example' = ['mirror.example/cache']").unwrap();
        assert_eq!(settings.mirrors["registry.example"], ["mirror.example/cache"]);
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:5000",
            "a.localhost",
            "lab.example:5000",
            "LAB.example:5000",
        ] {
            assert!(may_be_plain(&settings, registry), "{registry}");
        }
        for registry in [
            "lab.example",
            "localhost.example",
            "registry.example",
            "10.0.0.1:5000",
            "[fe80::1]",
            "notlocalhost",
        ] {
            assert!(!may_be_plain(&settings, registry), "{registry}");
        }
    }
}
