//! The caller's side: starts the helper, hands it the specification, and reads the outcome.

use std::ffi::OsString;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::protocol::{self, CONTROL_VARIABLE, Report};
use crate::{LimitHit, SandboxError, SandboxSpec, sys};

/// Says how to start the helper program, usually this same program with a hidden subcommand.
#[derive(Clone, Debug)]
pub struct Helper {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, with which it calls [`helper_main`](crate::helper_main).
    pub arguments: Vec<OsString>,
}

/// Says where the command reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// Reads nothing, writes into two pipes. The command has a session of its own, without a terminal.
    Piped,
    /// Shares the caller's streams, and its terminal if it has one.
    Inherit,
}

/// Says how a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time limit was reached.
    TimedOut,
    /// It was killed by a [`Killer`].
    Cancelled,
}

/// Tells what became of a command.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// Mount points that had to be created in the upper directory, relative to it, parents first. They are no
    /// part of what the command did.
    pub stubs: Vec<PathBuf>,
    /// The limit for which the kernel, or this crate, killed processes of it, if one was. Such a command has
    /// failed, whatever its exit says.
    pub limited: Option<LimitHit>,
    /// Limits that could not be kept as they were asked for, each a sentence for people.
    pub notes: Vec<String>,
}

/// Starts the command of `spec` in a sandbox.
///
/// What goes wrong in the making of the sandbox is known at once or by [`Running::wait`]. The sandbox does not
/// depend on the calling thread, and never outlives the calling process.
pub fn spawn(helper: &Helper, spec: &SandboxSpec, stdio: Stdio) -> Result<Running, SandboxError> {
    spec.check()?;
    let message = serde_json::to_vec(&(spec, stdio)).map_err(|source| SandboxError::Describe { source })?;
    let failed = |source| SandboxError::Helper { program: helper.program.clone(), source };
    let (control, theirs) = UnixStream::pair().map_err(failed)?;
    let mut command = Command::new(&helper.program);
    command.args(&helper.arguments).env_clear().env(CONTROL_VARIABLE, theirs.as_raw_fd().to_string());
    if stdio == Stdio::Piped {
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        // Keys typed at the caller's terminal are the caller's to interpret.
        command.process_group(0);
    }
    sys::inherit(&mut command, &theirs);
    let child = command.spawn().map_err(failed)?;
    drop(theirs);
    let mut running = Running { child, control: Arc::new(control), program: helper.program.clone() };
    match protocol::send_frame(&*running.control, &message) {
        Ok(()) => Ok(running),
        Err(_) => Err(running.broken_off()),
    }
}

/// A command in its sandbox. Dropped before its end, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    control: Arc<UnixStream>,
    program: PathBuf,
}

impl Running {
    /// Hands out the command's standard output, once and if it is piped. Somebody has to read it, or the command
    /// stops when the pipe is full.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Hands out the command's standard error, as [`take_stdout`](Self::take_stdout) does.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Returns what ends this sandbox from another thread.
    pub fn killer(&self) -> Killer {
        Killer { control: Arc::clone(&self.control) }
    }

    /// Waits for the end of the command and of everything it started. Then nothing is mounted any more.
    pub fn wait(mut self) -> Result<Outcome, SandboxError> {
        let Ok(Report { result, stubs, limited, notes }) = protocol::receive_frame(&*self.control) else {
            return Err(self.broken_off());
        };
        // The report is the helper's last word, so this is short, and its status tells nothing new.
        let _ = self.child.wait();
        Ok(Outcome { exit: result?, stubs, limited, notes })
    }

    /// Ends a helper that does not follow the protocol.
    fn broken_off(&mut self) -> SandboxError {
        self.killer().kill();
        match self.child.wait() {
            Ok(status) => SandboxError::BrokenOff {
                process: format!("the helper `{}`", self.program.display()),
                status: status.to_string(),
            },
            Err(source) => SandboxError::Helper { program: self.program.clone(), source },
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.killer().kill();
        // Already waited for, in the ordinary case. Otherwise it is over in milliseconds, and then really over.
        let _ = self.child.wait();
    }
}

/// Ends a sandbox: the command and everything it started, at once. Does nothing when it has ended already.
#[derive(Clone, Debug)]
pub struct Killer {
    control: Arc<UnixStream>,
}

impl Killer {
    /// Ends the sandbox. [`Running::wait`] then returns.
    pub fn kill(&self) {
        // Not a signal, whose number could mean another process by now: the helper sees the end of the socket.
        // That fails only when the helper is gone.
        let _ = self.control.shutdown(Shutdown::Write);
    }
}
