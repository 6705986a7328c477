//! Runs a program of an image to see what becomes of it: its output is kept, it is held to limits, and whoever asked may talk to it
//! meanwhile. What it writes is thrown away, but for folders that are lent to it.

use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use imagewright_model::Progress;
use imagewright_sandbox::{
    Exit, Killer, LimitHit, Limits, Mount, MountSource, Network, PrivateNetwork, Privileges, Root,
    SandboxError, SandboxSpec, Stdio, User, spawn,
};
use imagewright_store::{ImageRecord, Scratch};

use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::outside::Outside;
use crate::root_view::RootView;
use crate::run::{RunRequest, specification, with_own_name};
use crate::{Engine, workbench};

/// As much is kept of each stream, from its end.
const KEPT_OUTPUT: usize = 64 << 10;
/// Where the machine says which numbers of users there are.
const USER_MAP: &str = "/proc/self/uid_map";

/// What to try.
#[derive(Clone, Debug, Default)]
pub struct TrialRequest {
    /// What to run, and for how long. Its network counts for nothing.
    pub run: RunRequest,
    /// Numbers of a user, in the place of that of `run`: user, group, other groups.
    pub user: Option<(u32, u32, Vec<u32>)>,
    /// Whether it has no capabilities, and gets none.
    pub confined: bool,
    /// Files that are shown inside, each with its rights.
    pub files: Vec<(String, Vec<u8>, u32)>,
    /// Where in the image a folder is lent to it.
    pub volume: Option<(String, Volume)>,
}

/// A folder that outlives a trial.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Trials that name it get the same one.
    pub name: String,
    /// The group that may write to it beside root.
    pub group: u32,
}

/// Where a trial leads.
#[derive(Clone, Copy, Debug)]
pub enum TrialNetwork<'a> {
    /// Where packages come from: the machine's network, with its certificate authorities and indexes.
    Indexes,
    /// Only here.
    Private(&'a PrivateNetwork),
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialEnd {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of its own.
    Signal(i32),
    /// It ran, and was ended because nobody wanted to know more.
    Stopped,
    /// Its time was up.
    TimedOut,
    /// It used more than it may.
    Limited(String),
    /// It did not start, for a reason that lies with the image.
    NotStarted(String),
}

/// What became of a trial.
#[derive(Clone, Debug)]
pub struct Tried {
    /// How it ended.
    pub end: TrialEnd,
    /// The end of its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
}

/// An image that trials are made with.
pub struct TrialGround<'a> {
    engine: &'a Engine,
    image: imagewright_store::Image,
    lower: Vec<PathBuf>,
    outside: Outside,
    /// Holds the volumes.
    scratch: Scratch,
}

/// A trial while it runs.
pub struct Underway<'a> {
    ended: &'a AtomicBool,
    killer: Killer,
}

impl Underway<'_> {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it, because there is nothing more to know.
    pub fn stop(&self) {
        self.killer.kill();
    }
}

impl Engine {
    /// Prepares trials with an image. Layers that were left in a registry are brought first.
    ///
    /// # Errors
    /// Where the image cannot be had, or is for another machine.
    pub fn trials(
        &self,
        record: &ImageRecord,
        cancel: &Cancel,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<TrialGround<'_>, EngineError> {
        let image = self.store.image(&record.manifest)?;
        self.platform(Some(&image.config.platform))?;
        self.complete(record, cancel, progress)?;
        let lower = self.store.ensure_snapshot(&image, &mut |_, _| {})?;
        let scratch = self.store.scratch(&lower)?;
        Ok(TrialGround { engine: self, image, lower, outside: Outside::new(&self.settings), scratch })
    }
}

