//! Why something was not done.

use imagewright_catalog::{Invalid, Refusal};
use imagewright_model::ErrorKind;
use imagewright_records::RecordsError;
use imagewright_service::ServiceError;

use crate::distribution::DistributionError;

/// Why a use case failed. What people sent is never the cause of an internal error.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Whoever asks may not.
    #[error("{0}")]
    Refused(Refusal),
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
    #[error("{what} is in use: {by}")]
    InUse {
        /// What.
        what: String,
        /// By whom.
        by: String,
    },
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The service on the store.
    #[error(transparent)]
    Service(Box<ServiceError>),
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
            Self::Refused(Refusal::NotLoggedIn | Refusal::Forbidden) => ErrorKind::Denied,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Stale { .. } | Self::InUse { .. } => ErrorKind::Conflict,
            Self::Records(error) => error.kind(),
            Self::Service(error) => error.kind(),
            Self::Random(_) | Self::Distribution(_) => ErrorKind::Machine,
            Self::Panicked(_) => ErrorKind::Internal,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(Refusal::NotLoggedIn) => Some("log in, or send a token".to_owned()),
            Self::Stale { .. } => {
                Some("look at it again, and repeat the change on what it is now".to_owned())
            }
            Self::Records(error) => error.hint(),
            Self::Service(error) => error.hint(),
            _ => None,
        }
    }
}

impl From<ServiceError> for ServerError {
    fn from(error: ServiceError) -> Self {
        Self::Service(Box::new(error))
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

impl From<Invalid> for ServerError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
