//! The channels of one kernel: cells go in, and what they print comes out.

use std::io;
use std::time::{Duration, Instant};

use imagewright_model::Stop;
use imagewright_registry::WebStream;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::error::GatewayError;
use crate::gateway::{Gateway, short};
use crate::identity::KernelId;
use crate::message::{Incoming, Sender};

/// Bytes of the largest message that is taken.
const LARGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// Bytes of what a cell prints that are kept.
const LONGEST_OUTPUT: usize = 64 * 1024;
/// How long after a kernel's reply its last output may come.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// How long a kernel's answer to a greeting is waited for before it is greeted again, and how long for its state after that.
const GREETING: Duration = Duration::from_secs(2);
const AFTER_GREETING: Duration = Duration::from_millis(300);

/// A connection to a kernel.
pub struct Channel {
    socket: WebSocket<WebStream>,
    sender: Sender,
}

/// How far a cell is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Since when the kernel is at it.
    pub busy_since: Option<Instant>,
    /// What it has printed so far.
    pub output: String,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// `ok`, `error` or `aborted`, as the kernel says it.
    pub status: String,
    /// What kind of error it was, and what it says.
    pub error: Option<String>,
    /// What it printed.
    pub output: String,
}

/// What a request has yet to bring.
struct Pending {
    id: String,
    /// The kind of its reply.
    awaits: &'static str,
    /// How much longer than for the reply all else is waited for.
    afterwards: Duration,
    progress: Progress,
    reply: Option<(String, Option<String>)>,
    is_idle: bool,
    /// When no more is waited for: output is on another way than the reply, and may be lost on it.
    until: Instant,
}

impl Channel {
    /// Connects to a kernel, and waits until it is heard in every way that cells need.
    pub fn open(
        gateway: &Gateway,
        kernel: &KernelId,
        user: &str,
        limit: Duration,
        stop: &Stop,
    ) -> Result<Self, GatewayError> {
        let session = KernelId::random().to_string();
        let (stream, request) = gateway.open(kernel, &session, limit)?;
        let mut configuration = WebSocketConfig::default();
        configuration.max_message_size = Some(LARGEST_MESSAGE);
        configuration.max_frame_size = Some(LARGEST_MESSAGE);
        let mut greeting = tungstenite::client::client_with_config(request, stream, Some(configuration));
        let socket = loop {
            match greeting {
                Ok((socket, _)) => break socket,
                Err(HandshakeError::Interrupted(half)) if !stop.is_asked() => greeting = half.handshake(),
                Err(HandshakeError::Interrupted(_)) => return Err(GatewayError::Cancelled),
                Err(HandshakeError::Failure(error)) => return Err(refused(&error, limit)),
            }
        };
        let sender = Sender { session, user: user.to_owned() };
        let mut channel = Self { socket, sender };
        channel.greet(limit, stop)?;
        Ok(channel)
    }

    /// Greets the kernel until both its reply and its state come. What a kernel prints is published, and whoever subscribes a moment
    /// later misses it: so do gateways, which subscribe once somebody connects.
    fn greet(&mut self, limit: Duration, stop: &Stop) -> Result<(), GatewayError> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(GatewayError::KernelSilent { seconds: limit.as_secs() });
            }
            let id = new_id();
            let text = self.sender.greet(&id);
            self.socket.get_mut().set_limit(until);
            self.send(text, limit, stop)?;
            let soon = Instant::now() + left.min(GREETING);
            let mut pending = Pending::new(id, "kernel_info_reply", soon, AFTER_GREETING);
            while !pending.is_heard() && Instant::now() < pending.until {
                self.hear(&mut pending, limit, stop)?;
            }
            if pending.is_heard() {
                return Ok(());
            }
        }
    }

    /// Has the kernel execute code, and looks up meanwhile.
    pub fn execute(
        &mut self,
        code: &str,
        limit: Duration,
        stop: &Stop,
        mut look: impl FnMut(&Progress) -> Result<(), GatewayError>,
    ) -> Result<Execution, GatewayError> {
        let until = Instant::now() + limit;
        let id = new_id();
        let text = self.sender.execute(&id, code);
        self.socket.get_mut().set_limit(until);
        self.send(text, limit, stop)?;
        let mut pending = Pending::new(id, "execute_reply", until, AFTERWARDS);
        while !pending.is_done() {
            if Instant::now() >= pending.until {
                return Err(GatewayError::KernelSilent { seconds: limit.as_secs() });
            }
            self.hear(&mut pending, limit, stop)?;
            look(&pending.progress)?;
        }
        Ok(pending.execution())
    }

    /// Takes a message, or waits a moment for one.
    fn hear(&mut self, pending: &mut Pending, limit: Duration, stop: &Stop) -> Result<(), GatewayError> {
        if stop.is_asked() {
            return Err(GatewayError::Cancelled);
        }
        match self.socket.read() {
            Ok(message) => pending.take(&message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(broken(error, limit)),
        }
    }

    fn send(&mut self, text: String, limit: Duration, stop: &Stop) -> Result<(), GatewayError> {
        let mut sent = self.socket.send(Message::text(text));
        while let Err(error) = sent {
            match error {
                Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock && !stop.is_asked() => {}
                error => return Err(broken(error, limit)),
            }
            sent = self.socket.flush();
        }
        Ok(())
    }
}

