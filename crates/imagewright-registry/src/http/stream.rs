//! A connection in both directions, by a proxy's tunnel and with TLS where they are needed.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::tls::RootCerts;
use ureq::{Proxy, ProxyProtocol};

use super::{CONNECT_TIMEOUT, Url};
use crate::base64;

/// How long a read or a write waits before it says that it would block.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes of the longest answer of a proxy.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A connection to a web server. Reading and writing wait a moment and then give [`io::ErrorKind::WouldBlock`], so that whoever
/// waits can look up; past the time limit they give [`io::ErrorKind::TimedOut`].
pub struct WebStream(Kind);

enum Kind {
    Plain(Limited),
    Tls(Box<StreamOwned<ClientConnection, Limited>>),
}

impl WebStream {
    pub(super) fn open(
        url: &Url,
        proxy: Option<&Proxy>,
        roots: &RootCerts,
        limit: Duration,
    ) -> io::Result<Self> {
        let until = Instant::now() + limit;
        let port = url.port();
        let stream = match proxy {
            None => Limited::connect(url.host(), port, until)?,
            Some(proxy) => through(proxy, url.host(), port, until)?,
        };
        if !url.is_https() {
            return Ok(Self(Kind::Plain(stream)));
        }
        let name = ServerName::try_from(url.host().to_owned()).map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(Arc::new(configuration(roots)?), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            match stream.conn.complete_io(&mut stream.sock) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => drop(done?),
            }
        }
        Ok(Self(Kind::Tls(Box::new(stream))))
    }

    /// Sets when reading and writing are to end, with an error.
    pub fn set_limit(&mut self, until: Instant) {
        match &mut self.0 {
            Kind::Plain(stream) => stream.until = until,
            Kind::Tls(stream) => stream.sock.until = until,
        }
    }
}

impl Read for WebStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(stream) => stream.read(buffer),
            Kind::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for WebStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(stream) => stream.write(bytes),
            Kind::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Plain(stream) => stream.flush(),
            Kind::Tls(stream) => stream.flush(),
        }
    }
}

/// A TCP connection that knows when to give up, be a peer as slow as it will.
struct Limited {
    stream: TcpStream,
    until: Instant,
}

impl Limited {
    fn connect(host: &str, port: u16, until: Instant) -> io::Result<Self> {
        let mut failure = None;
        for address in (host, port).to_socket_addrs()? {
            let left = until.saturating_duration_since(Instant::now()).min(CONNECT_TIMEOUT);
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(LOOK))?;
                    stream.set_write_timeout(Some(LOOK))?;
                    return Ok(Self { stream, until });
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::TimedOut.into()))
    }

    fn check(&self) -> io::Result<()> {
        if Instant::now() < self.until { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.read(buffer).map_err(would_block)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.write(bytes).map_err(would_block)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Systems differ in what they say of a socket's time limit.
fn would_block(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::TimedOut { io::ErrorKind::WouldBlock.into() } else { error }
}

fn configuration(roots: &RootCerts) -> io::Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    match roots {
        RootCerts::Specific(certificates) => {
            let der = certificates.iter().map(|it| CertificateDer::from(it.der().to_vec()));
            // As everywhere, one that is broken spoils none of the others.
            store.add_parsable_certificates(der);
        }
        _ => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(io::Error::other)?.with_root_certificates(store).with_no_client_auth())
}

/// Has a proxy make a tunnel.
fn through(proxy: &Proxy, host: &str, port: u16, until: Instant) -> io::Result<Limited> {
    if proxy.protocol() != ProxyProtocol::Http {
        let text = "only proxies that are reached by `http://` make tunnels here";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let mut stream = Limited::connect(proxy.host(), proxy.port(), until)?;
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(user) = proxy.username() {
        let pair = format!("{user}:{}", proxy.password().unwrap_or_default());
        request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", base64::encode(pair.as_bytes())));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    let answer = head_of_answer(&mut stream)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        return Ok(stream);
    }
    Err(io::Error::other(format!("the proxy refuses to connect to `{target}`: {status}")))
}

/// Reads to the empty line and not a byte further: what follows is not the proxy's.
fn head_of_answer(stream: &mut Limited) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if head.len() > LONGEST_ANSWER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the proxy's answer is too long"));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
