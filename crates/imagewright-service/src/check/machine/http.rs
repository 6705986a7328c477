//! As much of HTTP as it takes to ask a server whether it is there, and to be one that says who it is.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use imagewright_check::{HttpAnswer, Question};
use imagewright_engine::Underway;
use imagewright_sandbox::PrivateNetwork;
use serde_json::Value;

/// The most of an answer that is read.
const LARGEST_ANSWER: u64 = 1 << 20;
/// The longest head of a request or an answer.
const LARGEST_HEAD: u64 = 64 << 10;
/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks something of a server in a network.
pub(super) fn ask(
    network: &PrivateNetwork,
    question: &Question,
    patience: Duration,
) -> io::Result<HttpAnswer> {
    let mut stream = network.connect(question.port, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut request = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: */*\r\nUser-Agent: imagewright\r\nConnection: close\r\n",
        question.path, question.port
    );
    for (name, value) in &question.headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all((request + "\r\n").as_bytes())?;
    read(&mut BufReader::new(stream.take(LARGEST_ANSWER)))
}

fn read(answer: &mut impl BufRead) -> io::Result<HttpAnswer> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "this is no HTTP");
    let (status, headers) = head(answer)?;
    let mut words = status.split_whitespace();
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1"));
    let status =
        words.next().and_then(|status| status.parse().ok()).filter(|_| is_http).ok_or_else(strange)?;
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        chunks(answer, &mut body)?;
    } else {
        let length = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(LARGEST_ANSWER);
        // A server that ends in the middle has said enough for us.
        let _ = answer.take(length).read_to_end(&mut body);
    }
    Ok(HttpAnswer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// The first line, and headers with their names in small letters.
fn head(stream: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let mut stream = stream.take(LARGEST_HEAD);
    let mut line = || -> io::Result<String> {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            return Ok((first, headers));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.take(64).read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16);
        let Ok(size @ 1..) = size else { return Ok(()) };
        stream.take(size).read_to_end(body)?;
        stream.take(2).read_line(&mut String::new())?;
    }
}

/// Answers whoever asks, until the program that asks has ended.
pub(super) fn serve(listener: &TcpListener, documents: &[(String, Value)], underway: &Underway<'_>) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    while !underway.has_ended() {
        match listener.accept() {
            // Whoever asks and goes away, or says nothing, is no concern of ours.
            Ok((stream, _)) => drop(answer(&stream, documents)),
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

fn answer(mut stream: &TcpStream, documents: &[(String, Value)]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (request, headers) = head(&mut BufReader::new(stream))?;
    let _ = headers;
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let found = documents.iter().find(|(beginning, _)| path.starts_with(beginning.as_str()));
    let (status, body) = match found {
        Some((_, document)) => ("200 OK", document.to_string()),
        None => ("404 Not Found", "{}".to_owned()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> io::Result<HttpAnswer> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn answers_are_read_as_far_as_they_go() {
        let plain = read_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n[]rest").unwrap();
        assert_eq!((plain.status, plain.body.as_str()), (200, "[]"));
        assert_eq!(plain.headers[1], ("x-a".to_owned(), "b".to_owned()));
        let chunked =
            "HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(read_text(chunked).unwrap().body, "abcde");
        assert_eq!(read_text("HTTP/1.0 500 x\r\n\r\nto the end").unwrap().body, "to the end");
        assert_eq!(read_text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort").unwrap().body, "short");
        for strange in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y"] {
            assert!(read_text(strange).is_err(), "{strange}");
        }
        assert!(read_text(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(100_000))).is_err());
    }
}
