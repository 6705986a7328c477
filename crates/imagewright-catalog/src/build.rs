//! Builds of the server: asked for, waiting, running, done.

use imagewright_oci::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BuildId, ImageId, Name, PersonId};

/// One execution of a spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Build {
    /// Tells it from all others.
    pub id: BuildId,
    /// The image it is for.
    pub image: ImageId,
    /// That image's name.
    pub image_name: Name,
    /// Which build of the image it is, from 1; the tag of its result.
    pub number: i64,
    /// How far it is.
    pub state: BuildState,
    /// What is built, as an `image.yaml` says it.
    pub spec: serde_json::Value,
    /// The secret with which the base is pulled.
    pub pull_secret: Option<Name>,
    /// Whether newer versions are taken than those of the build before.
    #[serde(default)]
    pub upgrade: bool,
    /// What was solved, when it is known.
    pub lock: Option<String>,
    /// Digest of the result.
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// Bytes of the result's layers.
    pub size: Option<u64>,
    /// Why there is no result, in a sentence.
    pub error: Option<String>,
    /// Who asked for it.
    pub requested_by: Option<PersonId>,
    /// The name of who asked, at that time.
    pub requested_by_name: String,
    /// The build that this one repeats.
    pub retry_of: Option<BuildId>,
    /// How often it was begun.
    pub attempts: i64,
    /// Whether somebody has asked it to stop.
    pub cancel_requested: bool,
    /// When what happened.
    pub timings: Timings,
}

/// When a build came and went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timings {
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When it was begun last.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    /// It waits.
    Queued,
    /// A worker does it.
    Running,
    /// There is an image.
    Succeeded,
    /// There is none, for a reason that is told.
    Failed,
    /// Somebody or a limit stopped it.
    Cancelled,
    /// Its worker died, more often than it is tried.
    Interrupted,
}

impl BuildState {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Interrupted]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}
