//! The helper process: starts the first process of the sandbox and ends it when the caller goes away, wants
//! that, or the time is up.

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

use crate::protocol::{self, Attempt, CONTROL_VARIABLE, Failure, Record, Report};
use crate::{Exit, SandboxSpec, Stdio, init, sys};

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
    let report = match run(&spec, stdio, &control) {
        Ok(report) => report,
        Err(failure) => Report { result: Err(failure), stubs: Vec::new() },
    };
    protocol::send_frame(&control, &serde_json::to_vec(&report)?)
}

fn run(spec: &SandboxSpec, stdio: Stdio, control: &UnixStream) -> Result<Report, Failure> {
    let deadline = spec.time_limit.map(|limit| Instant::now() + limit);
    // Keys typed at a terminal are meant for the command, which may share our process group.
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        sys::ignore_signal(signal).attempt("ignore signals")?;
    }
    // The sandbox of an ordinary user begins with a user namespace here. Every later step then acts as that
    // namespace's root, and `init` must ask for its parent's death signal only after its last change of user.
    nix::sched::unshare(CloneFlags::CLONE_NEWPID).attempt("enter a new pid namespace")?;
    let (records, records_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).attempt("open a pipe")?;
    let (helper, helper_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).attempt("open a pipe")?;
    let first = match sys::fork().attempt("fork")? {
        ForkResult::Child => {
            drop((records, helper_in));
            init::main(spec, stdio, &File::from(records_in), &helper)
        }
        ForkResult::Parent { child } => child,
    };
    drop((records_in, helper));
    release_stdio().attempt("let go of standard output")?;
    let (bytes, stopped) = watch(first, control, File::from(records), deadline)?;
    // When the first process is reaped, the kernel has ended all others and dropped the mounts.
    let status = waitpid(first, None).attempt("wait for the first process")?;
    Ok(conclude(protocol::parse_records(&bytes), stopped, status))
}

/// Lets the command alone hold the streams, so that readers see their end when it has closed them.
pub(crate) fn release_stdio() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Collects records until their writers have ended. Tells also why it ended them itself, if it did.
fn watch(
    first: Pid,
    control: &UnixStream,
    mut records: File,
    deadline: Option<Instant>,
) -> Result<(Vec<u8>, Option<Exit>), Failure> {
    let mut bytes = Vec::new();
    let mut stopped = None;
    loop {
        let event = match stopped {
            None => next_event(&records, control, deadline).attempt("watch the sandbox")?,
            Some(_) => Event::Record,
        };
        stopped = match event {
            Event::Record => {
                let mut buffer = [0; 4096];
                match records.read(&mut buffer).attempt("read from the first process")? {
                    0 => return Ok((bytes, stopped)),
                    count => bytes.extend_from_slice(&buffer[..count]),
                }
                continue;
            }
            Event::LetGo => Some(Exit::Cancelled),
            Event::TimeUp => Some(Exit::TimedOut),
        };
        // Not reaped yet, so the number still means this process.
        nix::sys::signal::kill(first, Signal::SIGKILL).attempt("kill the first process")?;
    }
}

enum Event {
    /// There is something to read, or the end, from the first process.
    Record,
    /// The caller cancelled or is gone.
    LetGo,
    TimeUp,
}

fn next_event(records: &File, control: &UnixStream, deadline: Option<Instant>) -> nix::Result<Event> {
    loop {
        let mut sources = [
            PollFd::new(records.as_fd(), PollFlags::POLLIN),
            // After the specification the caller sends nothing: whatever comes is the end.
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        match nix::poll::poll(&mut sources, timeout(deadline)) {
            Err(Errno::EINTR) => continue,
            result => result?,
        };
        if sources[0].any() == Some(true) {
            return Ok(Event::Record);
        }
        if sources[1].any() == Some(true) {
            return Ok(Event::LetGo);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(Event::TimeUp);
        }
    }
}

/// Milliseconds until `deadline`, rounded up; what does not fit is waited for in parts.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What counts is what the command itself came to; then why it was ended; then that nobody knows.
fn conclude(records: Vec<Record>, stopped: Option<Exit>, status: WaitStatus) -> Report {
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
        .or(stopped.map(Ok))
        .unwrap_or_else(|| Err(Failure::BrokenOff { status: format!("{status:?}") }));
    Report { result, stubs }
}
