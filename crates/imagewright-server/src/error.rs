//! Why something was not done.

use std::fmt::Display;

use imagewright_catalog::{FieldProblem, Invalid, Refusal};
use imagewright_model::ErrorKind;
use imagewright_records::RecordsError;
use imagewright_service::ServiceError;
use imagewright_service::metadata::MetadataError;

use crate::attempts::TooOften;
use crate::distribution::DistributionError;
use crate::oidc::OidcError;
use crate::vault::VaultError;

/// Why a use case failed. What people sent is never the cause of an internal error.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Whoever asks may not.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody comes in with this.
    #[error("this does not log anybody in")]
    WrongLogin,
    /// What somebody comes in with is good for less.
    #[error("the token `{name}` is good for pulling images, and for nothing else")]
    OnlyPulls {
        /// What its owner calls it.
        name: String,
    },
    /// Somebody tries again and again.
    #[error("there were too many tries to log in")]
    TooOften {
        /// In how many seconds the next try counts.
        seconds: u32,
    },
    /// The name that a provider gives to somebody belongs to somebody else here.
    #[error("the name `{0}` belongs to somebody who does not come from this provider")]
    OthersName(String),
    /// What was sent cannot be taken.
    #[error("{0}")]
    Invalid(Invalid),
    /// There is no such thing, or whoever asks may not know of it.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// How it was called.
        name: String,
    },
    /// It is not what whoever asks has seen.
    #[error("`{name}` has been changed since it was read")]
    Stale {
        /// What was changed.
        name: String,
    },
    /// Others need it.
    #[error("{what} is needed: {by}")]
    InUse {
        /// What.
        what: String,
        /// By whom.
        by: String,
        /// What to do about it, where that is known.
        hint: Option<String>,
    },
    /// It cannot be done as things are.
    #[error("{what}")]
    Conflict {
        /// What is in the way.
        what: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Somebody has asked for as much as one may.
    #[error("{most} builds of yours are waiting, and no more may")]
    Quota {
        /// How many may wait.
        most: i64,
    },
    /// It could not be found out what a build would do, for reasons that are not in its spec.
    #[error("it could not be planned what the build would do: {text}")]
    Unplanned {
        /// What kind of reason.
        kind: ErrorKind,
        /// The reason.
        text: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// An idempotency key came with another request.
    #[error("this idempotency key came with another request before")]
    KeyReused,
    /// The same request is being carried out.
    #[error("a request with this idempotency key is being carried out")]
    StillRunning,
    /// This server was started without a program that builds.
    #[error("nothing is built or planned by this server")]
    NoProgram,
    /// A process could not be started.
    #[error("the process that builds could not be started")]
    Process(#[source] std::io::Error),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The service on the store.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// The provider where people log in.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// A secret is not had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file of a runtime image could not be read or written.
    #[error("{0}")]
    RuntimeImage(Box<MetadataError>),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// The registry.
    #[error("{0}")]
    Distribution(Box<DistributionError>),
    /// A defect of this program.
    #[error("something stopped in the middle of its work")]
    Panicked(#[source] tokio::task::JoinError),
}

impl ServerError {
    /// Decides exit code and status.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(Refusal::Unseen) | Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Refused(Refusal::NotLoggedIn | Refusal::Forbidden)
            | Self::WrongLogin
            | Self::OnlyPulls { .. }
            | Self::TooOften { .. } => ErrorKind::Denied,
            Self::Invalid(_) | Self::KeyReused => ErrorKind::Invalid,
            Self::Stale { .. }
            | Self::InUse { .. }
            | Self::Conflict { .. }
            | Self::Quota { .. }
            | Self::StillRunning
            | Self::OthersName(_) => ErrorKind::Conflict,
            Self::Unplanned { kind, .. } => *kind,
            Self::NoProgram => ErrorKind::Unavailable,
            Self::Process(error) => ErrorKind::of_io(error),
            Self::Records(error) => error.kind(),
            Self::Service(error) => error.kind(),
            Self::Oidc(OidcError::Settings { .. }) => ErrorKind::Usage,
            Self::Oidc(OidcError::Unavailable { .. }) => ErrorKind::Unavailable,
            Self::Oidc(OidcError::Unproven { .. }) => ErrorKind::Denied,
            Self::Vault(error) => error.kind(),
            Self::RuntimeImage(error) => error.kind(),
            Self::Random(_) | Self::Distribution(_) => ErrorKind::Machine,
            Self::Panicked(_) => ErrorKind::Internal,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(Refusal::NotLoggedIn) => Some("log in, or send a token".to_owned()),
            Self::WrongLogin => Some(
                "name or password is wrong, the account is disabled, or the link was used or has expired"
                    .to_owned(),
            ),
            Self::OthersName(_) => Some(
                "an administrator can delete that account, or the provider can call you otherwise".to_owned(),
            ),
            Self::TooOften { seconds } => Some(format!("wait {seconds} seconds")),
            Self::Stale { .. } => {
                Some("look at it again, and repeat the change on what it is now".to_owned())
            }
            Self::InUse { hint, .. } | Self::Conflict { hint, .. } | Self::Unplanned { hint, .. } => {
                hint.clone()
            }
            Self::OnlyPulls { .. } => Some("send another token".to_owned()),
            Self::KeyReused => Some("send each new request with a key of its own".to_owned()),
            Self::StillRunning => Some("wait a moment, and send it again".to_owned()),
            Self::Quota { .. } => Some("wait until some have begun, or cancel some".to_owned()),
            Self::Process(error) => ErrorKind::io_hint(error),
            Self::Records(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::Vault(error) => error.hint(),
            Self::RuntimeImage(error) => error.hint(),
            _ => None,
        }
    }
}

impl ServerError {
    /// That one field cannot be taken.
    pub(crate) fn field(pointer: &str, detail: impl Display) -> Self {
        Self::Invalid(Invalid(vec![FieldProblem::new(pointer, detail)]))
    }
}

impl From<DistributionError> for ServerError {
    fn from(error: DistributionError) -> Self {
        match error {
            DistributionError::Server(error) => error,
            error => Self::Distribution(Box::new(error)),
        }
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ServiceError> for ServerError {
    fn from(error: ServiceError) -> Self {
        Self::Service(Box::new(error))
    }
}

impl From<TooOften> for ServerError {
    fn from(TooOften { seconds }: TooOften) -> Self {
        Self::TooOften { seconds }
    }
}

impl From<Invalid> for ServerError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
