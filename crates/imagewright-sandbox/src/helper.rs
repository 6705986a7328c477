//! The helper process: starts the first process of the sandbox and ends it when the caller goes away, wants
//! that, the time is up, or it uses too much and nobody else sees to that.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::limits::{Bounds, Enforcement};
use crate::protocol::{self, Attempt, CONTROL_VARIABLE, Failure, Record, Report};
use crate::{Exit, LimitHit, SandboxSpec, Stdio, init, sys};

/// How often the helper looks at what nobody else looks after.
const INTERVAL: Duration = Duration::from_millis(50);

/// Is the helper program: what the command of a [`Helper`](crate::Helper) has to call.
///
/// To be called before anything else, while the process has one thread and no open files of its own. It says
/// nothing on standard output and standard error, which belong to the command.
pub fn helper_main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Only a broken control socket leads here, so there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    let number = std::env::var(CONTROL_VARIABLE).map_err(io::Error::other)?;
    let control = sys::adopt_only(number.parse().map_err(io::Error::other)?)?;
    let (spec, stdio): (SandboxSpec, Stdio) = protocol::receive_frame(&control)?;
    let limits = Enforcement::prepare(&spec.limits);
    let mut report = run(&spec, stdio, &control, &limits).unwrap_or_else(Report::failed);
    report.notes = limits.finish();
    protocol::send_frame(&control, &serde_json::to_vec(&report)?)
}

fn run(
    spec: &SandboxSpec,
    stdio: Stdio,
    control: &UnixStream,
    limits: &Enforcement,
) -> Result<Report, Failure> {
    let deadline = spec.time_limit.map(|limit| Instant::now() + limit);
    // Keys typed at a terminal are meant for the command, which may share our process group.
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        sys::ignore_signal(signal).attempt("ignore signals")?;
    }
    nix::sched::unshare(CloneFlags::CLONE_NEWPID).attempt("enter a new pid namespace")?;
    let (records, records_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).attempt("open a pipe")?;
    let (helper, helper_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).attempt("open a pipe")?;
    let first = match sys::fork().attempt("fork")? {
        ForkResult::Child => {
            drop((records, helper_in));
            init::main(spec, stdio, limits, &File::from(records_in), &helper)
        }
        ForkResult::Parent { child } => child,
    };
    drop((records_in, helper));
    release_stdio().attempt("let go of standard output")?;
    let watch = Watch { first, control, deadline, bounds: limits.watched() };
    let (bytes, stopped) = watch.until_end(File::from(records))?;
    // When the first process is reaped, the kernel has ended all others and dropped the mounts.
    let status = waitpid(first, None).attempt("wait for the first process")?;
    let report = conclude(protocol::parse_records(&bytes), stopped, status);
    Ok(Report { limited: report.limited.or_else(|| limits.hit()), ..report })
}

/// Lets the command alone hold the streams, so that readers see their end when it has closed them.
pub(crate) fn release_stdio() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Why the helper ended the sandbox.
#[derive(Clone, Copy)]
enum Stop {
    /// The caller cancelled or is gone.
    LetGo,
    TimeUp,
    Limited(LimitHit),
}

impl Stop {
    /// How the command ended thereby.
    fn exit(self) -> Exit {
        match self {
            Self::LetGo => Exit::Cancelled,
            Self::TimeUp => Exit::TimedOut,
            Self::Limited(_) => Exit::Signal(Signal::SIGKILL as i32),
        }
    }

    fn limit(self) -> Option<LimitHit> {
        match self {
            Self::Limited(limit) => Some(limit),
            Self::LetGo | Self::TimeUp => None,
        }
    }
}

/// What the helper watches while the sandbox runs.
struct Watch<'a> {
    first: Pid,
    control: &'a UnixStream,
    deadline: Option<Instant>,
    bounds: &'a Bounds,
}

impl Watch<'_> {
    /// Collects records until their writers have ended. Tells also why it ended them itself, if it did.
    fn until_end(&self, mut records: File) -> Result<(Vec<u8>, Option<Stop>), Failure> {
        let mut bytes = Vec::new();
        let mut stopped = None;
        loop {
            if stopped.is_none() {
                stopped = self.until_record(&records).attempt("watch the sandbox")?;
                if stopped.is_some() {
                    // Not reaped yet, so the number still means this process.
                    nix::sys::signal::kill(self.first, Signal::SIGKILL).attempt("kill the first process")?;
                }
            }
            let mut buffer = [0; 4096];
            match records.read(&mut buffer).attempt("read from the first process")? {
                0 => return Ok((bytes, stopped)),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Waits until there is something to read, or the end, from the first process, or a reason to end it.
    fn until_record(&self, records: &File) -> nix::Result<Option<Stop>> {
        let mut interval = INTERVAL;
        loop {
            let mut sources = [
                PollFd::new(records.as_fd(), PollFlags::POLLIN),
                // After the specification the caller sends nothing: whatever comes is the end.
                PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            ];
            match nix::poll::poll(&mut sources, self.timeout(interval)) {
                Err(Errno::EINTR) => continue,
                result => result?,
            };
            if sources[0].any() == Some(true) {
                return Ok(None);
            }
            if sources[1].any() == Some(true) {
                return Ok(Some(Stop::LetGo));
            }
            let look = Instant::now();
            if self.deadline.is_some_and(|deadline| deadline <= look) {
                return Ok(Some(Stop::TimeUp));
            }
            if let Some(limit) = self.bounds.exceeded_below(self.first) {
                return Ok(Some(Stop::Limited(limit)));
            }
            // Much memory takes long to look at: that must not become the main work.
            interval = INTERVAL.max(look.elapsed() * 10);
        }
    }

    /// How long nothing can happen that no file tells.
    fn timeout(&self, interval: Duration) -> PollTimeout {
        let next_look = (!self.bounds.are_none()).then(|| Instant::now() + interval);
        timeout(self.deadline.into_iter().chain(next_look).min())
    }
}

/// Milliseconds until `deadline`, rounded up; what does not fit is waited for in parts.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What counts is what the command itself came to; then why it was ended; then that nobody knows.
fn conclude(records: Vec<Record>, stopped: Option<Stop>, status: WaitStatus) -> Report {
    let mut stubs = Vec::new();
    let mut result = None;
    for record in records {
        match record {
            Record::Stub(path) => stubs.push(path),
            // A command that failed to start also ends: the first word counts.
            Record::Failed(failure) => result = result.or(Some(Err(failure))),
            Record::Ended(exit) => result = result.or(Some(Ok(exit))),
        }
    }
    let result = result
        .or(stopped.map(|stop| Ok(stop.exit())))
        .unwrap_or_else(|| Err(Failure::BrokenOff { status: format!("{status:?}") }));
    Report { result, stubs, limited: stopped.and_then(Stop::limit), notes: Vec::new() }
}
