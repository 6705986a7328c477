//! Where a daemon listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::tls::TlsFiles;

/// The port of a Docker Engine that takes connections without TLS.
const DOCKER_PORT: u16 = 2375;
/// The port of one that wants TLS.
const DOCKER_TLS_PORT: u16 = 2376;
/// The port that BuildKit's documentation uses.
const BUILDKIT_PORT: u16 = 1234;

/// Where a daemon listens, as `DOCKER_HOST` and `BUILDKIT_HOST` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A host and port.
    Tcp {
        /// Name or number of the host.
        host: String,
        /// The port, where it is named.
        port: Option<u16>,
        /// What proves each side to the other; none where the connection is plain.
        tls: Option<TlsFiles>,
    },
    /// A named pipe of Windows.
    Pipe(PathBuf),
}

/// Why something is no address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a daemon: {reason}")]
pub struct AddressError {
    address: String,
    reason: &'static str,
}

impl AddressError {
    /// How addresses are written.
    pub fn hint(&self) -> String {
        "write unix:///PATH, tcp://HOST:PORT or, on Windows, npipe:////./pipe/NAME; for a daemon behind SSH, forward its \
         socket with `ssh -L`"
            .to_owned()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |reason| AddressError { address: text.to_owned(), reason };
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text.starts_with('/') {
                true => Ok(Self::Unix(PathBuf::from(text))),
                false => Err(wrong("it does not begin with unix:// or tcp://")),
            };
        };
        match scheme {
            "unix" if rest.is_empty() => Err(wrong("the path is missing")),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" => tcp(rest).map_err(wrong),
            "npipe" => Ok(Self::Pipe(PathBuf::from(rest.replace('/', "\\")))),
            "ssh" => Err(wrong("SSH is not spoken")),
            _ => Err(wrong("this scheme is not known")),
        }
    }
}

fn tcp(rest: &str) -> Result<Address, &'static str> {
    let authority = rest.trim_end_matches('/');
    if authority.contains(['/', '@']) {
        return Err("there is more than a host and a port");
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (host, port) = inside.split_once(']').ok_or("the bracket is not closed")?;
            (host, port.strip_prefix(':'))
        }
        None => authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let port = port.map(str::parse).transpose().map_err(|_| "the port is no number")?;
    Ok(Address::Tcp { host: host.to_owned(), port, tls: None })
}

impl Address {
    /// The same, over TLS where it goes over a network.
    pub fn with_tls(self, files: Option<TlsFiles>) -> Self {
        match self {
            Self::Tcp { host, port, tls } => Self::Tcp { host, port, tls: files.or(tls) },
            other => other,
        }
    }

    /// The port of a Docker Engine at this address.
    pub(crate) fn docker_port(port: Option<u16>, tls: bool) -> u16 {
        port.unwrap_or(if tls { DOCKER_TLS_PORT } else { DOCKER_PORT })
    }

    /// The port of a BuildKit daemon at this address.
    pub(crate) fn buildkit_port(port: Option<u16>) -> u16 {
        port.unwrap_or(BUILDKIT_PORT)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                write!(f, "tcp://{host}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Pipe(path) => write!(f, "npipe://{}", path.display().to_string().replace('\\', "/")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (text, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("/run/buildkit/buildkitd.sock", "unix:///run/buildkit/buildkitd.sock"),
            ("tcp://docker.example:2375", "tcp://docker.example:2375"),
            ("tcp://docker.example/", "tcp://docker.example"),
            ("tcp://[::1]:2375", "tcp://[::1]:2375"),
            ("tcp://[::1]", "tcp://[::1]"),
            ("http://127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("npipe:////./pipe/docker_engine", "npipe:////./pipe/docker_engine"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for (text, reason) in [
            ("docker.example", "it does not begin with unix:// or tcp://"),
            ("unix://", "the path is missing"),
            ("tcp://:2375", "the host is missing"),
            ("tcp://docker.example:port", "the port is no number"),
            ("tcp://me@docker.example", "there is more than a host and a port"),
            ("ssh://me@docker.example", "SSH is not spoken"),
            ("fd://", "this scheme is not known"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is no address of a daemon: {reason}"));
        }
    }
}
