//! Peers that mean no good, over real sockets.

use super::*;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;

#[test]
fn messages_are_wishes_or_nothing() {
    let wish = |signal, shutdown| Some(Wish { signal, shutdown });
    for (message, expected) in [
        (r#"{"signum": 2}"#, wish(Some(2), false)),
        (r#"{"signum": 9, "other": [1]}"#, wish(Some(9), false)),
        (r#"{"shutdown": 1}"#, wish(None, true)),
        (r#"{"shutdown": true, "signum": 15}"#, wish(Some(15), true)),
        ("{\"shutdown\": 1}\n", wish(None, true)),
        (r#"{"signum": 0}"#, None),
        (r#"{"signum": -1}"#, None),
        (r#"{"signum": 32}"#, None),
        (r#"{"signum": "2"}"#, None),
        (r#"{"signum": 2.5}"#, None),
        (r#"{"signum": 99999999999999999999}"#, None),
        (r#"{"shutdown": 0}"#, None),
        (r#"{"shutdown": null}"#, None),
        (r#"{"signum": 2}{"signum": 2}"#, None),
        ("", None),
        ("null", None),
        ("[]", None),
        (r#"{"signum": 2"#, None),
    ] {
        assert_eq!(Wish::parse(message.as_bytes()), expected, "{message}");
    }
    assert_eq!(Wish::parse(&[b'['; LARGEST]), None);
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200), signal: i64) {
        let _ = Wish::parse(&bytes);
        let wish = Wish::parse(format!("{{\"signum\": {signal}}}").as_bytes());
        prop_assert_eq!(wish.is_some(), (1..=31).contains(&signal));
    }
}

/// A listener on a thread of its own, and what it hears.
struct Listening {
    address: SocketAddr,
    wishes: Receiver<Wish>,
    thread: thread::JoinHandle<std::io::Result<()>>,
}

fn listening() -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, wishes) = channel();
    let thread = thread::spawn(move || serve(&listener, &mut |wish| sender.send(wish).is_ok()));
    Listening { address, wishes, thread }
}

impl Listening {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// As a gateway does it, in one go.
    fn say(&self, message: &[u8]) {
        self.connect().write_all(message).unwrap();
    }

    fn next(&self) -> Option<Wish> {
        self.wishes.recv_timeout(Duration::from_secs(2)).ok()
    }

    /// Proves that a gateway is still heard, at once.
    fn still_hears(&self) {
        let begun = Instant::now();
        self.say(br#"{"signum": 2}"#);
        assert_eq!(self.next(), Some(Wish { signal: Some(2), shutdown: false }));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn silent_slow_and_half_open_peers_keep_nobody_out() {
    let listening = listening();
    let mut slow = listening.connect();
    slow.write_all(b"{\"signum\"").unwrap();
    let silent: Vec<TcpStream> = (0..10).map(|_| listening.connect()).collect();
    listening.still_hears();
    // Who says all of it in time is heard as well.
    slow.write_all(b": 15}").unwrap();
    slow.shutdown(Shutdown::Write).unwrap();
    assert_eq!(listening.next().and_then(|wish| wish.signal), Some(15));
    drop(silent);
    listening.still_hears();
}

#[test]
fn more_peers_than_there_is_room_for_keep_nobody_out() {
    let listening = listening();
    let mut crowd = Vec::new();
    for _ in 0..5 {
        crowd.extend((0..MOST).map(|_| listening.connect()));
        listening.still_hears();
    }
    // The first had to leave.
    let mut first = crowd.swap_remove(0);
    first.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let gone = match first.read(&mut [0]) {
        Ok(size) => size == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    assert!(gone, "it is still listened to");
}

#[test]
fn a_silent_peer_is_let_go_in_the_end() {
    let listening = listening();
    let mut silent = listening.connect();
    silent.set_read_timeout(Some(PATIENCE * 2)).unwrap();
    let begun = Instant::now();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    assert!(begun.elapsed() >= PATIENCE - Duration::from_millis(100), "{:?}", begun.elapsed());
    listening.still_hears();
}

#[test]
fn huge_and_malformed_messages_change_nothing() {
    let listening = listening();
    for message in
        [&b""[..], b"\0\xff", b"{", b"[[[[[[", b"{\"signum\": 2} and more", b"GET / HTTP/1.1\r\n\r\n"]
    {
        listening.say(message);
    }
    // A wish in front of, or behind, too much is none.
    let mut huge = br#"{"shutdown": 1}"#.to_vec();
    huge.resize(1 << 20, b' ');
    let _ = listening.connect().write_all(&huge);
    let mut endless = listening.connect();
    let chunk = [b'x'; 8192];
    let refused = (0..10_000).any(|_| endless.write_all(&chunk).is_err());
    assert!(refused, "80 MB were taken");
    listening.still_hears();
    assert!(listening.wishes.try_recv().is_err(), "and nothing else was heard");
}

#[test]
fn the_end_is_heard_once_and_then_nobody_listens() {
    let listening = listening();
    listening.say(br#"{"shutdown": 1}"#);
    assert_eq!(listening.next(), Some(Wish { signal: None, shutdown: true }));
    listening.thread.join().unwrap().unwrap();
    assert!(TcpStream::connect(listening.address).is_err());
}
