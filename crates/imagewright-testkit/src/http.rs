//! A small HTTP server for tests: serves a folder on the loopback, and misbehaves when told to. Asked for a folder, it
//! answers with the `index.json` in it, as an index of Python packages does (PEP 691).

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use imagewright_oci::Digest;

/// How many bytes come late where a server stalls.
const LAST: usize = 4;

/// How the server misbehaves, for one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers with this status and nothing else.
    Status(u16),
    /// It announces all bytes and sends half of them.
    Truncate,
    /// It closes the connection without a word.
    Close,
    /// It waits so long before the last bytes.
    Stall(Duration),
    /// It sends the client elsewhere.
    Redirect(String),
}

/// A request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path with its query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// Its `If-None-Match` header: the tag of what the client has.
    pub if_none_match: Option<String>,
    /// Its `Range` header.
    pub range: Option<String>,
}

/// The server; it stops when dropped.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    stopping: AtomicBool,
    gives_ranges: AtomicBool,
    faults: Mutex<VecDeque<(String, Fault)>>,
    requests: Mutex<Vec<Request>>,
}

impl HttpServer {
    /// Serves `folder` on a free port of the loopback.
    pub fn serve(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            stopping: AtomicBool::new(false),
            gives_ranges: AtomicBool::new(false),
            faults: Mutex::default(),
            requests: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &server));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on gives parts of files to who asks for them; faults are for whole files then.
    pub fn give_ranges(&self) {
        self.shared.gives_ranges.store(true, Ordering::SeqCst);
    }

    /// Misbehaves at the next `times` requests whose path ends with `path_end`.
    pub fn fail(&self, path_end: &str, fault: &Fault, times: usize) {
        let mut faults = self.shared.faults.lock().expect("no thread panics with it");
        faults.extend((0..times).map(|_| (path_end.to_owned(), fault.clone())));
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no thread panics with it").clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // Clients go away at any moment; that is no error of the server.
        thread::spawn(move || drop(converse(&stream, &shared)));
    }
}

/// Answers the requests of one connection.
fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        let range = request.range.clone().filter(|_| shared.gives_ranges.load(Ordering::SeqCst));
        let (path, known) = (request.path.clone(), request.if_none_match.clone());
        shared.requests.lock().expect("no thread panics with it").push(request);
        if let Some(range) = range {
            answer_part(stream, shared, &path, &range)?;
            continue;
        }
        let fault = shared.take_fault(&path);
        if !answer(stream, shared, (&path, known.as_deref()), fault)? {
            return Ok(());
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut authorization, mut if_none_match, mut range) = (None, None, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                if_none_match = Some(value.to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.to_owned()),
            Some(_) => {}
            None => return Ok(Some(Request { path, authorization, if_none_match, range })),
        }
    }
}

/// Gives a part of a file, as `bytes=FIRST-LAST` says.
fn answer_part(mut stream: &TcpStream, shared: &Shared, path: &str, range: &str) -> io::Result<()> {
    let body = fs::read(shared.folder.join(path.trim_start_matches('/')))?;
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let part = bounds.and_then(|(first, last)| {
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        body.get(first..=last)
    });
    let (status, part) = match part {
        Some(part) => ("206 Partial Content", part),
        None => ("416 Range Not Satisfiable", &[][..]),
    };
    stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", part.len()).as_bytes())?;
    stream.write_all(part)
}

/// Answers one request; whether the connection stays open.
fn answer(
    mut stream: &TcpStream,
    shared: &Shared,
    (path, known): (&str, Option<&str>),
    fault: Option<Fault>,
) -> io::Result<bool> {
    let head = |status: &str, size: usize, more: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{more}\r\n")
    };
    match fault {
        Some(Fault::Status(status)) => {
            stream.write_all(head(&format!("{status} As told"), 0, "").as_bytes())?;
            return Ok(true);
        }
        Some(Fault::Redirect(location)) => {
            stream.write_all(head("302 Found", 0, &format!("location: {location}\r\n")).as_bytes())?;
            return Ok(true);
        }
        Some(Fault::Close) => return Ok(false),
        Some(Fault::Truncate | Fault::Stall(_)) | None => {}
    }
    let mut file = shared.folder.join(path.split('?').next().unwrap_or_default().trim_start_matches('/'));
    let mut kind = "";
    if file.is_dir() {
        file.push("index.json");
        kind = "content-type: application/vnd.pypi.simple.v1+json\r\n";
    }
    let Ok(body) = fs::read(file) else {
        stream.write_all(head("404 Not Found", 0, "").as_bytes())?;
        return Ok(true);
    };
    let tag = format!("\"{}\"", Digest::of(&body).hex());
    if known == Some(tag.as_str()) {
        stream.write_all(head("304 Not Modified", 0, "").as_bytes())?;
        return Ok(true);
    }
    stream.write_all(head("200 OK", body.len(), &format!("{kind}etag: {tag}\r\n")).as_bytes())?;
    match fault {
        Some(Fault::Stall(time)) => {
            let (most, last) = body.split_at(body.len().saturating_sub(LAST));
            stream.write_all(most)?;
            thread::sleep(time);
            stream.write_all(last)?;
            Ok(true)
        }
        Some(_) => {
            stream.write_all(&body[..body.len() / 2])?;
            Ok(false)
        }
        None => {
            stream.write_all(&body)?;
            Ok(true)
        }
    }
}

impl Shared {
    fn take_fault(&self, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().expect("no thread panics with it");
        let position = faults.iter().position(|(path_end, _)| path.ends_with(path_end))?;
        faults.remove(position).map(|(_, fault)| fault)
    }
}
