//! Fetching over HTTP and HTTPS and from `file:`: sizes and digests are checked while the bytes pass by.
//!
//! What is fetched, and where it is kept, is the caller's business.

mod address;
pub(crate) mod cached;
pub(crate) mod changed;
mod error;
pub(crate) mod growing;
mod resolver;
pub(crate) mod transfer;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use imagewright_model::{SecretUrl, Stop, TrustSettings};
use imagewright_oci::{Algorithm, Digest};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};

use address::{Address, NoProxy};
pub use error::FetchError;
use resolver::RememberingResolver;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may stay silent, before its answer or inside it.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// What is waited before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1500)];
const REDIRECT_LIMIT: usize = 8;
const BUFFER_SIZE: usize = 128 * 1024;

/// Where distributions keep the certificate authorities of the machine.
const MACHINE_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What is known beforehand of bytes to fetch.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Their number.
    pub size: Option<u64>,
    /// Their digest.
    pub digest: Option<Digest>,
}

/// Fetches files. Cheap to share between threads: connections are kept and used again.
#[derive(Clone)]
pub struct Fetcher {
    direct: Agent,
    http_proxied: Option<Agent>,
    https_proxied: Option<Agent>,
    no_proxy: NoProxy,
    offline: bool,
    stop: Stop,
}

impl Fetcher {
    /// A fetcher that trusts and goes out as `trust` says.
    pub fn new(trust: &TrustSettings) -> Result<Self, FetchError> {
        let roots = root_certificates(trust.ca_bundle.as_deref())?;
        let proxied = |proxy: &Option<SecretUrl>| -> Result<Option<Agent>, FetchError> {
            let Some(url) = proxy else { return Ok(None) };
            let wrong = |source| FetchError::Proxy { url: url.clone(), source: Box::new(source) };
            let proxy = Proxy::new(url.expose()).map_err(wrong)?;
            Ok(Some(agent(roots.clone(), Some(proxy))))
        };
        Ok(Self {
            http_proxied: proxied(&trust.http_proxy)?,
            https_proxied: proxied(&trust.https_proxy)?,
            no_proxy: NoProxy::parse(trust.no_proxy.as_deref().unwrap_or_default()),
            direct: agent(roots, None),
            offline: trust.offline,
            stop: Stop::default(),
        })
    }

