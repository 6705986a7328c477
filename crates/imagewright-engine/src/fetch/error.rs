//! What can go wrong with a fetch.

use std::io;
use std::path::{Path, PathBuf};

use imagewright_model::{ErrorKind, SecretUrl};
use imagewright_oci::Digest;

/// Why something could not be fetched. Addresses are shown without their credentials.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum FetchError {
    /// There is nothing at the address.
    #[error("there is no `{url}`")]
    NotFound { url: SecretUrl },
    /// The server wants other credentials, or none will do.
    #[error("the server refused `{url}` (status {status})")]
    Refused { url: SecretUrl, status: u16 },
    /// The server answered with an error.
    #[error("the server answered `{url}` with status {status}")]
    Status { url: SecretUrl, status: u16 },
    /// No answer came.
    #[error("could not reach `{url}`")]
    Unreachable { url: SecretUrl, source: Box<ureq::Error> },
    /// Nothing may be fetched.
    #[error("`{url}` is not in the caches, and nothing may be fetched")]
    Offline { url: SecretUrl },
    /// The transfer broke off.
    #[error("could not read all of `{url}`")]
    Interrupted { url: SecretUrl, source: io::Error },
    /// Somebody asked to stop.
    #[error("did not fetch all of `{url}`")]
    Stopped { url: SecretUrl, source: io::Error },
    /// There is more than is sane.
    #[error("`{url}` has more than {limit} bytes")]
    TooLarge { url: SecretUrl, limit: u64 },
    /// The size is not the announced one.
    #[error("`{url}` has {found} bytes, not {expected}")]
    WrongSize { url: SecretUrl, expected: u64, found: u64 },
    /// The digest is not the announced one.
    #[error("`{url}` has the digest {found}, not {expected}")]
    WrongDigest { url: SecretUrl, expected: Digest, found: Digest },
    /// The address is none that can be fetched from.
    #[error("`{url}` is not an http, https or file address")]
    Address { url: SecretUrl },
    /// Redirects go on and on, lead nowhere, or from HTTPS to HTTP.
    #[error("`{url}` is redirected too often or to a place that is not allowed")]
    Redirects { url: SecretUrl },
    /// The fetched bytes could not be kept.
    #[error("could not keep the bytes of `{url}`")]
    Target { url: SecretUrl, source: io::Error },
    /// The fetched file could not be made.
    #[error("could not write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    /// The certificate authorities could not be read.
    #[error("could not read the certificate authorities in `{path}`")]
    Certificates { path: PathBuf, source: io::Error },
    /// The proxy's address is wrong.
    #[error("`{url}` is not the address of an HTTP proxy")]
    Proxy { url: SecretUrl, source: Box<ureq::Error> },
}

impl FetchError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Stopped { .. } => ErrorKind::Cancelled,
            Self::Refused { .. } => ErrorKind::Denied,
            Self::Status { .. }
            | Self::Unreachable { .. }
            | Self::Offline { .. }
            | Self::Interrupted { .. } => ErrorKind::Unavailable,
            Self::TooLarge { .. }
            | Self::WrongSize { .. }
            | Self::WrongDigest { .. }
            | Self::Redirects { .. } => ErrorKind::Invalid,
            Self::Address { .. } | Self::Proxy { .. } => ErrorKind::Usage,
            Self::Target { source, .. } | Self::Write { source, .. } | Self::Certificates { source, .. } => {
                ErrorKind::of_io(source)
            }
        }
    }

    /// What can be done about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { source, .. } if matches!(**source, ureq::Error::Rustls(_)) => Some(
                "name the certificate authority of your site with `trust.ca-bundle` in the configuration"
                    .into(),
            ),
            Self::Unreachable { .. } | Self::Interrupted { .. } => {
                Some("check the network, and the proxies under `trust` in the configuration".into())
            }
            Self::Offline { .. } => Some("build once without `--offline`, which fetches it".into()),
            Self::Refused { status: 407, .. } => {
                Some("put user and password into the proxy's address".into())
            }
            Self::Refused { .. } => Some("put user and password into the configured address".into()),
            Self::WrongSize { .. } | Self::WrongDigest { .. } => Some(
                "the mirror may be changing right now, or a proxy keeps an old copy: try again later".into(),
            ),
            Self::Target { source, .. } | Self::Write { source, .. } => ErrorKind::io_hint(source),
            _ => None,
        }
    }

    /// The same error where the bytes were for a file: which one says more than where they came from.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            Self::Target { url: _, source } => Self::Write { path: path.to_owned(), source },
            other => other,
        }
    }

    /// Whether the same request may well succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Interrupted { source, .. } => source.kind() != io::ErrorKind::PermissionDenied,
            // Who refuses does so again; who did not answer in time has had enough of it.
            Self::Unreachable { source, .. } => match &**source {
                ureq::Error::Io(error) => {
                    !matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut)
                }
                _ => false,
            },
            _ => false,
        }
    }
}
