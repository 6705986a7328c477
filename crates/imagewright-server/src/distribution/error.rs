//! What goes wrong at the registry, with the specification's codes.

use imagewright_model::ErrorKind;
use imagewright_records::RecordsError;
use imagewright_service::ServiceError;
use imagewright_service::distribution::PushError;

use crate::ServerError;

/// The code of an error (distribution specification, "Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the specification says it")]
pub enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    PaginationNumberInvalid,
    Unauthorized,
    Denied,
    Unsupported,
    TooManyRequests,
    Unknown,
}

impl Code {
    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Why the registry did not do something.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// Nobody has logged in, or what was sent is no good.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The token is good, and not for this.
    #[error("this token is not for that: ask for another")]
    Scope,
    /// It is not allowed.
    #[error("`{0}` is not yours to push to or delete from")]
    Denied(String),
    /// Tags that builds give are theirs.
    #[error("`{0}` is built here, and numbers are the tags of its builds: push another tag")]
    BuildTag(String),
    /// The name cannot be one.
    #[error("`{0}` is no name of a repository: {1}")]
    Name(String, String),
    /// There is no such repository, or whoever asks may not know.
    #[error("there is no repository `{0}`")]
    NameUnknown(String),
    /// There is no such manifest.
    #[error("there is no manifest `{0}`")]
    ManifestUnknown(String),
    /// There is one, of a type that was not asked for.
    #[error("the manifest is `{0}`, which the request does not accept")]
    NotAccepted(String),
    /// The reference is neither tag nor digest.
    #[error("`{0}` is neither a tag nor a digest")]
    ManifestName(String),
    /// There is no such blob.
    #[error("there is no blob `{0}`")]
    BlobUnknown(String),
    /// It is no digest.
    #[error("{0}")]
    Digest(String),
    /// There is no such upload.
    #[error("there is no upload `{0}`: begin another")]
    UploadUnknown(String),
    /// A piece does not begin where the last one ended.
    #[error("this piece does not begin at {expected}, where the upload is")]
    OutOfOrder {
        /// Where it has to begin.
        expected: u64,
    },
    /// A piece has other bytes than it says.
    #[error("the piece has {found} bytes, and says that it has {said}")]
    PieceSize {
        /// What it says.
        said: u64,
        /// What came.
        found: u64,
    },
    /// The connection broke, or nothing came for too long.
    #[error("the body ended early: go on from where the upload is")]
    Interrupted,
    /// A page of a list is asked for in a way that is not understood.
    #[error("{0}")]
    Page(String),
    /// The manifest is too long.
    #[error("a manifest has at most {0} bytes")]
    TooLarge(usize),
    /// It is not taken.
    #[error(transparent)]
    Push(#[from] PushError),
    /// What all use cases can meet.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl DistributionError {
    /// The specification's code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthorized(_) | Self::Scope => Code::Unauthorized,
            Self::Denied(_) | Self::BuildTag(_) => Code::Denied,
            Self::Name(..) => Code::NameInvalid,
            Self::NameUnknown(_) => Code::NameUnknown,
            Self::ManifestUnknown(_) | Self::NotAccepted(_) => Code::ManifestUnknown,
            Self::ManifestName(_) | Self::TooLarge(_) => Code::ManifestInvalid,
            Self::BlobUnknown(_) => Code::BlobUnknown,
            Self::Digest(_) => Code::DigestInvalid,
            Self::UploadUnknown(_) => Code::BlobUploadUnknown,
            Self::OutOfOrder { .. } | Self::Interrupted => Code::BlobUploadInvalid,
            Self::PieceSize { .. } => Code::SizeInvalid,
            Self::Page(_) => Code::PaginationNumberInvalid,
            Self::Push(error) => of_push(error),
            Self::Server(error) if error.kind() == ErrorKind::Conflict => Code::BlobUploadInvalid,
            Self::Server(_) => Code::Unknown,
        }
    }
}

fn of_push(error: &PushError) -> Code {
    match error {
        PushError::Malformed(_) | PushError::Unsupported(_) | PushError::OtherType { .. } => {
            Code::ManifestInvalid
        }
        PushError::BlobUnknown { .. } => Code::ManifestBlobUnknown,
        PushError::Size { .. } => Code::SizeInvalid,
        PushError::DigestMismatch { .. } => Code::DigestInvalid,
        PushError::BlobInUse { .. } => Code::Denied,
        PushError::Service(_) => Code::Unknown,
    }
}

impl From<ServiceError> for DistributionError {
    fn from(error: ServiceError) -> Self {
        Self::Server(error.into())
    }
}

impl From<RecordsError> for DistributionError {
    fn from(error: RecordsError) -> Self {
        Self::Server(error.into())
    }
}
