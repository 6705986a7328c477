//! Dockerfiles as values: text is parsed ([`Dockerfile::parse`]), the stages that a target needs are found
//! ([`Dockerfile::plan`]), and each stage is lowered to steps once the configuration of its base is known
//! ([`PlannedStage::lower`]).
//!
//! Nothing here reads files or runs anything. What a Dockerfile asks for and this program does not do is an
//! error of these three, with the line and another way, and never left out silently.
//!
//! Where the reference leaves something open, BuildKit's front end is followed: it is what users compare with.
//! Lines, words and here-documents are split by our own code (`source`, `words`): the crates there are read a
//! here-document only where it is the whole of an instruction, and give words with their escapes already gone, after
//! which `\$HOME` can no longer be told from `$HOME`.

mod comments;
mod config;
mod error;
mod expand;
mod flags;
mod git;
mod ignore;
mod instruction;
mod lower;
mod mode;
mod pattern;
mod plan;
mod read;
mod signal;
mod source;
mod words;

pub use comments::Comment;
pub use config::DEFAULT_PATH;
pub use error::{DockerfileError, Problem};
pub use flags::{CacheSharing, Mount, MountKind, RunNetwork};
pub use git::GitSource;
pub use ignore::IgnoreRules;
pub use instruction::{CopySource, InlineFile};
pub use lower::{Action, CopyAction, Lowered, RunAction, Step};
pub use mode::{Mode, ModeChange};
pub use pattern::PathGlob;
pub use plan::{BuildPlan, Dockerfile, NamedContext, PlanRequest, PlannedStage, StageSource};
