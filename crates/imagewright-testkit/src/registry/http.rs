//! HTTP as far as the registry needs it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// The longest head of a request.
const LONGEST_HEAD: u64 = 64 * 1024;
/// What is read and thrown away of the body of a refused request before the connection is closed, as Go does it.
const PATIENCE: u64 = 256 * 1024;

/// A request as it came in, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Recorded {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The announced length of the body.
    pub fn length(&self) -> u64 {
        self.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The path without its query.
    pub(super) fn plain_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The values of a parameter of the query.
    pub(super) fn parameters(&self, name: &str) -> Vec<String> {
        form_values(self.path.split_once('?').map_or("", |(_, query)| query), name)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).into_iter().next()
    }
}

/// The values of a field of a query or form.
pub(super) fn form_values(form: &str, name: &str) -> Vec<String> {
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    fields.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One connection, and the request that is being answered on it.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    /// What is still to come of the request's body.
    pub(super) left: u64,
    expects_continue: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self { reader: BufReader::new(stream.try_clone()?), stream, left: 0, expects_continue: false })
    }

    /// The head of the next request; `None` when the client is done.
    pub(super) fn next_request(&mut self) -> io::Result<Option<Recorded>> {
        let mut head = (&mut self.reader).take(LONGEST_HEAD);
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_ascii_whitespace();
        let (method, path) =
            (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = Vec::new();
        loop {
            line.clear();
            head.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let request = Recorded { method, path, headers };
        self.left = request.length();
        self.expects_continue = request.header("expect").is_some();
        Ok(Some(request))
    }

    /// Reads some of the body; nothing at its end.
    pub(super) fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.expects_continue) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        // Even a read of nothing waits for more to come.
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.reader.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }

    /// Reads the whole body of a small request.
    pub(super) fn small_body(&mut self) -> io::Result<Vec<u8>> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
        loop {
            match self.read_body(&mut buffer)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Sends an answer; whether the connection can be used again.
    pub(super) fn answer(&mut self, answer: &Answer<'_>) -> io::Result<bool> {
        let refused_early = self.left > 0;
        if refused_early && !self.expects_continue {
            let mut rest = (&mut self.reader).take(self.left.min(PATIENCE));
            self.left -= io::copy(&mut rest, &mut io::sink())?;
        }
        let stays_open = self.left == 0;
        let mut head = format!("HTTP/1.1 {} As it is\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = answer.announced.unwrap_or(answer.body.len() as u64);
        // A 204 has no body and says nothing of its length.
        if answer.status != 204 {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str(if stays_open { "\r\n" } else { "connection: close\r\n\r\n" });
        self.stream.write_all(head.as_bytes())?;
        if !answer.is_head {
            self.stream.write_all(answer.body)?;
        }
        Ok(stays_open && (answer.is_head || length == answer.body.len() as u64))
    }
}

/// An answer.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: &'a [u8],
    /// The length that is announced, where it is not that of the body.
    pub(super) announced: Option<u64>,
    pub(super) is_head: bool,
}
