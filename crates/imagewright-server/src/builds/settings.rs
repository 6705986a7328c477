//! How a server builds.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use imagewright_catalog::Name;

/// How a server builds.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    /// The program that builds: ourselves, with the command that makes it do so. Without it nothing is built here.
    pub program: Option<BuildProgram>,
    /// How many builds run at once; none where others build.
    pub workers: usize,
    /// How long a build may take.
    pub time_limit: Duration,
    /// How much memory a program of a step may use.
    pub memory: Option<u64>,
    /// How many builds of one person may wait.
    pub queued_per_person: i64,
    /// How often a build is begun whose process dies.
    pub attempts: i64,
    /// How long running builds are let go on when the server stops, and a build that was asked to stop.
    pub grace: Duration,
    /// Where results go to instead.
    pub push: Option<PushSettings>,
    /// Bytes of output that are kept of a build.
    pub longest_log: u64,
}

/// Ourselves, as a program that builds.
#[derive(Clone, Debug)]
pub struct BuildProgram {
    /// The program.
    pub program: PathBuf,
    /// What it is called with.
    pub arguments: Vec<OsString>,
}

/// A registry that results go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSettings {
    /// What names begin with: host and path, as `registry.example/team`.
    pub prefix: String,
    /// The secret for pushing. Nobody ever pulls with it.
    pub secret: Option<Name>,
}

impl Default for BuildSettings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            program: None,
            workers: (processors / 2).max(1),
            time_limit: Duration::from_secs(4 * 60 * 60),
            memory: None,
            queued_per_person: 20,
            attempts: 3,
            grace: Duration::from_secs(30),
            push: None,
            longest_log: 64 << 20,
        }
    }
}
