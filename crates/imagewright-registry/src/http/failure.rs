//! What it means when no answer comes.

use std::error::Error as _;
use std::io;

use crate::RegistryError;

/// The error for `registry`, from what the HTTP library says.
pub(crate) fn of_transport(registry: &str, plain_allowed: bool, error: ureq::Error) -> RegistryError {
    let registry = registry.to_owned();
    match error {
        ureq::Error::HostNotFound => RegistryError::UnknownHost { registry },
        ureq::Error::Io(source) if is_unknown_host(&source) => RegistryError::UnknownHost { registry },
        ureq::Error::Io(source) if source.kind() == io::ErrorKind::ConnectionRefused => {
            RegistryError::Refused { registry, plain_allowed, source }
        }
        error => {
            let source = error.into_io();
            match tls_problem(&source) {
                Some(TlsProblem::NotTls) => RegistryError::PlainHttp { registry },
                Some(TlsProblem::UnknownAuthority) => RegistryError::UnknownAuthority { registry, source },
                Some(TlsProblem::Certificate) => RegistryError::Certificate { registry, source },
                None => RegistryError::Unreachable { registry, source },
            }
        }
    }
}

/// The standard library has no kind for it, only the words of the C library.
fn is_unknown_host(error: &io::Error) -> bool {
    let text = error.to_string();
    text.contains("failed to lookup address") && !text.contains("Temporary failure")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsProblem {
    NotTls,
    UnknownAuthority,
    Certificate,
}

/// The TLS library is not ours to name, so its words decide; the tests hold them.
pub(crate) fn tls_problem(error: &io::Error) -> Option<TlsProblem> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
        Some(TlsProblem::UnknownAuthority)
    } else if text.contains("certificate") {
        Some(TlsProblem::Certificate)
    } else if text.contains("received corrupt message of type InvalidContentType") {
        Some(TlsProblem::NotTls)
    } else {
        None
    }
}
