//! Asks a kernel to compute something, as a gateway does: a message of Jupyter's protocol (5.3) on its shell channel, over ZeroMQ (ZMTP 3.0,
//! without security, as kernels speak it). Just as much of both as one question needs.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use imagewright_oci::Digest;
use imagewright_sandbox::PrivateNetwork;
use serde_json::{Value, json};

/// What every kernel of this field understands.
const QUESTION: &str = "1+1";
/// How long a kernel may take to answer: the first one waits until it is loaded.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any part of an answer to this has.
const LARGEST_FRAME: u64 = 1 << 20;
/// More parts than any message has.
const MOST_FRAMES: usize = 64;
/// The block of SHA-256.
const BLOCK: usize = 64;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Has the kernel of a connection compute; else says why it did not.
pub(super) fn compute(connection: &Value, network: &PrivateNetwork) -> Result<(), String> {
    let port = connection["shell_port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or("its connection has no `shell_port`")?;
    let key = connection["key"].as_str().unwrap_or_default();
    let stream = network.connect(port, Duration::from_secs(5)).map_err(|error| told(&error))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| told(&error))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| told(&error))?;
    ask(stream, key)
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("it does not answer within {} seconds", PATIENCE.as_secs())
        }
        _ => error.to_string(),
    }
}

fn ask(mut stream: impl Read + Write, key: &str) -> Result<(), String> {
    greet(&mut stream).map_err(|error| told(&error))?;
    let message = request(key);
    let last = message.len() - 1;
    for (number, frame) in message.iter().enumerate() {
        send(&mut stream, if number == last { 0 } else { MORE }, frame).map_err(|error| told(&error))?;
    }
    stream.flush().map_err(|error| told(&error))?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let frames = receive(&mut stream).map_err(|error| told(&error))?;
        if let Some(outcome) = answer(&frames) {
            return outcome;
        }
    }
    Err(format!("it does not answer within {} seconds", PATIENCE.as_secs()))
}

/// Agrees on the protocol: both sides say who they are, and what kind of socket they have.
fn greet(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut greeting = [0_u8; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting)?;
    stream.flush()?;
    let mut theirs = [0_u8; 64];
    stream.read_exact(&mut theirs)?;
    if theirs[0] != 0xff || theirs[9] != 0x7f || theirs[10] < 3 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks no ZeroMQ"));
    }
    let mut ready = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", "DEALER"), ("Identity", "")] {
        ready.push(u8::try_from(name.len()).unwrap_or(0));
        ready.extend_from_slice(name.as_bytes());
        ready.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
        ready.extend_from_slice(value.as_bytes());
    }
    send(stream, COMMAND, &ready)?;
    stream.flush()
}

fn send(stream: &mut impl Write, flags: u8, body: &[u8]) -> io::Result<()> {
    match u8::try_from(body.len()) {
        Ok(length) => stream.write_all(&[flags, length])?,
        Err(_) => {
            stream.write_all(&[flags | LONG])?;
            stream.write_all(&(body.len() as u64).to_be_bytes())?;
        }
    }
    stream.write_all(body)
}

/// The parts of the next message. Commands are passed over.
fn receive(stream: &mut impl Read) -> io::Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    loop {
        let mut flags = [0_u8];
        stream.read_exact(&mut flags)?;
        let length = if flags[0] & LONG == 0 {
            let mut length = [0_u8];
            stream.read_exact(&mut length)?;
            u64::from(length[0])
        } else {
            let mut length = [0_u8; 8];
            stream.read_exact(&mut length)?;
            u64::from_be_bytes(length)
        };
        if length > LARGEST_FRAME || frames.len() > MOST_FRAMES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is larger than any"));
        }
        let mut body = Vec::new();
        stream.take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if flags[0] & COMMAND != 0 {
            continue;
        }
        frames.push(body);
        if flags[0] & MORE == 0 {
            return Ok(frames);
        }
    }
}

