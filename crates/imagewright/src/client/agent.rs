//! Certificates and proxies, as the settings have them.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use imagewright_model::{ErrorKind, SecretUrl, TrustSettings};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Planning takes its time before there is an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// One agent for each way out.
pub(super) struct Agents {
    direct: Agent,
    http_proxied: Option<Agent>,
    https_proxied: Option<Agent>,
    no_proxy: Vec<String>,
}

impl Agents {
    pub(super) fn new(trust: &TrustSettings) -> Result<Self, Failure> {
        let roots = roots(trust.ca_bundle.as_deref())?;
        let proxied = |proxy: &Option<SecretUrl>| -> Result<Option<Agent>, Failure> {
            let Some(url) = proxy else { return Ok(None) };
            let wrong = |_| Failure::new(ErrorKind::Invalid, format!("the proxy `{url}` is not an address"));
            Ok(Some(agent(roots.clone(), Some(Proxy::new(url.expose()).map_err(wrong)?))))
        };
        let no_proxy = trust.no_proxy.as_deref().unwrap_or_default().split(',');
        Ok(Self {
            http_proxied: proxied(&trust.http_proxy)?,
            https_proxied: proxied(&trust.https_proxy)?,
            no_proxy: no_proxy.map(|host| host.trim().trim_start_matches('.').to_lowercase()).collect(),
            direct: agent(roots, None),
        })
    }

    /// The one for an address.
    pub(super) fn for_address(&self, address: &str) -> &Agent {
        let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        let proxied = if scheme == "https" { &self.https_proxied } else { &self.http_proxied };
        match proxied {
            Some(agent) if !is_loopback(host) && !self.is_reached_directly(host) => agent,
            _ => &self.direct,
        }
    }

    fn is_reached_directly(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        let covers = |name: &String| {
            name == "*"
                || host == *name
                || host.strip_suffix(name.as_str()).is_some_and(|it| it.ends_with('.'))
        };
        self.no_proxy.iter().filter(|name| !name.is_empty()).any(covers)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn agent(roots: RootCerts, proxy: Option<Proxy>) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .user_agent(concat!("imagewright/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The authorities of the bundle; those built in where none is set.
fn roots(bundle: Option<&Path>) -> Result<RootCerts, Failure> {
    let Some(path) = bundle else { return Ok(RootCerts::WebPki) };
    let wrong = |error: io::Error| {
        let text = format!("the certificate authorities in `{}` cannot be read: {error}", path.display());
        Failure::new(ErrorKind::of_io(&error), text)
    };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&fs::read(path).map_err(wrong)?) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(io::Error::other(error)))? {
            certificates.push(certificate);
        }
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_reached_directly() {
        let trust = TrustSettings {
            http_proxy: Some(SecretUrl::new("http://proxy.example:3128")),
            https_proxy: None,
            no_proxy: Some("corp.example, .lab.example".to_owned()),
            ca_bundle: None,
            offline: false,
        };
        let agents = Agents::new(&trust).unwrap();
        let is_direct = |address: &str| std::ptr::eq(agents.for_address(address), &raw const agents.direct);
        for near in [
            "http://127.0.0.1:8340",
            "http://[::1]:8340",
            "http://localhost",
            "http://corp.example",
            "http://a.corp.example:80/x",
            "http://a.lab.example",
            "https://far.example",
        ] {
            assert!(is_direct(near), "{near}");
        }
        for far in ["http://far.example", "http://notcorp.example"] {
            assert!(!is_direct(far), "{far}");
        }
    }
}
