//! Speaks to a server: what commands use that are done there and not here.

mod address;
mod agent;
mod answer;
mod kept;

use std::io::{self, BufRead, BufReader, Read};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use imagewright_model::{ErrorKind, Secret};
use serde_json::Value;
use ureq::http::{Method, Request, Response, header};

use crate::cli::Global;
use crate::failure::Failure;
use crate::settings::{self, Settings};

pub(crate) use address::{Path, in_address, normalised};
pub(crate) use kept::{forget, keep};

/// How long a server that cannot be reached is tried again: as long as one takes to be started again.
const PATIENCE: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How many entries a page of a list is asked for: the most there are.
const PAGE: &str = "500";

/// Which server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerFlags {
    /// Address of the server [default: the one of the last `imagewright server login`]
    #[arg(long, value_name = "URL", env = "IMAGEWRIGHT_SERVER")]
    pub(crate) server: Option<String>,
}

/// A server, asked as somebody.
pub(crate) struct Client {
    agent: agent::Agents,
    /// The address without a slash at its end.
    address: String,
    token: Option<Secret>,
}

/// What goes along with a request.
#[derive(Default)]
struct Content {
    /// A text, and what it is.
    body: Option<(&'static str, String)>,
    /// What the request is about is to be at this revision still.
    revision: Option<i64>,
}

impl Content {
    fn json(body: &Value) -> Self {
        Self { body: Some(("application/json", body.to_string())), revision: None }
    }
}

impl Client {
    /// The server that the flags, the environment, or the last login name, with the token that belongs to it.
    pub(crate) fn open(global: &Global, flags: &ServerFlags) -> Result<Self, Failure> {
        let kept = kept::read()?;
        let Some(address) = flags.server.clone().or_else(|| kept.default.clone()) else {
            return Err(Failure::new(ErrorKind::Usage, "it is not said which server is meant").with_hint(
                "log in with `imagewright server login URL`, or give --server or IMAGEWRIGHT_SERVER",
            ));
        };
        let address = normalised(&address)?;
        let token = std::env::var("IMAGEWRIGHT_TOKEN").ok().filter(|token| !token.is_empty());
        let token = token.map(Secret::new).or_else(|| kept.token(&address));
        Self::to(global, address, token)
    }

    /// A server by its address, asked with a token.
    pub(crate) fn to(global: &Global, address: String, token: Option<Secret>) -> Result<Self, Failure> {
        let trust = settings::load(global.config.as_deref(), Settings::default())?.trust;
        Ok(Self { agent: agent::Agents::new(&trust)?, address, token })
    }

    /// The address, as people write it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Reads something below `/api/v1`.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.send(&Method::GET, path, &Content::default())?)
    }

