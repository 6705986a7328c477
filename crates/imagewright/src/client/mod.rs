//! Speaks to a server: what commands use that are done there and not here.

mod agent;
mod kept;

use std::io::{self, BufRead, BufReader, Read};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use imagewright_model::{ErrorKind, Secret};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Method, Request, Response, header};

use crate::cli::Global;
use crate::failure::Failure;
use crate::settings::{self, Settings};

pub(crate) use kept::{forget, keep};

/// How long a server that cannot be reached is tried again: as long as one takes to be started again.
const PATIENCE: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest answer that is read at once.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

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

/// A problem document (RFC 9457), as servers send it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    hint: Option<String>,
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    pointer: String,
    detail: String,
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
        self.answer(self.send(&Method::GET, path, None)?)
    }

    /// Reads something that may not be there.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let response = self.send(&Method::GET, path, None)?;
        if response.status() == 404 { Ok(None) } else { self.answer(response).map(Some) }
    }

    /// Sends something. Where the answer gets lost because the connection breaks, it is sent again with the same idempotency key,
    /// so that it is done once.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let key = new_key()?;
        let send = || self.send_once(&Method::POST, path, Some(body), Some(&key));
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

    /// Reads something while it comes about.
    pub(crate) fn stream(&self, path: &str) -> Result<impl Read + use<>, Failure> {
        let response = self.checked(self.send(&Method::GET, path, None)?)?;
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

    fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<ureq::Body>, Failure> {
        self.send_once(method, path, body, None).map_err(|error| self.unreachable(&error))
    }

    fn send_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}/api/v1{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let agent = self.agent.for_address(&self.address);
        match body {
            None => agent.run(request.body(())?),
            Some(body) => {
                agent.run(request.header(header::CONTENT_TYPE, "application/json").body(body.to_string())?)
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let text = format!("the server `{}` cannot be reached: {error}", self.address);
        Failure::new(ErrorKind::Unavailable, text).with_hint("check the address, and that the server runs")
    }

    fn answer(&self, response: Response<ureq::Body>) -> Result<Value, Failure> {
        let mut text = String::new();
        let body = self.checked(response)?.into_body();
        body.into_reader().take(LONGEST_ANSWER).read_to_string(&mut text)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| self.no_server())
    }

    /// The answer, if it is none that says why there is none.
    fn checked(&self, response: Response<ureq::Body>) -> Result<Response<ureq::Body>, Failure> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut text = String::new();
        let read = response.into_body().into_reader().take(LONGEST_ANSWER).read_to_string(&mut text);
        let problem = read.ok().and_then(|_| serde_json::from_str::<Problem>(&text).ok());
        let Some(problem) = problem.filter(|problem| !problem.detail.is_empty()) else {
            return Err(self.no_server());
        };
        let kind = match status {
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            409 | 412 | 429 => ErrorKind::Conflict,
            502..=504 => ErrorKind::Unavailable,
            500.. => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        };
        let mut detail = problem.detail;
        if !problem.errors.is_empty() {
            let each = problem.errors.iter().map(|error| format!("{}: {}", error.pointer, error.detail));
            detail = each.collect::<Vec<_>>().join("\n");
        }
        let failure = Failure::new(kind, detail);
        let login =
            (status == 401).then(|| format!("log in with `imagewright server login {}`", self.address));
        Err(match login.or(problem.hint) {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        })
    }

    fn no_server(&self) -> Failure {
        let text = format!("what answers at `{}` is no server of this kind", self.address);
        Failure::new(ErrorKind::Invalid, text).with_hint("check the address")
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

/// An address as it is kept: with a scheme, without a slash at its end.
pub(crate) fn normalised(address: &str) -> Result<String, Failure> {
    let address = address.trim().trim_end_matches('/');
    let with_scheme = match address.split_once("://") {
        Some(("http" | "https", rest)) if !rest.is_empty() => address.to_owned(),
        None if !address.is_empty() => format!("https://{address}"),
        _ => {
            let text = format!("`{address}` is not the address of a server");
            return Err(Failure::new(ErrorKind::Usage, text).with_hint("write `https://HOST[:PORT]`"));
        }
    };
    Ok(with_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_in_one_way() {
        assert_eq!(normalised("images.example/").unwrap(), "https://images.example");
        assert_eq!(normalised("http://127.0.0.1:8340/").unwrap(), "http://127.0.0.1:8340");
        for wrong in ["", "ftp://images.example", "https://"] {
            normalised(wrong).unwrap_err();
        }
    }
}
