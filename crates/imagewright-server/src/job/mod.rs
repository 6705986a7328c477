//! A build is a process of its own, so that one that dies harms one build. This is what it is told, on standard input, and what it
//! says, as lines of JSON on standard output.

mod carry_out;
mod process;
mod sink;

use imagewright_model::plan::Plan;
use imagewright_model::{ErrorKind, Secret};
use imagewright_oci::Digest;
use imagewright_service::Login;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::checks::{CheckTask, ImageCheck};
use crate::secrets::credential;

pub use carry_out::carry_out;
pub(crate) use process::{Line, Process};

/// How the spec is called in what is said about it.
pub(crate) const SPEC: &str = "image.yaml";

/// What a process is to do: one line on its standard input. The process ends when its standard input does.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) task: Task,
    /// The image spec, as [`spec_text`] of it is read.
    pub(crate) spec: serde_json::Value,
    /// What an earlier build decided on.
    pub(crate) lock: Option<String>,
    /// Whether newer versions are taken.
    pub(crate) upgrade: bool,
    /// Logins to pull with.
    pub(crate) pull: Vec<JobLogin>,
    /// Seconds one program of a step may run.
    pub(crate) time_limit: u64,
    /// Bytes of memory it may use.
    pub(crate) memory: Option<u64>,
    /// Bytes of output that are told.
    pub(crate) longest_log: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Say what would be done.
    Plan,
    /// Say whether an image runs somewhere.
    Check(CheckTask),
    /// Build.
    Build {
        /// The name of the result.
        name: String,
        /// Whether it goes to the registry that its name says.
        is_pushed: bool,
        /// The login for that, where the registry wants one.
        push: Option<JobLogin>,
    },
}

/// A login on its way to a process. Only there is it written out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobLogin {
    pub(crate) registry: String,
    pub(crate) username: Option<String>,
    #[serde(serialize_with = "exposed", deserialize_with = "taken_in")]
    pub(crate) password: Secret,
}

fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn taken_in<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl From<JobLogin> for Login {
    fn from(login: JobLogin) -> Self {
        Self { registry: login.registry, credential: credential(login.username, login.password) }
    }
}

/// What a process says: events, and then how it ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// Something happened: a `BuildEvent`.
    Event(Box<RawValue>),
    /// There is a plan.
    Planned {
        plan: Box<Plan>,
        /// Why it cannot be built.
        conflict: Option<JobFailure>,
    },
    /// It is known where the image runs.
    Checked(Vec<ImageCheck>),
    /// There is an image.
    Built(JobReport),
    /// There is none.
    Failed(JobFailure),
}

/// What a build came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobReport {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) lock: Option<String>,
    /// The platform of the image.
    pub(crate) platform: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFailure {
    pub(crate) kind: ErrorKind,
    /// The error and its causes.
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
}

/// A spec as the text that is read: each value has a line of its own, by which it is found again.
pub(crate) fn spec_text(spec: &serde_json::Value) -> String {
    serde_json::to_string_pretty(spec).expect("a value is JSON")
}
