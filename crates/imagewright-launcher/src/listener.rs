//! Listens for what a gateway wants of a running kernel: signals, and the end.
//!
//! The protocol knows no authentication, and whoever reaches the port may talk. So nothing that a peer does may cost more than a
//! few kilobytes and seconds, or keep another from being heard: one thread serves all peers, none of them is waited for, and when there are too
//! many, the one that has been silent for longest goes.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;

/// The largest message; a gateway's have 20 bytes.
const LARGEST: usize = 4096;
/// How long a peer may take; a gateway has said all when it is connected.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many peers are listened to at once.
const MOST: usize = 64;
/// How often time is looked at, in milliseconds.
const TICK: u16 = 250;

/// What a peer asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// A signal for the kernel. Zero asks whether somebody listens, which the connection has answered.
    pub signal: Option<i32>,
    /// Whether to stop.
    pub shutdown: bool,
}

impl Wish {
    /// Reads a message. What is no such message is no wish.
    pub fn parse(message: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Flag {
            Truth(bool),
            Number(i64),
        }
        #[derive(Deserialize)]
        struct Message {
            #[serde(default)]
            signum: Option<i32>,
            #[serde(default)]
            shutdown: Option<Flag>,
        }
        let message: Message = serde_json::from_slice(message).ok()?;
        let shutdown = matches!(message.shutdown, Some(Flag::Truth(true)))
            || matches!(message.shutdown, Some(Flag::Number(number)) if number != 0);
        let signal = message.signum.filter(|signal| (1..=31).contains(signal));
        (signal.is_some() || shutdown).then_some(Self { signal, shutdown })
    }
}

/// One connection.
struct Peer {
    stream: TcpStream,
    heard: Vec<u8>,
    /// When it must have said all.
    end: Instant,
}

/// What came of listening to a peer.
enum Heard {
    /// There may be more to come.
    Part,
    /// It is of no use any more.
    Nothing,
    /// It has said all.
    Message(Vec<u8>),
}

impl Peer {
    /// Reads what is there. Called when the peer has something to say, so that nobody else waits for it.
    fn listen(&mut self) -> Heard {
        let mut buffer = [0; LARGEST];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Heard::Message(std::mem::take(&mut self.heard)),
                Ok(size) => self.heard.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::Part,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Nothing,
            }
            if self.heard.len() > LARGEST {
                return Heard::Nothing;
            }
        }
    }
}

/// Listens until somebody asks for the end, or `tell` says that nobody is interested any more.
pub fn serve(listener: &TcpListener, tell: &mut dyn FnMut(Wish) -> bool) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut peers: VecDeque<Peer> = VecDeque::new();
    loop {
        let ready = wait(listener, &peers)?;
        if ready.first() == Some(&true) {
            accept(listener, &mut peers);
        }
        let now = Instant::now();
        // Those that were just accepted are listened to as well: most have said all already.
        let mut remaining = VecDeque::new();
        for (index, mut peer) in std::mem::take(&mut peers).into_iter().enumerate() {
            let heard =
                if ready.get(index + 1).copied().unwrap_or(true) { peer.listen() } else { Heard::Part };
            match heard {
                Heard::Part if now < peer.end => remaining.push_back(peer),
                Heard::Part | Heard::Nothing => {}
                Heard::Message(message) => {
                    if let Some(wish) = Wish::parse(&message)
                        && (!tell(wish) || wish.shutdown)
                    {
                        return Ok(());
                    }
                }
            }
        }
        peers = remaining;
    }
}

/// Waits until somebody comes or says something: first whether somebody came, then each of the peers.
fn wait(listener: &TcpListener, peers: &VecDeque<Peer>) -> std::io::Result<Vec<bool>> {
    let streams = peers.iter().map(|peer| peer.stream.as_fd());
    let mut watched: Vec<PollFd<'_>> = std::iter::once(listener.as_fd())
        .chain(streams)
        .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
        .collect();
    match poll(&mut watched, PollTimeout::from(TICK)) {
        Ok(_) => Ok(watched.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
        Err(nix::errno::Errno::EINTR) => Ok(vec![false; watched.len()]),
        Err(error) => Err(error.into()),
    }
}

/// Takes in who waits at the door. Where there is no room, the oldest leave.
fn accept(listener: &TcpListener, peers: &mut VecDeque<Peer>) {
    let mut left = 0;
    for _ in 0..MOST {
        match listener.accept() {
            Ok((stream, _)) => {
                if stream.set_nonblocking(true).is_err() {
                    continue;
                }
                peers.push_back(Peer { stream, heard: Vec::new(), end: Instant::now() + PATIENCE });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            // Out of descriptors: let some go, and do not spin.
            Err(_) => {
                left = peers.len() / 2 + 1;
                thread::sleep(Duration::from_millis(20));
                break;
            }
        }
    }
    // Answers below go by position, so those that leave do so at the end of this round.
    let too_many = peers.len().saturating_sub(MOST).max(left).min(peers.len());
    for peer in peers.iter_mut().take(too_many) {
        peer.end = Instant::now();
    }
}

#[cfg(test)]
mod tests;
