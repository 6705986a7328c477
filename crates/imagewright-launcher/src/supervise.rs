//! Starts the kernel, stays with it, and ends with it.

use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::choice::{Interrupt, Kernel};
use crate::connection::{Connection, Files};
use crate::kernelspec::CONNECTION_FILE;
use crate::listener::{self, Wish};
use crate::ports::Reservation;
use crate::request::{Environment, OURS, Request};
use crate::spark::START_FILE;
use crate::{LauncherError, Say, payload, reply};

/// How long a kernel that got a message to end may take before it gets SIGTERM.
const TO_END: Duration = Duration::from_secs(2);
/// How long it may take then before it is killed. Docker gives a container ten seconds.
const TO_CLOSE: Duration = Duration::from_secs(5);

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code: the kernel's, as shells give it.
    pub code: u8,
    /// Why, in a sentence.
    pub sentence: String,
}

/// What happens while a kernel runs.
enum Event {
    /// A signal for the launcher.
    Signal(i32),
    /// A gateway wants something.
    Wish(Wish),
    /// Nobody listens to gateways any more.
    Deaf(io::Error),
    /// The gateway was told, and whether the kernel listened by then; or it was not.
    Replied(Result<bool, LauncherError>),
}

/// Runs a kernel until it has ended.
pub fn run(
    request: &Request,
    kernel: &Kernel,
    environment: &Environment,
    say: Say<'_>,
) -> Result<Ended, LauncherError> {
    let mut ports = Reservation::take(request.ports)?;
    let (comm_port, comm) = ports.listen()?;
    let files = Files::create(environment)?;
    let connection = Connection::new(ports.kernel_ports(), &kernel.name);
    let (sender, events) = channel();
    // Before there is a kernel, so that its end is not missed.
    watch_signals(sender.clone())?;
    ports.offer()?;
    let process = start(request, kernel, environment, &files, &connection)?;
    say(&format!("the kernel `{}` was started as process {process}", kernel.name));
    let reply = connection.reply(&request.kernel_id, comm_port, process.as_raw());
    let told = listen(comm, sender.clone()).and_then(|()| tell_gateway(ports, reply, request, sender));
    if let Err(error) = told {
        // Nobody would look after it.
        let _ = killpg(process, Signal::SIGKILL);
        return Err(error);
    }
    Supervisor { kernel, process, say, stopping: None, passed_on: None, failure: None }.until_the_end(&events)
}

/// Starts the program in a process group of its own, so that signals reach what it starts as well.
fn start(
    request: &Request,
    kernel: &Kernel,
    environment: &Environment,
    files: &Files,
    connection: &Connection,
) -> Result<Pid, LauncherError> {
    let connection_file = files.connection(&request.kernel_id, connection)?.to_string_lossy().into_owned();
    let start_file = kernel.start_file.map(|file| files.start_file(file)).transpose()?;
    let start_file = start_file.unwrap_or_default().to_string_lossy().into_owned();
    let filled =
        |text: &String| text.replace(CONNECTION_FILE, &connection_file).replace(START_FILE, &start_file);
    let argv: Vec<String> = kernel.argv.iter().map(filled).collect();
    let (program, arguments) =
        argv.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let given = environment.0.iter().filter(|(name, _)| !OURS.iter().any(|ours| name.as_os_str() == *ours));
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(given)
        .envs(kernel.variables.iter().map(|(name, value)| (name, filled(value))))
        // Kernels end when this process does. The gateway's own is one of another machine.
        .env("JPY_PARENT_PID", std::process::id().to_string())
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| LauncherError::Start { program: program.to_owned(), source })?;
    Ok(Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX)))
}

fn spawn(what: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), LauncherError> {
    let thread = thread::Builder::new().name(what.to_owned()).spawn(work);
    thread.map(drop).map_err(|source| LauncherError::System { what: "start a thread", source })
}

fn watch_signals(events: Sender<Event>) -> Result<(), LauncherError> {
    // Not SIGHUP: a gateway that starts us by ssh has `nohup` take care of it.
    let signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2]);
    let mut signals =
        signals.map_err(|source| LauncherError::System { what: "watch for signals", source })?;
    spawn("signals", move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })
}

fn listen(comm: TcpListener, events: Sender<Event>) -> Result<(), LauncherError> {
    spawn("listener", move || {
        if let Err(error) = listener::serve(&comm, &mut |wish| events.send(Event::Wish(wish)).is_ok()) {
            // Whoever does not hear it has ended.
            let _ = events.send(Event::Deaf(error));
        }
    })
}

