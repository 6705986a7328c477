//! The domain: what a user asks for, what happens while it is made, and how things go wrong.
//!
//! Values only: no clock, no environment, no files. Parsers take text and say where it is wrong.

mod causes;
mod error_kind;
mod event;
pub mod lock;
pub mod package;
pub mod plan;
mod secret;
mod settings;
pub mod spec;
mod stop;

pub use causes::in_one_line;
pub use error_kind::ErrorKind;
pub use event::{BuildEvent, BuildOutcome, EVENT_VERSION, EventSink, NoEvents, Progress, StepId};
pub use secret::{Secret, SecretUrl};
pub use settings::{
    AptSettings, BuildEngine, BuildSettings, BuildkitSettings, CondaSettings, DockerSettings, EngineSettings,
    FactsSettings, PythonSettings, TrustSettings,
};
pub use stop::Stop;