    /// Reads something that may not be there.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let response = self.send(&Method::GET, path, &Content::default())?;
        if response.status() == 404 { Ok(None) } else { self.answer(response).map(Some) }
    }

    /// Reads all pages of a list.
    pub(crate) fn pages(&self, path: &Path) -> Result<Vec<Value>, Failure> {
        let path = path.clone().with("limit", Some(PAGE));
        let mut entries = Vec::new();
        let mut cursor = None;
        loop {
            let mut page = self.get(path.clone().with("cursor", cursor.as_deref()).as_str())?;
            if let Value::Array(items) = page["items"].take() {
                entries.extend(items);
            }
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(entries);
            }
        }
    }

    /// Sends something. Where the answer gets lost because the connection breaks, it is sent again with the same idempotency key,
    /// so that it is done once.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.post_once(path, &Content::json(body))
    }

    /// Sends something whose answer holds a secret, so that the server does not keep it to repeat it.
    pub(crate) fn post_for_secret(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.answer(self.send(&Method::POST, path, &Content::json(body))?)
    }

    fn post_once(&self, path: &str, content: &Content) -> Result<Value, Failure> {
        let key = new_key()?;
        let send = || self.send_with(&Method::POST, path, content, Some(&key));
        let mut sent = send();
        if sent.as_ref().is_err_and(is_broken) {
            let until = Instant::now() + PATIENCE;
            while !is_answered(&sent) && Instant::now() < until {
                thread::sleep(AGAIN_AFTER);
                sent = send();
            }
        }
        self.answer(sent.map_err(|error| self.unreachable(&error))?)
    }

    /// Sends a text that is no JSON.
    pub(crate) fn post_text(
        &self,
        path: &str,
        media_type: &'static str,
        text: String,
    ) -> Result<Value, Failure> {
        let content = Content { body: Some((media_type, text)), revision: None };
        self.post_once(path, &content)
    }

    /// Has something be as it is sent.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.answer(self.send(&Method::PUT, path, &Content::json(body))?)
    }

    /// Changes what is named, with a revision only of what still is at it.
    pub(crate) fn patch(&self, path: &str, change: &Value, revision: Option<i64>) -> Result<Value, Failure> {
        let body = Some(("application/merge-patch+json", change.to_string()));
        self.answer(self.send(&Method::PATCH, path, &Content { body, revision })?)
    }

    /// Removes something, with a revision only what still is at it.
    pub(crate) fn delete(&self, path: &str, revision: Option<i64>) -> Result<Value, Failure> {
        self.answer(self.send(&Method::DELETE, path, &Content { body: None, revision })?)
    }

    /// Reads something while it comes about.
    pub(crate) fn stream(&self, path: &str) -> Result<impl Read + use<>, Failure> {
        let response = self.checked(self.send(&Method::GET, path, &Content::default())?)?;
        Ok(response.into_body().into_reader())
    }

    /// Sends something, and reads what is no JSON.
    pub(crate) fn post_for_text(&self, path: &str, body: &Value) -> Result<impl Read + use<>, Failure> {
        let response = self.checked(self.send(&Method::POST, path, &Content::json(body))?)?;
        Ok(response.into_body().into_reader())
    }

    /// Reads lines that go on over breaks: `path` gives the address of what follows line number `n`. Ends when `is_over` says so
    /// after a stream has ended.
    pub(crate) fn follow(
        &self,
        path: impl Fn(i64) -> String,
        mut line: impl FnMut(&str),
        is_over: impl Fn() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut last = -1;
        let mut patient_until = None;
        loop {
            let came = match self.stream(&path(last)) {
                Ok(stream) => {
                    patient_until = None;
                    let lines = BufReader::new(stream).lines().map_while(Result::ok);
                    for text in lines.filter(|text| !text.is_empty()) {
                        line(&text);
                        last += 1;
                    }
                    is_over()
                }
                Err(failure) => Err(failure),
            };
            match came {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(failure) if failure.is_unavailable() => {
                    let until = *patient_until.get_or_insert_with(|| Instant::now() + PATIENCE);
                    if Instant::now() > until {
                        return Err(failure);
                    }
                }
                Err(failure) => return Err(failure),
            }
            thread::sleep(AGAIN_AFTER);
        }
    }

    fn send(&self, method: &Method, path: &str, content: &Content) -> Result<Response<ureq::Body>, Failure> {
        self.send_with(method, path, content, None).map_err(|error| self.unreachable(&error))
    }

    fn send_with(
        &self,
        method: &Method,
        path: &str,
        content: &Content,
        key: Option<&str>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}/api/v1{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if let Some(revision) = content.revision {
            request = request.header(header::IF_MATCH, format!("\"{revision}\""));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let agent = self.agent.for_address(&self.address);
        match &content.body {
            None => agent.run(request.body(())?),
            Some((media_type, body)) => {
                agent.run(request.header(header::CONTENT_TYPE, *media_type).body(body.clone())?)
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let text = format!("the server `{}` cannot be reached: {error}", self.address);
        Failure::new(ErrorKind::Unavailable, text).with_hint("check the address, and that the server runs")
    }
}

/// Whether a server was reached, and the connection to it has ended before there was an answer.
fn is_broken(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
        ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

/// Whether there is an answer, and not only the word that the request is still being carried out.
fn is_answered(sent: &Result<Response<ureq::Body>, ureq::Error>) -> bool {
    let is_running =
        |answer: &Response<_>| answer.status() == 409 && answer.headers().contains_key("retry-after");
    sent.as_ref().is_ok_and(|answer| !is_running(answer))
}

/// A key that no other request has.
fn new_key() -> Result<String, Failure> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| {
        Failure::new(ErrorKind::Machine, format!("the system gives no random numbers: {error}"))
    })?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}
