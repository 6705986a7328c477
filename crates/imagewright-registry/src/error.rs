//! What can go wrong with a registry.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use imagewright_model::{ErrorKind, SecretUrl};
use imagewright_oci::{Digest, DocumentError, MediaType, Platform};

use crate::{Answer, CredentialError};

/// Why a registry could not be used. Addresses are shown without what may be secret in them.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum RegistryError {
    /// No name server knows the host.
    #[error("there is no registry `{registry}`: its host is not known")]
    UnknownHost { registry: String },
    /// Nothing listens there.
    #[error("registry `{registry}` refused the connection")]
    Refused { registry: String, plain_allowed: bool, source: io::Error },
    /// It does not answer, or the connection broke.
    #[error("could not reach registry `{registry}`")]
    Unreachable { registry: String, source: io::Error },
    /// The certificate is signed by an authority nobody here trusts.
    #[error("registry `{registry}` has a certificate of an unknown authority")]
    UnknownAuthority { registry: String, source: io::Error },
    /// The certificate is wrong in another way.
    #[error("registry `{registry}` could not prove who it is")]
    Certificate { registry: String, source: io::Error },
    /// It does not speak TLS.
    #[error("registry `{registry}` speaks plain HTTP, which is not allowed for it")]
    PlainHttp { registry: String },
    /// It wants credentials, and there are none.
    #[error("registry `{registry}` wants credentials for {what}, and there are none")]
    LoginRequired { registry: String, what: String },
    /// The credentials are wrong, or not enough.
    #[error("registry `{registry}` denied {what}{}", told(.answer))]
    Denied { registry: String, what: String, answer: Option<Answer> },
    /// There is no such thing.
    #[error("there is no {what}{}", told(.answer))]
    NotFound { what: String, answer: Option<Answer> },
    /// It is overloaded or broken.
    #[error("registry `{registry}` could not serve {what}: {answer}")]
    Unavailable { registry: String, what: String, answer: Answer, retry_after: Option<Duration> },
    /// It answered with a status nobody expected.
    #[error("registry `{registry}` refused {what}: {answer}")]
    Refusal { registry: String, what: String, answer: Answer },
    /// The transfer broke off.
    #[error("the transfer of {what} broke off after {done} bytes")]
    Interrupted { what: String, done: u64, source: io::Error },
    /// The bytes are others than asked for.
    #[error("{what} has the digest {found}, not {expected}")]
    WrongDigest { what: String, expected: Digest, found: Digest },
    /// There are more or fewer bytes than announced.
    #[error("{what} has {found} bytes, not {expected}")]
    WrongSize { what: String, expected: u64, found: u64 },
    /// There are more bytes than is sane.
    #[error("{what} has more than {limit} bytes")]
    TooLarge { what: String, limit: u64 },
    /// Redirects go on and on.
    #[error("{what} is redirected more than {limit} times, last to `{location}`")]
    RedirectLoop { what: String, limit: usize, location: String },
    /// A redirect leads nowhere, or from HTTPS to HTTP.
    #[error("{what} is redirected to `{location}`, which is not allowed")]
    Redirect { what: String, location: String },
    /// The answer breaks the protocol.
    #[error("registry `{registry}` does not keep to the distribution protocol: {problem}")]
    Protocol { registry: String, problem: String },
    /// What stands there is neither a manifest nor an index.
    #[error("{what} is of type `{found}`, which is neither an image nor an index of images")]
    ManifestType { what: String, found: MediaType },
    /// It is a manifest, but of something else than an image.
    #[error("{what} is not an image: its configuration is of type `{found}`")]
    NotAnImage { what: String, found: MediaType },
    /// It is of the first, unsafe kind.
    #[error("{what} is an image of schema 1, which has no verifiable configuration")]
    Schema1 { what: String },
    /// It cannot be read.
    #[error("{what} cannot be read")]
    Malformed { what: String, source: DocumentError },
    /// No image for the platform.
    #[error("{what} has no image for {platform}; it has: {}", listed(.offered))]
    NoPlatform { what: String, platform: Box<Platform>, offered: Vec<Platform> },
    /// Indexes within indexes within indexes.
    #[error("{what} nests indexes deeper than {limit}")]
    Nested { what: String, limit: usize },
    /// A layer's bytes lie elsewhere.
    #[error("layer {digest} of {what} is foreign: its bytes are not in the registry{}", elsewhere(.urls))]
    ForeignLayer { what: String, digest: Digest, urls: Vec<String> },
    /// Nobody knows a repository that has a blob.
    #[error("no repository is known to have {digest}")]
    Nowhere { digest: Digest },
    /// What is to be sent could not be read here.
    #[error("could not read the bytes of {digest} that are to be sent")]
    Source { digest: Digest, source: io::Error },
    /// What was fetched could not be kept here.
    #[error("could not keep the bytes of {digest}")]
    Sink { digest: Digest, source: io::Error },
    /// The certificate authorities could not be read.
    #[error("could not read the certificate authorities in `{path}`")]
    Authorities { path: PathBuf, source: io::Error },
    /// The proxy's address is wrong.
    #[error("`{url}` is not the address of an HTTP proxy")]
    Proxy { url: SecretUrl, source: io::Error },
    /// A configured mirror is none.
    #[error("mirror `{mirror}` of registry `{registry}` is not of the form host[:port][/path]")]
    Mirror { registry: String, mirror: String },
    /// The credentials could not be looked up.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The user stopped it.
    #[error("the transfer was cancelled")]
    Cancelled,
}