impl Pending {
    fn new(id: String, awaits: &'static str, until: Instant, afterwards: Duration) -> Self {
        Self { id, awaits, afterwards, progress: Progress::default(), reply: None, is_idle: false, until }
    }

    fn take(&mut self, message: &Message) -> Result<(), GatewayError> {
        let Message::Text(text) = message else {
            // Pings are answered by the library; messages with buffers are none of ours.
            return match message {
                Message::Close(_) => Err(GatewayError::ChannelBroke("the gateway closed it".to_owned())),
                _ => Ok(()),
            };
        };
        let message = Incoming::parse(text.as_str()).map_err(|error| {
            GatewayError::ChannelBroke(format!("what came is no message of a kernel: {error}"))
        })?;
        if matches!(message.state(), Some("dead" | "restarting" | "autorestarting")) {
            return Err(GatewayError::KernelDied);
        }
        if !message.answers(&self.id) {
            return Ok(());
        }
        match message.state() {
            Some("busy") => {
                self.progress.busy_since.get_or_insert_with(Instant::now);
            }
            Some("idle") => self.is_idle = true,
            _ => {}
        }
        if let Some(text) = message.shown() {
            let room = LONGEST_OUTPUT.saturating_sub(self.progress.output.len());
            let end = text.floor_char_boundary(room);
            self.progress.output.push_str(&text[..end]);
        }
        if message.kind() == self.awaits {
            let status = short(message.text("status").unwrap_or("ok"));
            let error = message.text("ename").map(|name| {
                let value = message.text("evalue").unwrap_or_default();
                short(&format!("{name}: {value}")).trim_end_matches([':', ' ']).to_owned()
            });
            self.reply = Some((status, error));
            self.until = self.until.min(Instant::now() + self.afterwards);
        }
        Ok(())
    }

    /// Whether all came that there is to come.
    fn is_heard(&self) -> bool {
        self.reply.is_some() && self.is_idle
    }

    fn is_done(&self) -> bool {
        self.reply.is_some() && (self.is_idle || Instant::now() >= self.until)
    }

    fn execution(self) -> Execution {
        let (status, error) = self.reply.unwrap_or_default();
        Execution { status, error, output: self.progress.output }
    }
}

/// An identity for a request. Gateways ask kernels in our session, too, and count their requests: those of ours must be unlike them.
fn new_id() -> String {
    KernelId::random().to_string()
}

/// Why there is no WebSocket.
fn refused(error: &Error, limit: Duration) -> GatewayError {
    match error {
        Error::Http(answer) => GatewayError::NoChannel { status: answer.status().as_u16() },
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            GatewayError::KernelSilent { seconds: limit.as_secs() }
        }
        error => GatewayError::ChannelBroke(short(&error.to_string())),
    }
}

fn broken(error: Error, limit: Duration) -> GatewayError {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            GatewayError::KernelSilent { seconds: limit.as_secs() }
        }
        Error::ConnectionClosed | Error::AlreadyClosed => {
            GatewayError::ChannelBroke("the gateway closed it".to_owned())
        }
        error => GatewayError::ChannelBroke(short(&error.to_string())),
    }
}
