//! Why a gateway did not do what it was asked for.

use imagewright_model::ErrorKind;
use imagewright_registry::{RegistryError, WebError};

/// What goes wrong between a client and a gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It is not said which one.
    #[error("`{0}` is not the address of a gateway")]
    Address(String),
    /// Authorities or proxies are not what they must be.
    #[error("there is no way to the gateway")]
    Way(#[source] RegistryError),
    /// No connection, or it broke.
    #[error("the gateway at `{address}` cannot be reached")]
    Unreachable {
        /// The gateway.
        address: String,
        /// The cause.
        #[source]
        source: WebError,
    },
    /// It shows a certificate of an authority that is not known, or for somebody else.
    #[error("the certificate of the gateway at `{address}` is not trusted")]
    Untrusted {
        /// The gateway.
        address: String,
        /// The cause.
        #[source]
        source: WebError,
    },
    /// It does not speak TLS.
    #[error("what answers at `{address}` speaks no TLS")]
    Plain {
        /// The gateway.
        address: String,
    },
    /// There was no answer in time.
    #[error("the gateway at `{address}` gave no answer within {seconds} s")]
    Silent {
        /// The gateway.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It answered with an error.
    #[error("the gateway answers {status}: {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// It answered with something that no gateway says.
    #[error("what answers at `{address}` is no gateway: {what}")]
    NoGateway {
        /// Who was asked.
        address: String,
        /// What is wrong with it.
        what: String,
    },
    /// No WebSocket to the kernel came about.
    #[error("the gateway answers {status} where its kernels are spoken to")]
    NoChannel {
        /// The status.
        status: u16,
    },
    /// The connection to the kernel ended, or there was nonsense on it.
    #[error("the connection to the kernel broke: {0}")]
    ChannelBroke(String),
    /// The kernel took a request and did not get done with it.
    #[error("the kernel said nothing more for {seconds} s")]
    KernelSilent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The gateway says that the kernel has ended.
    #[error("the kernel ended by itself")]
    KernelDied,
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Cancelled,
}

impl GatewayError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address(_) => ErrorKind::Usage,
            Self::Way(error) => error.kind(),
            Self::Unreachable { .. } | Self::Untrusted { .. } | Self::Plain { .. } | Self::Silent { .. } => {
                ErrorKind::Unavailable
            }
            Self::Refused { status: 401 | 403, .. } | Self::NoChannel { status: 401 | 403 } => {
                ErrorKind::Denied
            }
            Self::Refused { status: 404, .. } => ErrorKind::NotFound,
            Self::Refused { status: 502..=504, .. } => ErrorKind::Unavailable,
            Self::NoGateway { .. } => ErrorKind::Invalid,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Refused { .. }
            | Self::NoChannel { .. }
            | Self::ChannelBroke(_)
            | Self::KernelSilent { .. }
            | Self::KernelDied => ErrorKind::Failed,
        }
    }
}