/// Replies once the kernel has its ports. They are kept from others until then.
fn tell_gateway(
    ports: Reservation,
    text: Vec<u8>,
    request: &Request,
    events: Sender<Event>,
) -> Result<(), LauncherError> {
    let (address, key, patience) = (request.response_address, request.public_key.clone(), request.patience);
    spawn("reply", move || {
        let listens = reply::wait_until_it_listens(ports.kernel_ports(), patience);
        drop(ports);
        let sent = payload::seal(&text, &key).and_then(|payload| reply::send(address, &payload));
        // Likewise.
        let _ = events.send(Event::Replied(sent.map(|()| listens)));
    })
}

/// How far the end of a kernel is that was asked for.
struct Stopping {
    /// What is done next, and when.
    next: Option<(Instant, Signal)>,
    /// The signals that we sent to end it.
    sent: Vec<Signal>,
}

/// A running kernel.
struct Supervisor<'a> {
    kernel: &'a Kernel,
    process: Pid,
    say: Say<'a>,
    stopping: Option<Stopping>,
    /// The last signal that was passed on.
    passed_on: Option<Signal>,
    /// Why it must end although it did nothing wrong.
    failure: Option<LauncherError>,
}

impl Supervisor<'_> {
    fn until_the_end(mut self, events: &Receiver<Event>) -> Result<Ended, LauncherError> {
        loop {
            let next = self.stopping.as_ref().and_then(|stopping| stopping.next);
            let event = match next {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((when, _)) => events.recv_timeout(when.saturating_duration_since(Instant::now())),
            };
            match event {
                Ok(Event::Signal(SIGCHLD)) => {
                    if let Some(status) = self.reap() {
                        return self.ended(status);
                    }
                }
                Ok(Event::Signal(signal)) => self.signalled(signal),
                Ok(Event::Wish(wish)) => self.wished(wish),
                Ok(Event::Deaf(error)) => {
                    (self.say)(&format!("nobody listens to the gateway any more: {error}"));
                }
                Ok(Event::Replied(sent)) => self.replied(sent),
                Err(RecvTimeoutError::Timeout) => self.press(),
                // The signals' thread never ends before us.
                Err(RecvTimeoutError::Disconnected) => {
                    let source = io::Error::other("its thread has ended");
                    return Err(LauncherError::System { what: "watch for signals", source });
                }
            }
        }
    }

    /// Takes leave of all processes that have ended: as the first process of a container we inherit those that others left. Gives
    /// the kernel's end, if it is among them.
    fn reap(&self) -> Option<WaitStatus> {
        let mut of_kernel = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return of_kernel,
                Ok(status) if status.pid() == Some(self.process) => of_kernel = Some(status),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return of_kernel,
            }
        }
    }

    /// A signal that came to the launcher: SIGINT and those without meaning are the kernel's, the others end it.
    fn signalled(&mut self, signal: i32) {
        match signal {
            SIGINT | SIGUSR1 | SIGUSR2 => self.pass_on(signal),
            _ => self.stop(Duration::ZERO),
        }
    }

    fn wished(&mut self, wish: Wish) {
        if let Some(signal) = wish.signal {
            self.pass_on(signal);
        }
        if wish.shutdown {
            // A gateway has sent the kernel a message before.
            self.stop(TO_END);
        }
    }

    fn replied(&mut self, sent: Result<bool, LauncherError>) {
        match sent {
            Ok(true) => (self.say)("the kernel listens, and the gateway was told"),
            Ok(false) => (self.say)("the gateway was told, but the kernel does not listen yet"),
            Err(failure) => {
                self.failure = Some(failure);
                self.stop(Duration::ZERO);
            }
        }
    }

    fn pass_on(&mut self, signal: i32) {
        if let Some(signal) = for_kernel(self.kernel.interrupt, signal) {
            self.passed_on = Some(signal);
            self.send(signal);
        }
    }

    fn send(&self, signal: Signal) {
        // It may have ended, which is told by another signal.
        let _ = killpg(self.process, signal);
    }

    /// Begins to end the kernel, which may first do so by itself. Who asks again does not make it longer.
    fn stop(&mut self, by_itself: Duration) {
        let when = Instant::now() + by_itself;
        let stopping =
            self.stopping.get_or_insert(Stopping { next: Some((when, Signal::SIGTERM)), sent: Vec::new() });
        if let Some((next, Signal::SIGTERM)) = &mut stopping.next {
            *next = when.min(*next);
        }
    }

    /// Sends the signal that is due, and says what follows.
    fn press(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        let Some((_, signal)) = stopping.next else { return };
        stopping.next = (signal == Signal::SIGTERM).then(|| (Instant::now() + TO_CLOSE, Signal::SIGKILL));
        stopping.sent.push(signal);
        self.send(signal);
    }

    fn ended(self, status: WaitStatus) -> Result<Ended, LauncherError> {
        // What the kernel started and left behind.
        self.send(Signal::SIGKILL);
        let name = &self.kernel.name;
        let asked = self.stopping.is_some();
        let by_us = |signal| self.stopping.as_ref().is_some_and(|stopping| stopping.sent.contains(&signal));
        let sent = |signal| by_us(signal) || self.passed_on == Some(signal);
        let (code, sentence) = match as_signaled(status, sent) {
            WaitStatus::Exited(_, code) if asked => {
                (code, format!("the kernel `{name}` was asked to end, and did with exit code {code}"))
            }
            WaitStatus::Exited(_, code) => {
                (code, format!("the kernel `{name}` ended by itself, with exit code {code}"))
            }
            WaitStatus::Signaled(_, signal, _) if by_us(signal) => {
                (0, format!("the kernel `{name}` was asked to end, and was ended by {signal}"))
            }
            WaitStatus::Signaled(_, signal, _) if self.passed_on == Some(signal) => (
                128 + signal as i32,
                format!("the kernel `{name}` was ended by {signal}, which was sent to it"),
            ),
            WaitStatus::Signaled(_, Signal::SIGKILL, _) => {
                (137, format!("the kernel `{name}` was killed: by somebody, or for lack of memory"))
            }
            WaitStatus::Signaled(_, signal, _) => {
                (128 + signal as i32, format!("the kernel `{name}` was ended by {signal}"))
            }
            other => (1, format!("the kernel `{name}` ended in an unknown way: {other:?}")),
        };
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Ended { code: u8::try_from(code).unwrap_or(u8::MAX), sentence }),
        }
    }
}

