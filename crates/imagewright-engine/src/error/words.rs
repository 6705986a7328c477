//! Kinds and hints of errors that programs and other crates tell in their own words.

use std::error::Error as _;

use imagewright_model::{BuildOutcome, ErrorKind};
use imagewright_sandbox::SandboxError;

use super::EngineError;
use crate::conda::CondaError;

impl EngineError {
    /// How a build ends that fails with this.
    pub(crate) fn outcome(&self) -> BuildOutcome {
        match self {
            Self::Cancelled => BuildOutcome::Cancelled,
            error => BuildOutcome::Failed { error: error.chain() },
        }
    }

    /// Whether the packages that were asked for do not go together.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Unsolvable { .. }
            | Self::UnsolvableOnConda { .. }
            | Self::Apt { action: UNSOLVABLE, .. } => true,
            Self::Conda(error) => matches!(**error, CondaError::Conflict { .. }),
            _ => false,
        }
    }

    /// The error and its causes on one line.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// What apt could not do where packages contradict each other.
pub(crate) const UNSOLVABLE: &str = "find a way to install the packages together";

pub(super) fn layer_kind(error: &imagewright_layer::LayerError) -> ErrorKind {
    match error {
        imagewright_layer::LayerError::Write { source } | imagewright_layer::LayerError::Read { source } => {
            ErrorKind::of_io(source)
        }
        _ => ErrorKind::Invalid,
    }
}

pub(super) fn layer_hint(error: &imagewright_layer::LayerError) -> Option<String> {
    match error {
        imagewright_layer::LayerError::Write { source } => ErrorKind::io_hint(source),
        error => error.hint(),
    }
}

pub(super) fn sandbox_kind(error: &SandboxError) -> ErrorKind {
    match error {
        SandboxError::Exec { .. } | SandboxError::WorkingDirectory { .. } => ErrorKind::NotFound,
        _ => ErrorKind::Machine,
    }
}

pub(super) fn disk_full_hint() -> Option<String> {
    ErrorKind::io_hint(&std::io::Error::from(std::io::ErrorKind::StorageFull))
}

pub(super) fn is_disk_full(words: &str) -> bool {
    ["No space left on device", "enough free space", "os error 28"].iter().any(|sign| words.contains(sign))
}

pub(super) fn is_network_down(words: &str) -> bool {
    const SIGNS: [&str; 8] = [
        "Could not resolve",
        "Could not connect",
        "Temporary failure resolving",
        "Failed to fetch",
        "Connection refused",
        "error sending request",
        "dns error",
        "invalid peer certificate",
    ];
    SIGNS.iter().any(|sign| words.contains(sign))
}
