//! One HTTP request at a time: proxies, certificates and time limits. Redirects, statuses and credentials are the
//! caller's.

mod failure;
mod proxies;
mod stream;
mod url;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use imagewright_model::{SecretUrl, TrustSettings};
use ureq::http::{HeaderName, Method, Request, header, request};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody, Proxy, SendBody};

use crate::RegistryError;
use crate::settings::is_loopback;

pub(crate) use failure::{TlsProblem, of_transport, tls_problem};
use proxies::NoProxy;
pub use stream::WebStream;
pub(crate) use url::{Url, encoded};

/// An answer: status, headers, body.
pub(crate) type Response = ureq::http::Response<ureq::Body>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may stay silent, before its answer or inside it.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(90);

/// Where distributions keep the certificate authorities of the machine.
const MACHINE_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What a request carries.
pub(crate) enum Body<'a> {
    /// Nothing, and it is of a kind that never does.
    None,
    /// A few bytes.
    Bytes(&'a [u8]),
    /// Exactly this many bytes from a reader.
    Stream(&'a mut dyn Read, u64),
}

/// Sends requests. Shared by all registries: connections are kept and used again.
pub(crate) struct Transport {
    direct: Agent,
    http_proxied: Option<Agent>,
    https_proxied: Option<Agent>,
    no_proxy: NoProxy,
    roots: RootCerts,
}

impl Transport {
    pub(crate) fn new(trust: &TrustSettings) -> Result<Self, RegistryError> {
        let roots = root_certificates(trust.ca_bundle.as_deref())?;
        let proxied = |proxy: &Option<SecretUrl>| -> Result<Option<Agent>, RegistryError> {
            let Some(url) = proxy else { return Ok(None) };
            let wrong =
                |source: ureq::Error| RegistryError::Proxy { url: url.clone(), source: source.into_io() };
            Ok(Some(agent(roots.clone(), Some(Proxy::new(url.expose()).map_err(wrong)?))))
        };
        Ok(Self {
            http_proxied: proxied(&trust.http_proxy)?,
            https_proxied: proxied(&trust.https_proxy)?,
            no_proxy: NoProxy::parse(trust.no_proxy.as_deref().unwrap_or_default()),
            direct: agent(roots.clone(), None),
            roots,
        })
    }

    /// Sends one request and gives whatever is answered, redirects and refusals included.
    pub(crate) fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(HeaderName, String)],
        body: Body<'_>,
    ) -> Result<Response, ureq::Error> {
        let request = head(method, url, headers);
        let agent = self.agent_for(url);
        match body {
            Body::None => agent.run(request.body(())?),
            Body::Bytes(bytes) => agent.run(request.body(bytes)?),
            Body::Stream(reader, length) => {
                agent.run(request.header(header::CONTENT_LENGTH, length).body(SendBody::from_reader(reader))?)
            }
        }
    }

    /// Sends one request with few bytes, and gives up after `limit`, whatever the server is doing.
    pub(crate) fn send_within(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(HeaderName, String)],
        body: &[u8],
        limit: Duration,
    ) -> Result<Response, ureq::Error> {
        let agent = self.agent_for(url);
        let request = head(method, url, headers);
        if body.is_empty() {
            return agent.run(limited(agent, request.body(())?, limit));
        }
        agent.run(limited(agent, request.body(body)?, limit))
    }

    /// Connects, by the same ways and with the same trust, for what is spoken over HTTP at first and is not HTTP then.
    pub(crate) fn open(&self, url: &Url, limit: Duration) -> io::Result<WebStream> {
        let agent = self.agent_for(url);
        WebStream::open(url, agent.config().proxy(), &self.roots, limit)
    }

    fn agent_for(&self, url: &Url) -> &Agent {
        let proxied = if url.is_https() { &self.https_proxied } else { &self.http_proxied };
        match proxied {
            Some(agent) if !is_loopback(url.host()) && !self.no_proxy.covers(url.host()) => agent,
            _ => &self.direct,
        }
    }
}

fn head(method: &Method, url: &Url, headers: &[(HeaderName, String)]) -> request::Builder {
    let request = Request::builder().method(method).uri(url.uri());
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// One limit in the place of all others: silence is what some servers answer with until they are done.
fn limited<S: AsSendBody>(agent: &Agent, request: Request<S>, limit: Duration) -> Request<S> {
    agent
        .configure_request(request)
        .timeout_global(Some(limit))
        .timeout_recv_response(None)
        .timeout_per_read(None)
        .build()
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
        .timeout_recv_response(Some(SILENCE_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .timeout_per_write(Some(SILENCE_TIMEOUT))
        .max_idle_connections_per_host(8)
        .user_agent(concat!("imagewright/", env!("CARGO_PKG_VERSION")))
        // Digests are those of the bytes as stored.
        .accept_encoding("identity")
        .build()
        .into()
}

/// The authorities of `bundle`, else those of the machine, else those built in.
fn root_certificates(bundle: Option<&Path>) -> Result<RootCerts, RegistryError> {
    let machine = || MACHINE_BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    let Some(path) = bundle.or_else(machine) else { return Ok(RootCerts::WebPki) };
    let wrong = |source: io::Error| RegistryError::Authorities { path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(wrong)?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(io::Error::other(error)))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it")));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}