/// The question, signed as the kernel wants it.
fn request(key: &str) -> Vec<Vec<u8>> {
    let header = json!({
        "msg_id": "imagewright-check-1", "session": "imagewright-check", "username": "check",
        "date": "2026-01-01T00:00:00.000000Z", "msg_type": "execute_request", "version": "5.3",
    });
    let content = json!({
        "code": QUESTION, "silent": false, "store_history": false, "user_expressions": {}, "allow_stdin": false,
        "stop_on_error": true,
    });
    let parts = [header, json!({}), json!({}), content].map(|part| part.to_string().into_bytes());
    let signature = if key.is_empty() { String::new() } else { hmac(key.as_bytes(), &parts.concat()) };
    [DELIMITER.to_vec(), signature.into_bytes()].into_iter().chain(parts).collect()
}

/// What a message says of the question; none where it is about something else.
fn answer(frames: &[Vec<u8>]) -> Option<Result<(), String>> {
    let begin = frames.iter().position(|frame| frame == DELIMITER)?;
    let part = |number: usize| -> Option<Value> { serde_json::from_slice(frames.get(begin + number)?).ok() };
    if part(2)?["msg_type"] != "execute_reply" {
        return None;
    }
    let content = part(5)?;
    Some(match content["status"].as_str() {
        Some("ok") => Ok(()),
        _ => {
            let said = [&content["ename"], &content["evalue"]].map(|word| word.as_str().unwrap_or_default());
            Err(format!("it answers `{}`", said.join(": ").trim_matches([':', ' '])))
        }
    })
}

/// HMAC-SHA256 (RFC 2104), in hexadecimal digits.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0_u8; BLOCK];
    match key.len() {
        length if length > BLOCK => block[..32].copy_from_slice(&sha256(key)),
        length => block[..length].copy_from_slice(key),
    }
    let with = |mask: u8| block.map(|byte| byte ^ mask);
    let inner = sha256(&[&with(0x36), text].concat());
    Digest::of(&[&with(0x5c)[..], &inner].concat()).hex().to_owned()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = Digest::of(bytes);
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let hex = digest.hex().as_bytes();
    std::array::from_fn(|at| {
        let pair = (digit(hex[2 * at]), digit(hex[2 * at + 1]));
        pair.0.unwrap_or(0) << 4 | pair.1.unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Both directions of a connection in memory.
    struct Both {
        theirs: Cursor<Vec<u8>>,
        ours: Vec<u8>,
    }

    impl Read for Both {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.theirs.read(buffer)
        }
    }

    impl Write for Both {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.ours.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn greeting() -> Vec<u8> {
        let mut greeting = vec![0_u8; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        send(&mut greeting, COMMAND, b"\x05READY").unwrap();
        greeting
    }

    fn reply(kind: &str, content: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        let parts = [json!({"msg_type": kind}), json!({}), json!({}), content.clone()];
        let parts = parts.map(|part| part.to_string().into_bytes());
        send(&mut bytes, MORE, DELIMITER).unwrap();
        send(&mut bytes, MORE, b"signature").unwrap();
        for (number, part) in parts.iter().enumerate() {
            send(&mut bytes, if number == 3 { 0 } else { MORE }, part).unwrap();
        }
        bytes
    }

    fn asked(theirs: Vec<u8>) -> Result<(), String> {
        ask(Both { theirs: Cursor::new(theirs), ours: Vec::new() }, "key")
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        // RFC 4231, cases 1 and 6.
        assert_eq!(
            hmac(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn an_answer_counts_whatever_comes_before_it() {
        let others = reply("status", &json!({"execution_state": "busy"}));
        let good = reply("execute_reply", &json!({"status": "ok", "padding": "x".repeat(400)}));
        assert_eq!(asked([greeting(), others.clone(), good].concat()), Ok(()));
        let bad = reply("execute_reply", &json!({"status": "error", "ename": "NameError", "evalue": "no"}));
        assert_eq!(asked([greeting(), others, bad].concat()), Err("it answers `NameError: no`".to_owned()));
    }

    #[test]
    fn whoever_speaks_otherwise_is_no_kernel() {
        assert!(asked(b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(4)).unwrap_err().contains("no ZeroMQ"));
        assert!(asked(Vec::new()).is_err());
        let endless = [greeting(), vec![LONG, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]].concat();
        assert!(asked(endless).unwrap_err().contains("larger than any"));
        let many = [greeting(), [MORE, 0].repeat(100)].concat();
        assert!(asked(many).unwrap_err().contains("larger than any"));
    }
}
