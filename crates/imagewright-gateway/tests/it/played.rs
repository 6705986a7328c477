//! A gateway that is played: it has one kernelspec, kernels with a little state, and any fault that it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use imagewright_gateway::verify::{Report, StepReport, VerifyRequest, verify};
use imagewright_gateway::{Gateway, GatewayError};
use imagewright_model::{Secret, Stop, TrustSettings};
use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Requests whose method and path begin so get these bytes.
    Raw(&'static str, Vec<u8>),
    /// They get this status and body.
    Answer(&'static str, u16, String),
    /// They get nothing.
    Silence(&'static str),
    /// They get a byte now and then.
    Trickle(&'static str),
    /// They get more than anybody wants.
    Flood(&'static str),
    /// What the kernel says to every cell, instead of what it should.
    Says(Vec<String>),
    /// The kernel says nothing.
    KernelSilent,
    /// The kernel sends the beginning of a message, and the rest never.
    KernelStops,
    /// The kernel chatters about other things for ever.
    KernelChatters,
    /// The kernel does not care for interrupts.
    Uninterruptible,
    /// An interrupt ends the kernel, and another one is there.
    InterruptForgets,
    /// A restart changes nothing.
    RestartIsNone,
    /// Stopped kernels stay.
    Stays,
}

#[derive(Default)]
struct State {
    kernels: BTreeSet<String>,
    has_variable: bool,
    is_interrupted: bool,
    is_subscribed: bool,
    requests: Vec<String>,
    environment: Value,
}

struct Shared {
    state: Mutex<State>,
    stopping: AtomicBool,
    fault: Option<Fault>,
    token: Option<&'static str>,
}

pub(crate) struct Played {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Played {
    pub(crate) fn start(fault: Option<Fault>) -> Self {
        Self::with_token(fault, None)
    }

    pub(crate) fn with_token(fault: Option<Fault>, token: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, stopping) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { state, stopping, fault, token });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if of_thread.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                thread::spawn(move || drop(shared.converse(stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The kernels that it has.
    pub(crate) fn kernels(&self) -> usize {
        self.shared.state.lock().unwrap().kernels.len()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn environment(&self) -> Value {
        self.shared.state.lock().unwrap().environment.clone()
    }

    pub(crate) fn verify(&self, request: &VerifyRequest) -> (Report, Vec<StepReport>) {
        self.verify_until(request, &Stop::default())
    }

    pub(crate) fn verify_until(&self, request: &VerifyRequest, stop: &Stop) -> (Report, Vec<StepReport>) {
        let gateway = open(&self.url(), None).unwrap();
        let mut told = Vec::new();
        let report = verify(&gateway, request, stop, &mut |step| told.push(step.clone()));
        (report, told)
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

pub(crate) fn open(address: &str, token: Option<&str>) -> Result<Gateway, GatewayError> {
    Gateway::new(address, token.map(Secret::new), &TrustSettings::default())
}

/// A request with little patience.
pub(crate) fn request() -> VerifyRequest {
    VerifyRequest {
        kernelspec: "Played".to_owned(),
        user: "bob".to_owned(),
        environment: BTreeMap::from([("KERNEL_UID".to_owned(), "1000".to_owned())]),
        launch_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(4),
        cell: None,
        interrupt: true,
        restart: true,
    }
}

impl Shared {
    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let what: Vec<&str> = line.split(' ').take(2).collect();
            let what = what.join(" ");
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            self.state.lock().unwrap().requests.push(what.clone());
            if self.misbehave(&what, &mut stream)? {
                return Ok(());
            }
            let is_known = self.token.is_none_or(|token| {
                headers.get("authorization").is_some_and(|it| *it == format!("token {token}"))
            });
            if !is_known {
                answer(&mut stream, 401, r#"{"reason": "Unauthorized", "message": ""}"#)?;
            } else if let Some(key) = headers.get("sec-websocket-key") {
                let accept = derive_accept_key(key.as_bytes());
                let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket";
                write!(stream, "{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")?;
                return self.serve_kernel(WebSocket::from_raw_socket(stream, Role::Server, None));
            } else {
                let (status, text) = self.answer_to(&what, &body);
                answer(&mut stream, status, &text)?;
            }
        }
    }

    /// Whether there was a fault for this request.
    fn misbehave(&self, what: &str, stream: &mut TcpStream) -> io::Result<bool> {
        match &self.fault {
            Some(Fault::Raw(begin, bytes)) if what.starts_with(begin) => stream.write_all(bytes)?,
            Some(Fault::Answer(begin, status, body)) if what.starts_with(begin) => {
                answer(stream, *status, body)?;
            }
            Some(Fault::Silence(begin)) if what.starts_with(begin) => thread::sleep(Duration::from_secs(60)),
            Some(Fault::Trickle(begin)) if what.starts_with(begin) => {
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain([b'x'; 600].iter()) {
                    stream.write_all(&[*byte])?;
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Some(Fault::Flood(begin)) if what.starts_with(begin) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n\"")?;
                loop {
                    stream.write_all(&[b'x'; 65536])?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn answer_to(&self, what: &str, body: &[u8]) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        let proxy =
            json!({"class_name": "a.b.DockerProcessProxy", "config": {"image_name": "team/played:1"}});
        let spec = json!({"name": "played", "spec": {
            "language": "Python", "display_name": "Played", "argv": [], "metadata": {"process_proxy": proxy},
        }});
        let id = what.split('/').nth(3).unwrap_or_default();
        let action = what.split('/').nth(4).unwrap_or_default();
        match what.split('/').next().unwrap_or_default().trim() {
            "GET" if what == "GET /api/kernelspecs" => {
                (200, json!({"default": "played", "kernelspecs": {"played": spec}}).to_string())
            }
            "GET" if what.starts_with("GET /api/kernelspecs/hidden") => (200, spec.to_string()),
            "POST" if what == "POST /api/kernels" => {
                let asked: Value = serde_json::from_slice(body).unwrap();
                state.environment = asked["env"].clone();
                let id = asked["env"]["KERNEL_ID"].as_str().unwrap().to_owned();
                state.kernels.insert(id.clone());
                (201, json!({"id": id, "name": "played"}).to_string())
            }
            _ if !state.kernels.contains(id) => (404, r#"{"reason": "Not Found", "message": ""}"#.to_owned()),
            "POST" if action == "interrupt" => {
                state.is_interrupted = self.fault != Some(Fault::Uninterruptible);
                if self.fault == Some(Fault::InterruptForgets) {
                    state.has_variable = false;
                }
                (204, String::new())
            }
            "POST" => {
                state.has_variable &= self.fault == Some(Fault::RestartIsNone);
                (200, json!({"id": id}).to_string())
            }
            "DELETE" => {
                if self.fault != Some(Fault::Stays) {
                    state.kernels.remove(id);
                }
                (204, String::new())
            }
            _ => (200, json!({"id": id}).to_string()),
        }
    }

    fn serve_kernel(&self, mut socket: WebSocket<TcpStream>) -> io::Result<()> {
        loop {
            let Ok(message) = socket.read() else { return Ok(()) };
            let Ok(text) = message.to_text() else { return Ok(()) };
            let Ok(request) = serde_json::from_str::<Value>(text) else { return Ok(()) };
            if self.serve_cell(&mut socket, &request).is_err() {
                return Ok(());
            }
        }
    }

    /// Whether the kernel does not even answer greetings.
    fn is_mute(&self) -> bool {
        matches!(self.fault, Some(Fault::KernelSilent | Fault::KernelStops | Fault::KernelChatters))
    }

    fn serve_cell(
        &self,
        socket: &mut WebSocket<TcpStream>,
        request: &Value,
    ) -> Result<(), tungstenite::Error> {
        let parent = &request["header"];
        let message = |kind: &str, content: Value| {
            let header = json!({"msg_id": "x", "msg_type": kind});
            Message::text(
                json!({"header": header, "parent_header": parent, "content": content, "channel": "iopub"})
                    .to_string(),
            )
        };
        let code = request["content"]["code"].as_str().unwrap_or_default();
        if parent["msg_type"] == "kernel_info_request" && !self.is_mute() {
            // As of one that subscribes late: nothing but the reply comes of the first greeting.
            socket.send(message("kernel_info_reply", json!({"status": "ok"})))?;
            if !std::mem::replace(&mut self.state.lock().unwrap().is_subscribed, true) {
                return Ok(());
            }
            return socket.send(message("status", json!({"execution_state": "idle"})));
        }
        match &self.fault {
            Some(Fault::Says(said)) => {
                for text in said {
                    socket.send(Message::text(text.replace("PARENT", &parent.to_string())))?;
                }
                return Ok(());
            }
            Some(Fault::KernelSilent) => return Ok(()),
            Some(Fault::KernelStops) => {
                // A frame of a kilobyte, of which there are three bytes.
                socket.get_mut().write_all(&[0x81, 126, 4, 0, b'{', b'"', b'h'])?;
                return Ok(());
            }
            Some(Fault::KernelChatters) => loop {
                socket.send(Message::text(
                    r#"{"header": {"msg_type": "stream"}, "parent_header": {}, "content": {"text": "x"}}"#,
                ))?;
            },
            _ => {}
        }
        // A gateway's own questions, in the client's session, numbered: their answers are not ours.
        let session = parent["session"].as_str().unwrap_or_default();
        for number in 1..8 {
            let idle = json!({
                "header": {"msg_type": "status"}, "parent_header": {"msg_id": format!("{session}_{number}")},
                "content": {"execution_state": "idle"},
            });
            socket.send(Message::text(idle.to_string()))?;
        }
        socket.send(message("status", json!({"execution_state": "busy"})))?;
        let mut reply = json!({"status": "ok"});
        let mut output = String::new();
        if code.contains("imagewright_before = 5") {
            self.state.lock().unwrap().has_variable = true;
        } else if code.contains("in globals()") {
            let has = self.state.lock().unwrap().has_variable;
            output.push_str(if has { "True\n" } else { "False\n" });
        } else if code.contains("sleep(600)") {
            socket.send(message("stream", json!({"name": "stdout", "text": "imagewright-begun\n"})))?;
            while !std::mem::take(&mut self.state.lock().unwrap().is_interrupted) {
                if self.stopping.load(Ordering::SeqCst) {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(10));
            }
            reply = json!({"status": "error", "ename": "KeyboardInterrupt", "evalue": ""});
        } else {
            output.push_str("2\n");
        }
        // Replies and output come by ways of their own.
        socket.send(message("execute_reply", reply))?;
        if !output.is_empty() {
            socket.send(message("stream", json!({"name": "stdout", "text": output})))?;
        }
        socket.send(message("status", json!({"execution_state": "idle"})))
    }
}

fn answer(stream: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    write!(stream, "HTTP/1.1 {status} Told\r\n{length}\r\n{body}")
}
