//! Whether a kernelspec works: it is listed, its kernel starts, computes, is interrupted, restarted and stopped.
//!
//! Each step is told as it ends. Whatever fails, the kernel is stopped.

mod cells;
mod reasons;
mod steps;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use imagewright_model::{ErrorKind, Stop};
use serde::{Serialize, Serializer};

use crate::Gateway;

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The name of the kernelspec.
    pub kernelspec: String,
    /// In whose name the kernel is started.
    pub user: String,
    /// Variables for the kernel: names that begin with `KERNEL_`, or that the gateway lets through.
    pub environment: BTreeMap<String, String>,
    /// How long the gateway waits for a kernel.
    pub launch_timeout: Duration,
    /// How long a cell, an interrupt and other small things may take.
    pub timeout: Duration,
    /// Code to execute instead of that for the language.
    pub cell: Option<Cell>,
    /// Whether a long cell is interrupted.
    pub interrupt: bool,
    /// Whether the kernel is restarted.
    pub restart: bool,
}

/// Code, and what it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The code.
    pub code: String,
    /// What it must print, white space at both ends aside; none, where it only must not fail.
    pub expected: Option<String>,
}

/// Something that is done with a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The gateway lists the kernelspec.
    Listed,
    /// A kernel starts.
    Started,
    /// A cell computes.
    Executed,
    /// A long cell is interrupted.
    Interrupted,
    /// The kernel is restarted.
    Restarted,
    /// The kernel is stopped.
    Stopped,
}

impl Step {
    /// Its name, as it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Started => "started",
            Self::Executed => "executed",
            Self::Interrupted => "interrupted",
            Self::Restarted => "restarted",
            Self::Stopped => "stopped",
        }
    }
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must.
    Done,
    /// Otherwise.
    Failed,
    /// It was not tried.
    LeftOut,
}

/// One step, told as soon as it is over.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// How it came out.
    pub outcome: Outcome,
    /// How long it took.
    #[serde(serialize_with = "as_seconds", rename = "seconds")]
    pub time: Duration,
    /// What there is to know of it.
    pub detail: String,
}

/// What does not work, why, and what to do.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// At which step.
    pub step: Step,
    /// What kind of problem.
    pub kind: ErrorKind,
    /// What is the matter: a sentence without a full stop, which goes on after "because".
    pub reason: String,
    /// What to do, if there is something: a sentence without a full stop.
    pub remedy: Option<String>,
}

/// What was found out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The kernelspec.
    pub kernelspec: String,
    /// The gateway.
    pub gateway: String,
    /// The language of the kernel.
    pub language: Option<String>,
    /// The image that it runs in.
    pub image: Option<String>,
    /// The identity that the kernel had.
    pub kernel: Option<String>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Why it does not work, if it does not.
    pub problem: Option<Problem>,
}

impl Report {
    /// Whether everything that was tried worked.
    pub fn works(&self) -> bool {
        self.problem.is_none()
    }
}

/// The verdict, in one sentence.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.kernelspec;
        let Some(problem) = &self.problem else {
            let done = self.steps.iter().filter(|it| it.outcome == Outcome::Done).map(|it| it.step.name());
            let done: Vec<&str> = done.collect();
            return write!(f, "`{name}` works: {}", done.join(", "));
        };
        if problem.kind == ErrorKind::Cancelled {
            return write!(f, "`{name}` was not verified to the end: {}", problem.reason);
        }
        write!(f, "`{name}` does not work: {}", problem.reason)?;
        match &problem.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Finds out whether a kernelspec works, telling each step.
pub fn verify(
    gateway: &Gateway,
    request: &VerifyRequest,
    stop: &Stop,
    tell: &mut dyn FnMut(&StepReport),
) -> Report {
    steps::Run::new(gateway, request, stop, tell).finish()
}

fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Milliseconds are as exact as a network lets it be.
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}
