//! Runs the program again inside a new user namespace.
//!
//! This process stays outside: it has the ids assigned, passes signals on and waits. The one inside dies with
//! it, whatever ends it.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, getgid, getppid, getuid, setresgid, setresuid};
use serde::{Deserialize, Serialize};

use super::obstacles::{self, Means, NEWGIDMAP, NEWUIDMAP};
use super::subordinate::Range;
use super::{Standing, UserNamespaceError, standing};
use crate::{protocol, sys};

/// In the environment of the program inside.
const MARK: &str = "IMAGEWRIGHT_USER_NAMESPACE";

/// What is passed on to the program inside.
const PASSED_ON: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Runs `program` with `arguments` inside a new user namespace, in which this process's user is root and the
/// subordinate ids are 1 and up; waits for its end and returns its exit code, or 128 and the number of the
/// signal that ended it.
///
/// It has this process's streams, environment and working directory, gets its signals, and never outlives it.
/// To be called first thing, while this process has a single thread.
pub fn run_inside(program: &Path, arguments: &[OsString]) -> Result<ExitCode, UserNamespaceError> {
    if std::env::var_os(MARK).is_some() && standing() == Standing::Ordinary {
        // Trying once more would change nothing, again and again.
        return Err(UserNamespaceError::Useless);
    }
    let means = obstacles::means()?;
    let (socket, theirs) = UnixStream::pair().map_err(refused("open a socket"))?;
    let signals = HeldSignals::hold().map_err(refused("hold signals"))?;
    let parent = Pid::this();
    match sys::fork().map_err(refused("fork"))? {
        ForkResult::Child => {
            drop(socket);
            inside(program, arguments, &theirs, parent, &signals)
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            let started = start(child, &means, &socket);
            // A child that still waits for its ids ends now.
            drop(socket);
            let code = wait(child, &signals).map_err(refused("wait for the program"))?;
            started.map(|()| ExitCode::from(code))
        }
    }
}

fn refused<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> UserNamespaceError {
    move |error| UserNamespaceError::Refused { action: action.to_owned(), source: error.into() }
}

/// Has ids assigned to the child when it is in its namespace, and sees it become the program.
fn start(child: Pid, means: &Means, socket: &UnixStream) -> Result<(), UserNamespaceError> {
    let lost = "follow the program into its user namespace";
    let entered: Result<(), Refusal> = protocol::receive_frame(socket).map_err(refused(lost))?;
    entered.map_err(Refusal::explain)?;
    assign(NEWUIDMAP, &means.newuidmap, child, getuid().as_raw(), means.ids.users)?;
    assign(NEWGIDMAP, &means.newgidmap, child, getgid().as_raw(), means.ids.groups)?;
    protocol::send_frame(socket, b"null").map_err(refused(lost))?;
    match protocol::receive_frame::<Result<(), Refusal>>(socket) {
        // The child's end closes when it becomes the program.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(refused(lost)(error)),
        Ok(result) => result.map_err(Refusal::explain),
    }
}

/// Lets `own` be root in the child's namespace and `others` 1 and up.
fn assign(
    name: &'static str,
    program: &Path,
    child: Pid,
    own: u32,
    others: Range,
) -> Result<(), UserNamespaceError> {
    let numbers = [child.as_raw().unsigned_abs(), 0, own, 1, 1, others.first, others.count];
    let output = Command::new(program).args(numbers.map(|number| number.to_string())).output();
    let output =
        output.map_err(|source| UserNamespaceError::Refused { action: format!("run `{name}`"), source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let message = if message.is_empty() { output.status.to_string() } else { message };
    Err(UserNamespaceError::Assign { program: name, message })
}

/// Waits for the end of the child and passes signals on to it.
fn wait(child: Pid, signals: &HeldSignals) -> nix::Result<u8> {
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, code) => return Ok(code as u8),
            WaitStatus::Signaled(_, signal, _) => return Ok(128 + signal as u8),
            _ => {}
        }
        let Some(signal) = signals.next()?.as_ref().and_then(to_pass_on) else { continue };
        // It can only have ended, which the next round finds.
        let _ = kill(child, signal);
    }
}

/// What processes sent. What the kernel sends, for a key or a lost terminal, the program inside gets itself.
fn to_pass_on(info: &siginfo) -> Option<Signal> {
    let signal = PASSED_ON.into_iter().find(|signal| *signal as u32 == info.ssi_signo)?;
    (info.ssi_code <= 0).then_some(signal)
}

/// Signals that wait until they are asked for, as long as this lives.
struct HeldSignals {
    before: SigSet,
    queue: SignalFd,
}

impl HeldSignals {
    fn hold() -> nix::Result<Self> {
        let mut held: SigSet = PASSED_ON.into_iter().collect();
        held.add(Signal::SIGCHLD);
        let queue = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { before: held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?, queue })
    }

    /// Waits for the next one.
    fn next(&self) -> nix::Result<Option<siginfo>> {
        match self.queue.read_signal() {
            Err(Errno::EINTR) => Ok(None),
            result => result,
        }
    }

    fn release(&self) -> nix::Result<()> {
        self.before.thread_set_mask()
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // Fails only for a mask that cannot be one.
        let _ = self.release();
    }
}

/// Why the child could not become the program.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    action: String,
    errno: i32,
}

impl Refusal {
    fn of<E: Into<io::Error>>(action: &str) -> impl FnOnce(E) -> Self {
        move |error| Self { action: action.to_owned(), errno: protocol::errno_of(error) }
    }

    fn explain(self) -> UserNamespaceError {
        let source = io::Error::from_raw_os_error(self.errno);
        let by_setting = match source.kind() {
            io::ErrorKind::PermissionDenied => obstacles::app_armor().err(),
            _ => None,
        };
        by_setting.unwrap_or(UserNamespaceError::Refused { action: self.action, source })
    }
}

/// Is the child. Returns never: it becomes the program or says why not.
fn inside(
    program: &Path,
    arguments: &[OsString],
    socket: &UnixStream,
    parent: Pid,
    signals: &HeldSignals,
) -> ! {
    let Err(refusal) = become_program(program, arguments, socket, parent, signals);
    if let Ok(message) = serde_json::to_vec(&Err::<(), _>(refusal)) {
        // When nobody listens any more there is nobody to tell.
        let _ = protocol::send_frame(socket, &message);
    }
    std::process::exit(127)
}

fn become_program(
    program: &Path,
    arguments: &[OsString],
    socket: &UnixStream,
    parent: Pid,
    signals: &HeldSignals,
) -> Result<Infallible, Refusal> {
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(Refusal::of("enter a user namespace"))?;
    let waiting = Refusal::of("wait for the user's ids");
    protocol::send_frame(socket, br#"{"Ok":null}"#)
        .and_then(|()| protocol::receive_frame::<()>(socket))
        .map_err(waiting)?;
    become_root().map_err(Refusal::of("become root of the user namespace"))?;
    die_with(parent).map_err(Refusal::of("ask for the death signal"))?;
    signals.release().map_err(Refusal::of("release signals"))?;
    let error = Command::new(program).args(arguments).env(MARK, "1").exec();
    Err(Refusal::of(&format!("start `{}` again", program.display()))(error))
}

/// Keeps the supplementary groups: they have no ids here, but still give access to the user's files.
fn become_root() -> nix::Result<()> {
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group)?;
    setresuid(user, user, user)
}

/// Has the kernel kill this process when `parent` ends. A change of user would undo it.
fn die_with(parent: Pid) -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH) }
}