/// A Java machine, or a shell around a kernel, says by its exit code that a signal ended it.
fn as_signaled(status: WaitStatus, sent: impl Fn(Signal) -> bool) -> WaitStatus {
    match status {
        WaitStatus::Exited(process, code) => match Signal::try_from(code - 128) {
            Ok(signal) if sent(signal) => WaitStatus::Signaled(process, signal, false),
            _ => status,
        },
        _ => status,
    }
}

/// What becomes of a signal for this kind of kernel.
fn for_kernel(interrupt: Interrupt, signal: i32) -> Option<Signal> {
    let signal = Signal::try_from(signal).ok()?;
    match (interrupt, signal) {
        // It gets a message from the gateway; the signal would end it.
        (Interrupt::Message, Signal::SIGINT) => None,
        // The second is what gateways send where they are told of another signal. It is one of the machine's own, which crashes by it.
        (Interrupt::Alternate(known), Signal::SIGINT | Signal::SIGUSR2) => Some(known),
        // A Java machine that is killed leaves its cluster's work behind.
        (Interrupt::Alternate(_), Signal::SIGKILL) => Some(Signal::SIGTERM),
        (_, signal) => Some(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_a_signal_where_that_was_sent() {
        let kernel = Pid::from_raw(77);
        let ended = |code| as_signaled(WaitStatus::Exited(kernel, code), |signal| signal == Signal::SIGTERM);
        assert_eq!(ended(143), WaitStatus::Signaled(kernel, Signal::SIGTERM, false));
        for code in [0, 15, 128, 137, 255] {
            assert_eq!(ended(code), WaitStatus::Exited(kernel, code));
        }
    }

    #[test]
    fn signals_become_what_the_kernel_understands() {
        use Interrupt::Message;
        let alternate = Interrupt::Alternate(Signal::SIGURG);
        for (interrupt, signal, expected) in [
            (Interrupt::Signal, 2, Some(Signal::SIGINT)),
            (Interrupt::Signal, 12, Some(Signal::SIGUSR2)),
            (Interrupt::Signal, 9, Some(Signal::SIGKILL)),
            (Message, 2, None),
            (Message, 15, Some(Signal::SIGTERM)),
            (alternate, 2, Some(Signal::SIGURG)),
            (alternate, 9, Some(Signal::SIGTERM)),
            (alternate, 12, Some(Signal::SIGURG)),
            (alternate, 15, Some(Signal::SIGTERM)),
            (Interrupt::Signal, 0, None),
            (Interrupt::Signal, 99, None),
        ] {
            assert_eq!(for_kernel(interrupt, signal), expected, "{interrupt:?} {signal}");
        }
    }
}
