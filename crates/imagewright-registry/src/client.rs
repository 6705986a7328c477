//! The client: registries by name, each contacted once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use imagewright_model::TrustSettings;
use imagewright_oci::Reference;
use ureq::http::Method;

use crate::auth::Scopes;
use crate::credentials::CredentialSource;
use crate::endpoint::{Call, Endpoint, Shared};
use crate::http::Transport;
use crate::patience::patiently;
use crate::repository::{Place, Repository};
use crate::settings::RegistrySettings;
use crate::{Cancel, RegistryError};

/// Speaks with registries. Cheap to clone and to share between threads: connections, tokens and looked-up
/// credentials are kept and used again.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    endpoints: Arc<Mutex<HashMap<String, Arc<Endpoint>>>>,
    /// Host and path prefix of the mirrors, by registry.
    mirrors: Arc<BTreeMap<String, Vec<(String, String)>>>,
}

/// How a registry took its visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It looked at the credentials and was content.
    Known,
    /// It asks nobody for credentials.
    Open,
}

impl Client {
    /// A client that reaches registries as `settings` and `trust` say.
    pub fn new(
        settings: RegistrySettings,
        trust: &TrustSettings,
        credentials: Box<dyn CredentialSource>,
    ) -> Result<Self, RegistryError> {
        let mirrors = Arc::new(parsed_mirrors(&settings)?);
        let transport = Transport::new(trust)?;
        let shared = Arc::new(Shared { settings, transport, credentials });
        Ok(Self { shared, endpoints: Arc::default(), mirrors })
    }

    /// The repository `reference` names.
    pub fn repository(&self, reference: &Reference) -> Repository {
        let own = Place {
            endpoint: self.endpoint(reference.registry()),
            repository: reference.repository().to_owned(),
        };
        let mirrors = self.mirrors.get(reference.registry()).into_iter().flatten().map(|(host, prefix)| {
            Place { endpoint: self.endpoint(host), repository: format!("{prefix}{}", reference.repository()) }
        });
        Repository::new(
            own,
            mirrors.collect(),
            self.shared.settings.patience,
            reference.familiar_repository(),
        )
    }

    /// Shows the credentials to `registry`, given as in references.
    pub fn ping(&self, registry: &str, cancel: &Cancel) -> Result<Welcome, RegistryError> {
        let endpoint = self.endpoint(registry);
        let scopes = Scopes::default();
        patiently(self.shared.settings.patience, cancel, || {
            let url = endpoint.url("/v2/", cancel)?;
            let response = endpoint.exchange(&Call::new(Method::GET, url, &scopes, "access"))?;
            match response.status().as_u16() {
                200 if endpoint.wants_credentials() => Ok(Welcome::Known),
                200 => Ok(Welcome::Open),
                _ => Err(endpoint.refusal(response, "access")),
            }
        })
    }

    fn endpoint(&self, registry: &str) -> Arc<Endpoint> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let create = || Arc::new(Endpoint::new(registry, Arc::clone(&self.shared)));
        Arc::clone(endpoints.entry(registry.to_owned()).or_insert_with(create))
    }
}

/// Hosts and path prefixes, the prefix ending in a slash where there is one.
fn parsed_mirrors(
    settings: &RegistrySettings,
) -> Result<BTreeMap<String, Vec<(String, String)>>, RegistryError> {
    let parse = |registry: &String, mirror: &String| {
        let wrong = || RegistryError::Mirror { registry: registry.clone(), mirror: mirror.clone() };
        // The rules for references hold for what will stand before a repository's name, too.
        let place: Reference = format!("{}/x", mirror.trim_end_matches('/')).parse().map_err(|_| wrong())?;
        let host = mirror.split('/').next().unwrap_or_default();
        if place.registry() != host || place.tag().is_none() || place.digest().is_some() {
            return Err(wrong());
        }
        let prefix = place.repository().strip_suffix('x').ok_or_else(wrong)?;
        Ok((host.to_owned(), prefix.to_owned()))
    };
    let entry = |(registry, mirrors): (&String, &Vec<String>)| {
        let parsed: Result<Vec<_>, _> = mirrors.iter().map(|mirror| parse(registry, mirror)).collect();
        Ok((registry.clone(), parsed?))
    };
    settings.mirrors.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(mirror: &str) -> Result<(String, String), RegistryError> {
        let mirrors = BTreeMap::from([("registry.example".to_owned(), vec![mirror.to_owned()])]);
        let settings = RegistrySettings { mirrors, ..RegistrySettings::default() };
        Ok(parsed_mirrors(&settings)?.remove("registry.example").unwrap().remove(0))
    }

    #[test]
    fn mirrors_are_hosts_with_a_path() {
        let cases = [
            ("mirror.example", ("mirror.example", "")),
            ("mirror.example/", ("mirror.example", "")),
            ("mirror.example:5000/cache/hub", ("mirror.example:5000", "cache/hub/")),
            ("127.0.0.1:5000", ("127.0.0.1:5000", "")),
        ];
        for (text, (host, prefix)) in cases {
            assert_eq!(mirrors(text).unwrap(), (host.to_owned(), prefix.to_owned()), "{text}");
        }
        for text in [
            "",
            "cache",
            "https://mirror.example",
            "mirror.example/UPPER",
            "mirror.example/../x",
            "a b.example",
            "mirror.example/a@b",
        ] {
            assert!(matches!(mirrors(text), Err(RegistryError::Mirror { .. })), "{text}");
        }
    }
}