impl TrialGround<'_> {
    /// Whether this machine can run a program as this user.
    pub fn has_user(&self, uid: u32) -> bool {
        let map = std::fs::read_to_string(USER_MAP).unwrap_or_default();
        map.lines().any(|line| {
            let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            matches!(numbers[..], [first, _, count] if (first..first + count).contains(&u64::from(uid)))
        })
    }

    /// Whether nothing leads out.
    pub fn is_offline(&self) -> bool {
        self.outside.offline
    }

    /// Tries a program. `meanwhile` runs on a thread of its own while the program does; the program goes on when it returns.
    ///
    /// # Errors
    /// Where the machine cannot do that, or it was cancelled. What is wrong with the program or the image is told by the result.
    pub fn run(
        &self,
        request: &TrialRequest,
        network: TrialNetwork<'_>,
        cancel: &Cancel,
        meanwhile: impl FnOnce(&Underway<'_>) + Send,
    ) -> Result<Tried, EngineError> {
        let scratch = self.engine.store.scratch(&self.lower)?;
        let spec = match self.specification(request, network, &scratch) {
            Err(error @ (EngineError::UnknownUser(_) | EngineError::NothingToRun)) => {
                return Ok(not_started(&error));
            }
            spec => spec?,
        };
        let mut running = spawn(&self.engine.helper, &spec, Stdio::Piped)?;
        let _guard = cancel.guard(running.killer());
        let (stdout, stderr) = (running.take_stdout(), running.take_stderr());
        let (ended, killer) = (AtomicBool::new(false), running.killer());
        let (outcome, stdout, stderr) = thread::scope(|scope| {
            let stdout = scope.spawn(|| tail(stdout));
            let stderr = scope.spawn(|| tail(stderr));
            scope.spawn(|| meanwhile(&Underway { ended: &ended, killer }));
            let outcome = running.wait();
            ended.store(true, Ordering::Release);
            (outcome, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default())
        });
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let end = match outcome {
            Ok(outcome) => match (outcome.limited, outcome.exit) {
                (Some(hit), _) => TrialEnd::Limited(told(hit)),
                (None, Exit::Code(code)) => TrialEnd::Code(code),
                (None, Exit::Signal(signal)) => TrialEnd::Signal(signal),
                (None, Exit::Cancelled) => TrialEnd::Stopped,
                (None, Exit::TimedOut) => TrialEnd::TimedOut,
            },
            Err(error @ (SandboxError::Exec { .. } | SandboxError::WorkingDirectory { .. })) => {
                TrialEnd::NotStarted(imagewright_model::in_one_line(&error))
            }
            Err(error) => return Err(error.into()),
        };
        let redacted = |text: String| self.outside.redacted(&text).into_owned();
        Ok(Tried { end, stdout: redacted(stdout), stderr: redacted(stderr) })
    }

    fn specification(
        &self,
        request: &TrialRequest,
        network: TrialNetwork<'_>,
        scratch: &Scratch,
    ) -> Result<SandboxSpec, EngineError> {
        let base = self.engine.store.snapshots_dir();
        let view = RootView::new(self.lower.iter().map(|layer| base.join(layer)).collect());
        let mut run = request.run.clone();
        if let Some((uid, gid, _)) = &request.user {
            run.user = Some(format!("{uid}:{gid}"));
        }
        let mut spec = specification(&self.image, &view, &run)?;
        if let Some((uid, gid, groups)) = request.user.clone() {
            spec.user = User { uid, gid, groups };
        }
        if request.confined {
            spec.privileges =
                Privileges { capabilities: Vec::new(), no_new_privileges: true, ..Privileges::default() };
        }
        let mut mounts = Vec::new();
        match network {
            TrialNetwork::Private(network) => {
                spec.network = network.network();
                mounts.push(with_own_name("127.0.0.1\tlocalhost"));
            }
            TrialNetwork::Indexes => {
                spec.network = if self.outside.offline { Network::None } else { Network::Host };
                mounts.extend(self.outside.mounts());
                mounts.extend(self.outside.python_mounts());
                let of_pip = self.outside.pip_environment().map(|(name, value)| (name.to_owned(), value));
                for (name, value) in self.outside.environment().chain(of_pip) {
                    spec.environment.retain(|(known, _)| *known != name);
                    spec.environment.push((name, value));
                }
            }
        }
        if let Some((target, volume)) = &request.volume {
            // Clusters put whoever runs into the group of the volume.
            spec.user.groups.push(volume.group);
            mounts.push(workbench::bind(&self.volume(volume)?, target, false));
        }
        mounts.extend(request.files.iter().map(|(path, contents, mode)| Mount {
            target: PathBuf::from(path),
            source: MountSource::Contents { bytes: contents.clone(), mode: *mode, owner: (0, 0) },
        }));
        spec.mounts = mounts;
        spec.root =
            Root::Overlay { base, lower: self.lower.clone(), upper: scratch.upper(), work: scratch.work() };
        self.engine.make_working_directory(&view, scratch, &spec)?;
        Ok(spec)
    }

    /// A folder as a cluster makes it: root's, and a group may write to it.
    fn volume(&self, volume: &Volume) -> Result<PathBuf, EngineError> {
        let path = self.scratch.room(&volume.name)?;
        let made = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o2000 != 0);
        if !made {
            std::os::unix::fs::chown(&path, Some(0), Some(volume.group))
                .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o2775)))
                .map_err(EngineError::io("prepare", &path))?;
        }
        Ok(path)
    }
}

fn not_started(error: &EngineError) -> Tried {
    let end = TrialEnd::NotStarted(imagewright_model::in_one_line(error));
    Tried { end, stdout: String::new(), stderr: String::new() }
}

fn told(hit: LimitHit) -> String {
    match hit {
        LimitHit::OutOfMemory { limit } => format!("it used more than {} MiB of memory", limit >> 20),
        LimitHit::TooManyProcesses { limit } => format!("it started more than {limit} processes"),
        _ => "it used more than it may".to_owned(),
    }
}

/// Reads a stream to its end and keeps the last of it.
fn tail(stream: Option<impl Read>) -> String {
    let mut kept: VecDeque<u8> = VecDeque::new();
    let mut buffer = vec![0; 16 << 10];
    let Some(mut stream) = stream else { return String::new() };
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        kept.extend(&buffer[..count]);
        let excess = kept.len().saturating_sub(KEPT_OUTPUT);
        drop(kept.drain(..excess));
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}

/// The limits that trials have where nobody says otherwise.
const MEMORY: u64 = 4 << 30;
const PROCESSES: u64 = 1024;

/// What a trial may use.
pub fn trial_limits() -> Limits {
    Limits { memory: Some(MEMORY), processes: Some(PROCESSES), cpu: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_said_is_kept() {
        assert_eq!(tail(Some(&b"few words"[..])), "few words");
        let long = "x".repeat(KEPT_OUTPUT) + "the end";
        let kept = tail(Some(long.as_bytes()));
        assert!(kept.len() == KEPT_OUTPUT && kept.ends_with("xthe end"));
        assert_eq!(tail(None::<&[u8]>), "");
    }
}
