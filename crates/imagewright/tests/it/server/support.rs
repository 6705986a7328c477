//! Starts servers, and speaks to them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use imagewright_testkit::context::TestContext;
use serde_json::Value;

use crate::support::context;

/// A server with a store and records of its own. It is killed when this is dropped.
pub(crate) struct TestServer {
    pub(crate) context: TestContext,
    pub(crate) address: String,
    /// What it said before it listened.
    pub(crate) said: Vec<String>,
    process: Option<Child>,
}

/// Whoever asks, by token; nobody where it is empty.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    server: &'a TestServer,
    token: String,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_in(context(), &[])
    }

    /// With more arguments, in surroundings that may have a server's records already.
    pub(crate) fn start_in(context: TestContext, arguments: &[&str]) -> Self {
        let mut command: Command = context.command(["serve", "--listen", "127.0.0.1:0"]);
        let (process, address, said) = started(command.args(arguments));
        Self { context, address, said, process: Some(process) }
    }

    /// Adds somebody, and gives a token.
    pub(crate) fn add_user(&self, name: &str, options: &[&str]) -> Caller<'_> {
        let arguments = ["admin", "user", "add", name].into_iter().chain(options.iter().copied());
        let token = self.context.run(arguments).success().stdout.trim().to_owned();
        Caller { server: self, token }
    }

    pub(crate) fn administrator(&self) -> Caller<'_> {
        self.add_user("root", &["--admin"])
    }

    pub(crate) fn with_token(&self, token: &str) -> Caller<'_> {
        Caller { server: self, token: token.trim().to_owned() }
    }

    pub(crate) fn anonymous(&self) -> Caller<'_> {
        Caller { server: self, token: String::new() }
    }

    /// Asks it to stop, as service managers do.
    pub(crate) fn begin_stop(mut self) -> Child {
        let process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        process
    }

    /// Another server on the same store and records.
    pub(crate) fn start_beside(other: &Self) -> Self {
        let mut command: Command = other.context.command(["serve", "--listen", "127.0.0.1:0"]);
        let (process, address, said) = started(&mut command);
        Self { context: context(), address, said, process: Some(process) }
    }

    /// Asks it to stop, waits until it has, and gives its surroundings.
    pub(crate) fn stop(mut self) -> TestContext {
        let context = std::mem::replace(&mut self.context, context());
        let status = self.begin_stop().wait().unwrap();
        assert!(status.success(), "{status}");
        context
    }

    /// Kills it as `kill -9` does, and gives its surroundings.
    pub(crate) fn kill(mut self) -> TestContext {
        end(self.process.as_mut());
        let placeholder = context();
        std::mem::replace(&mut self.context, placeholder)
    }
}

/// Starts a server, and waits until it says where it listens.
fn started(command: &mut Command) -> (Child, String, Vec<String>) {
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    // What it says later is read, too, so that it never waits for us.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let mut said = Vec::new();
    let address = loop {
        let line = receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{said:?}"));
        if let Some((_, address)) = line.split_once("listening on ").and_then(|(_, at)| at.split_once("://"))
        {
            break address.to_owned();
        }
        said.push(line);
    };
    (process, address, said)
}

impl Drop for TestServer {
    fn drop(&mut self) {
        end(self.process.as_mut());
    }
}

fn end(process: Option<&mut Child>) {
    if let Some(process) = process {
        drop(process.kill());
        drop(process.wait());
    }
}

impl Caller<'_> {
    /// The token, to log in with elsewhere.
    pub(crate) fn token(&self) -> String {
        self.token.clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], &body.to_string())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], &body.to_string())
    }

    /// Without conditions.
    pub(crate) fn change(&self, path: &str, body: &Value) -> Answer {
        self.patch(path, &[], body)
    }

    pub(crate) fn patch(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send("PATCH", path, headers, &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "")
    }

    /// Opens something that is sent while it comes about.
    pub(crate) fn open(&self, path: &str, headers: &[(&str, &str)]) -> impl Read + Send + use<> {
        let answered = self.answered("GET", &format!("/api/v1{path}"), headers, "");
        assert_eq!(answered.status(), 200);
        answered.into_body().into_reader()
    }

    /// Sends a request below `/api/v1`.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_to(method, &format!("/api/v1{path}"), headers, body)
    }

    /// Sends a request to any address of the server.
    pub(crate) fn send_to(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut answered = self.answered(method, path, headers, body);
        let headers = answered.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let (status, headers) = (answered.status().as_u16(), headers.collect());
        let mut body = Vec::new();
        answered.body_mut().as_reader().read_to_end(&mut body).unwrap();
        // Archives are no text, and nobody reads them here.
        Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    fn answered(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> http::Response<ureq::Body> {
        let address = format!("http://{}{path}", self.server.address);
        let mut request = http::Request::builder().method(method).uri(address);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent =
            ureq::Agent::new_with_config(settings.allow_non_standard_methods(true).max_redirects(0).build());
        agent.run(request.body(body.to_owned()).unwrap()).unwrap()
    }
}

impl Answer {
    /// The body of an answer that has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).unwrap() }
    }

    /// The value of a cookie that is set; nothing where it goes.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.iter().filter(|(found, _)| found == "set-cookie");
        let mut pairs = set.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
        let (_, value) = pairs.find(|(found, _)| *found == name)?;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