    /// The same fetcher, which ends what it does when `stop` is asked.
    #[must_use]
    pub fn stopped_by(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Fetches a small file into memory; more than `limit` bytes are an error.
    pub fn fetch_bytes(&self, url: &SecretUrl, limit: u64) -> Result<Vec<u8>, FetchError> {
        let mut bytes = Vec::new();
        self.fetch_to(url, &Expected::default(), limit, &mut bytes, &mut |_| {})?;
        Ok(bytes)
    }

    /// Fetches into `target`, which is emptied first and at every new try.
    /// `on_bytes` is told the number of each piece's bytes, and a negative number when a try was in vain.
    pub fn fetch_file(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        target: &mut File,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let limit = expected.size.unwrap_or(u64::MAX);
        self.fetch_to(url, expected, limit, target, on_bytes)
    }

    /// Fetches to `path`: a temporary file beside it, renamed when everything is as expected.
    pub fn fetch_path(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        path: &Path,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let wrong = |source| FetchError::Write { path: path.to_owned(), source };
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary =
            tempfile::Builder::new().prefix(PARTIAL_PREFIX).tempfile_in(folder).map_err(wrong)?;
        self.fetch_file(url, expected, temporary.as_file_mut(), on_bytes).map_err(|error| error.at(path))?;
        temporary.persist(path).map_err(|error| wrong(error.error))?;
        Ok(())
    }

    fn fetch_to(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        limit: u64,
        target: &mut dyn Target,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let mut pauses = PAUSES.iter();
        loop {
            target.restart().map_err(|source| FetchError::Target { url: url.clone(), source })?;
            let mut done = 0;
            let result = self.attempt(url, expected, limit, target, &mut |bytes| {
                done += bytes;
                on_bytes(bytes);
            });
            match result {
                Err(error) if error.is_transient() => {
                    on_bytes(-done);
                    let Some(pause) = pauses.next() else { return Err(error) };
                    thread::sleep(*pause);
                }
                result => return result,
            }
        }
    }

    fn attempt(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        limit: u64,
        target: &mut dyn Target,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let body = self.open(url)?;
        self.receive(body, url, expected, limit, target, on_bytes)
    }

    /// Reads a body to its end, which must be what is expected.
    fn receive(
        &self,
        mut body: Box<dyn Read>,
        url: &SecretUrl,
        expected: &Expected,
        limit: u64,
        target: &mut dyn Target,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<(), FetchError> {
        let algorithm = expected.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let mut hasher = algorithm.hasher();
        let mut buffer = vec![0; BUFFER_SIZE];
        let mut size = 0;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FetchError::Interrupted { url: url.clone(), source }),
            };
            self.stop.check().map_err(|source| FetchError::Stopped { url: url.clone(), source })?;
            size += count as u64;
            if size > limit {
                return Err(FetchError::TooLarge { url: url.clone(), limit });
            }
            hasher.update(&buffer[..count]);
            target
                .write_all(&buffer[..count])
                .map_err(|source| FetchError::Target { url: url.clone(), source })?;
            on_bytes(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if let Some(expected) = expected.size.filter(|expected| *expected != size) {
            return Err(FetchError::WrongSize { url: url.clone(), expected, found: size });
        }
        if let Some(expected) = &expected.digest {
            let found = hasher.finish();
            if found != *expected {
                return Err(FetchError::WrongDigest { url: url.clone(), expected: expected.clone(), found });
            }
        }
        Ok(())
    }

    /// Opens what stands at `url`, following redirects.
    fn open(&self, url: &SecretUrl) -> Result<Box<dyn Read>, FetchError> {
        match self.ask(url, &Ask::default())? {
            Answer::Body { body, .. } => Ok(body),
            Answer::Other(status) => Err(FetchError::Status { url: url.clone(), status }),
        }
    }

    /// Some bytes of what stands at `url`; none where the server gives all or nothing.
    pub(crate) fn fetch_range(
        &self,
        url: &SecretUrl,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Vec<u8>>, FetchError> {
        let length = range.end - range.start;
        let ask = Ask { range: Some(&range), etag: None };
        let Answer::Body { body: reader, .. } = self.ask(url, &ask)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = reader.take(length).read_to_end(&mut bytes);
        read.map_err(|source| FetchError::Interrupted { url: url.clone(), source })?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
    }

    /// Asks for what stands at `url`.
    fn ask(&self, url: &SecretUrl, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let range = ask.range;
        let mut address = Address::parse(url)?;
        for _ in 0..=REDIRECT_LIMIT {
            if let Some(path) = address.file_path() {
                let opened = File::open(path).and_then(|mut file| {
                    file.seek(io::SeekFrom::Start(range.map_or(0, |range| range.start)))?;
                    Ok(file)
                });
                let file = opened.map_err(|source| match source.kind() {
                    io::ErrorKind::NotFound => FetchError::NotFound { url: url.clone() },
                    _ => FetchError::Interrupted { url: url.clone(), source },
                })?;
                let etag = file.metadata().ok().map(|metadata| file_tag(&metadata));
                if etag.is_some() && etag.as_deref() == ask.etag {
                    return Ok(Answer::Other(304));
                }
                return Ok(Answer::Body { body: Box::new(file), etag });
            }
            if self.offline {
                return Err(FetchError::Offline { url: url.clone() });
            }
            let response = self
                .request(&address, ask)
                .map_err(|source| FetchError::Unreachable { url: url.clone(), source: Box::new(source) })?;
            let status = response.status().as_u16();
            match status {
                200 if range.is_some() => return Ok(Answer::Other(status)),
                206 if range.is_none() => return Ok(Answer::Other(status)),
                304 if ask.etag.is_some() => return Ok(Answer::Other(status)),
                200 | 206 => {
                    let etag = response.headers().get("etag").and_then(|value| value.to_str().ok());
                    let etag = etag.map(str::to_owned);
                    return Ok(Answer::Body { body: Box::new(response.into_body().into_reader()), etag });
                }
                416 => return Ok(Answer::Other(status)),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
                    let location = location.ok_or_else(|| FetchError::Redirects { url: url.clone() })?;
                    address = address.join(location)?;
                }
                401 | 403 | 407 => return Err(FetchError::Refused { url: url.clone(), status }),
                404 | 410 => return Err(FetchError::NotFound { url: url.clone() }),
                _ => return Err(FetchError::Status { url: url.clone(), status }),
            }
        }
        Err(FetchError::Redirects { url: url.clone() })
    }

    fn request(
        &self,
        address: &Address,
        ask: &Ask<'_>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request = self.agent_for(address).get(address.without_credentials());
        if let Some(authorization) = address.authorization() {
            request = request.header("authorization", authorization);
        }
        if let Some(etag) = ask.etag {
            request = request.header("if-none-match", etag);
        }
        if let Some(range) = ask.range {
            request =
                request.header("range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        request.call()
    }

    fn agent_for(&self, address: &Address) -> &Agent {
        let proxied = if address.is_https() { &self.https_proxied } else { &self.http_proxied };
        match proxied {
            Some(agent) if !self.no_proxy.covers(address.host()) => agent,
            _ => &self.direct,
        }
    }
}

/// What tells a file from what it was: files have no tags as servers give them.
fn file_tag(metadata: &std::fs::Metadata) -> String {
    format!("{}-{}-{}-{}", metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// How something is asked for.
#[derive(Default)]
struct Ask<'a> {
    /// Only these bytes.
    range: Option<&'a std::ops::Range<u64>>,
    /// Only if it is not what had this tag.
    etag: Option<&'a str>,
}

/// What a server said.
enum Answer {
    /// What was asked for, and its tag.
    Body { body: Box<dyn Read>, etag: Option<String> },
    /// It does not do as asked, or nothing has changed: the status.
    Other(u16),
}

/// How the names of files begin that are not complete yet.
pub(crate) const PARTIAL_PREFIX: &str = ".partial-";

fn agent(roots: RootCerts, proxy: Option<Proxy>) -> Agent {
    let config = Agent::config_builder()
        // Statuses and redirects are ours: credentials stay with their host, and the proxy follows the scheme.
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .max_idle_connections_per_host(8)
        .user_agent(concat!("imagewright/", env!("CARGO_PKG_VERSION")))
        // Digests are those of the bytes as stored.
        .accept_encoding("identity")
        .build();
    Agent::with_parts(config, DefaultConnector::default(), RememberingResolver::default())
}

/// The authorities of `bundle`, else those of the machine, else those built in.
fn root_certificates(bundle: Option<&Path>) -> Result<RootCerts, FetchError> {
    let machine = || MACHINE_BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    let Some(path) = bundle.or_else(machine) else { return Ok(RootCerts::WebPki) };
    let wrong = |source: io::Error| FetchError::Certificates { path: path.to_owned(), source };
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

/// Takes fetched bytes, and forgets them when the transfer begins anew.
trait Target: Write {
    fn restart(&mut self) -> io::Result<()>;
}

impl Target for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Target for File {
    fn restart(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.rewind()
    }
}