fn told(answer: &Option<Answer>) -> String {
    answer.as_ref().map(|answer| format!(": {answer}")).unwrap_or_default()
}

fn listed(offered: &[Platform]) -> String {
    if offered.is_empty() {
        return "none".to_owned();
    }
    let mut names: Vec<String> = offered.iter().map(Platform::to_string).collect();
    names.dedup();
    names.join(", ")
}

fn elsewhere(urls: &[String]) -> String {
    urls.first().map(|url| format!(" but at `{url}`")).unwrap_or_default()
}

impl RegistryError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::UnknownAuthority { .. }
            | Self::Certificate { .. }
            | Self::PlainHttp { .. }
            | Self::Unavailable { .. }
            | Self::Interrupted { .. } => ErrorKind::Unavailable,
            Self::LoginRequired { .. } | Self::Denied { .. } => ErrorKind::Denied,
            Self::Refusal { .. } => ErrorKind::Failed,
            Self::WrongDigest { .. }
            | Self::WrongSize { .. }
            | Self::TooLarge { .. }
            | Self::RedirectLoop { .. }
            | Self::Redirect { .. }
            | Self::Protocol { .. }
            | Self::ManifestType { .. }
            | Self::NotAnImage { .. }
            | Self::Schema1 { .. }
            | Self::Malformed { .. }
            | Self::NoPlatform { .. }
            | Self::Nested { .. }
            | Self::ForeignLayer { .. } => ErrorKind::Invalid,
            Self::Source { source, .. } | Self::Sink { source, .. } | Self::Authorities { source, .. } => {
                ErrorKind::of_io(source)
            }
            Self::Nowhere { .. } => ErrorKind::NotFound,
            Self::Proxy { .. } | Self::Mirror { .. } => ErrorKind::Usage,
            Self::Credentials(error) => error.kind(),
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// What can be done about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownHost { .. } => "check how the registry is spelt, and the network",
            Self::Refused { registry, plain_allowed, .. } => {
                return Some(match plain_allowed {
                    true => "check the port, and whether the registry runs".to_owned(),
                    false => {
                        format!("check the port, and whether the registry runs; {}", plain_hint(registry))
                    }
                });
            }
            Self::Unreachable { .. } | Self::Interrupted { .. } => {
                "check the network, and the proxies under `trust` in the configuration"
            }
            Self::UnknownAuthority { .. } => {
                "name the certificate authority of your site with `trust.ca-bundle` in the configuration"
            }
            Self::Certificate { .. } => {
                "check the registry's name, its certificate, and the clock of this machine"
            }
            Self::PlainHttp { registry } => return Some(plain_hint(registry)),
            Self::LoginRequired { registry, .. } => {
                return Some(format!("log in with `imagewright login {registry}`"));
            }
            Self::Denied { registry, .. } => {
                return Some(format!(
                    "check the name of the repository, or log in as someone who may with `imagewright login {registry}`"
                ));
            }
            Self::NotFound { .. } => "check the names of repository and tag",
            Self::Unavailable { answer, .. } if answer.status == 429 => {
                "the registry limits how much it serves: log in, use a mirror, or try again later"
            }
            Self::Unavailable { .. } => "try again later",
            Self::Refusal { answer, .. } if answer.status == 413 => {
                "a proxy before the registry limits the size of uploads: its operator can raise the limit"
            }
            Self::Refusal { answer, .. } if answer.status == 405 => {
                "the registry does not offer this, or its operator has switched it off"
            }
            Self::WrongDigest { .. } | Self::WrongSize { .. } => {
                "the registry, or a proxy or mirror before it, keeps damaged bytes: tell its operator"
            }
            Self::NotAnImage { .. } => "it may be a chart, a signature or another artifact",
            Self::Schema1 { .. } => "have it pushed again by a current tool",
            Self::NoPlatform { .. } => "choose one of these with --platform",
            Self::ForeignLayer { .. } => {
                "such layers may not be passed on by their licence; an image without them is a partial one"
            }
            Self::Source { source, .. } | Self::Sink { source, .. } | Self::Authorities { source, .. } => {
                return ErrorKind::io_hint(source);
            }
            Self::Credentials(error) => return error.hint(),
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the same request may well succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Interrupted { .. } | Self::Refused { .. } => true,
            Self::Unreachable { source, .. } => source.kind() != io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    /// Takes the error out that a reader of this crate hid in an error of the operating system.
    pub fn from_read(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }

    /// Hides the error in one of the operating system, as readers must.
    pub(crate) fn into_read(self) -> io::Error {
        io::Error::other(self)
    }
}

fn plain_hint(registry: &str) -> String {
    format!(
        "if it speaks plain HTTP and that is safe on your network, add `{registry}` to \
         `registry.insecure-registries` in the configuration"
    )
}
