//! What is asked of a gateway over HTTP.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use http::{Method, Request, Response, header};
use imagewright_model::{Secret, TrustSettings};
use imagewright_registry::{WebClient, WebError, WebStream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::GatewayError;
use crate::identity::KernelId;
use crate::kernelspec::{ListedKernelspec, Listing};

/// Characters of a gateway's own words that are told.
const LONGEST_REASON: usize = 600;

/// A gateway, asked as somebody.
pub struct Gateway {
    web: WebClient,
    /// Without a slash at its end.
    address: String,
    token: Option<Secret>,
}

/// How a gateway says that it will not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    reason: Value,
    message: Value,
}

impl Gateway {
    /// The gateway at an address, with the token that it may want.
    pub fn new(address: &str, token: Option<Secret>, trust: &TrustSettings) -> Result<Self, GatewayError> {
        let wrong = || GatewayError::Address(address.to_owned());
        let trimmed = address.trim().trim_end_matches('/');
        let uri: http::Uri = trimmed.parse().map_err(|_| wrong())?;
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let is_one = matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.contains('@')
            && uri.query().is_none()
            && !trimmed.contains('#');
        if !is_one {
            return Err(wrong());
        }
        let is_sendable = |token: &Secret| header::HeaderValue::from_str(token.expose()).is_ok();
        if token.as_ref().is_some_and(|token| !is_sendable(token)) {
            return Err(GatewayError::Refused { status: 401, reason: "this is no token".to_owned() });
        }
        let web = WebClient::new(trust).map_err(GatewayError::Way)?;
        Ok(Self { web, address: trimmed.to_owned(), token })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The kernelspecs that it lists, by their names.
    pub fn kernelspecs(&self, limit: Duration) -> Result<BTreeMap<String, ListedKernelspec>, GatewayError> {
        let answer = self.call(&Method::GET, "/api/kernelspecs", None, limit)?;
        Ok(self.read::<Listing>(&answer)?.kernelspecs)
    }

    /// One kernelspec, listed or not.
    pub fn kernelspec(&self, name: &str, limit: Duration) -> Result<Option<ListedKernelspec>, GatewayError> {
        let path = format!("/api/kernelspecs/{}", in_path(name));
        match self.call(&Method::GET, &path, None, limit) {
            Ok(answer) => self.read(&answer).map(Some),
            Err(GatewayError::Refused { status: 404 | 400, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts a kernel, under an identity of our own if the gateway takes it. Gives the one that it has.
    pub fn start(
        &self,
        name: &str,
        id: &KernelId,
        environment: &BTreeMap<String, String>,
        limit: Duration,
    ) -> Result<KernelId, GatewayError> {
        let mut environment = environment.clone();
        environment.insert("KERNEL_ID".to_owned(), id.to_string());
        let body = json!({"name": name, "env": environment});
        let answer = self.call(&Method::POST, "/api/kernels", Some(&body), limit)?;
        let kernel: Value = self.read(&answer)?;
        let id = kernel["id"].as_str().and_then(KernelId::parse);
        id.ok_or_else(|| self.nonsense("a kernel without an identity"))
    }

    /// Whether it has this kernel.
    pub fn has(&self, id: &KernelId, limit: Duration) -> Result<bool, GatewayError> {
        match self.call(&Method::GET, &path_of(id, ""), None, limit) {
            Ok(_) => Ok(true),
            Err(GatewayError::Refused { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Interrupts what a kernel is doing.
    pub fn interrupt(&self, id: &KernelId, limit: Duration) -> Result<(), GatewayError> {
        self.call(&Method::POST, &path_of(id, "/interrupt"), None, limit).map(drop)
    }

    /// Starts a kernel anew.
    pub fn restart(&self, id: &KernelId, limit: Duration) -> Result<(), GatewayError> {
        self.call(&Method::POST, &path_of(id, "/restart"), None, limit).map(drop)
    }

    /// Ends a kernel. Whether there was one.
    pub fn stop(&self, id: &KernelId, limit: Duration) -> Result<bool, GatewayError> {
        match self.call(&Method::DELETE, &path_of(id, ""), None, limit) {
            Ok(_) => Ok(true),
            Err(GatewayError::Refused { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A connection for the channels of a kernel, and what asks for them.
    pub(crate) fn open(
        &self,
        id: &KernelId,
        session: &str,
        limit: Duration,
    ) -> Result<(WebStream, Request<()>), GatewayError> {
        let path = format!("{}?session_id={session}", path_of(id, "/channels"));
        let stream = self.web.open(&self.address, limit).map_err(|error| self.failed(error, limit))?;
        let rest = self.address.strip_prefix("http").expect("it is an address of the web");
        // The scheme is `ws` for `http`, and `wss` for `https`.
        let uri: http::Uri = format!("ws{rest}{path}").parse().map_err(|_| self.nonsense("its address"))?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .header(header::HOST, host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, tungstenite::handshake::client::generate_key())
            .uri(uri);
        let request = self.identified(request).body(()).map_err(|_| self.nonsense("its address"))?;
        Ok((stream, request))
    }

    fn identified(&self, request: http::request::Builder) -> http::request::Builder {
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("token {}", token.expose())),
            None => request,
        }
    }

    fn call(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Vec<u8>, GatewayError> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.address));
        let request = self.identified(request).header(header::ACCEPT, "application/json");
        // Tornado wants a body with each of these, be it an empty object.
        let body = match body {
            Some(body) => body.to_string(),
            None if method == Method::POST => "{}".to_owned(),
            None => String::new(),
        };
        let request = match body.is_empty() {
            true => request,
            false => request.header(header::CONTENT_TYPE, "application/json"),
        };
        let request = request.body(body.into_bytes()).map_err(|_| self.nonsense("its address"))?;
        let answer = self.web.send_within(request, limit).map_err(|error| self.failed(error, limit))?;
        self.checked(answer)
    }

    fn checked(&self, answer: Response<Vec<u8>>) -> Result<Vec<u8>, GatewayError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        if status.is_redirection() {
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            return Err(self.nonsense(&format!("it leads on to `{}`", short(location.unwrap_or_default()))));
        }
        let body = answer.body();
        let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
        let said = [&refusal.reason, &refusal.message].map(|it| short(it.as_str().unwrap_or_default()));
        let usual = status.canonical_reason().unwrap_or("no reason");
        // What belongs to the status says the least.
        let said = said.into_iter().find(|words| !words.is_empty() && words != usual);
        Err(GatewayError::Refused {
            status: status.as_u16(),
            reason: said.unwrap_or_else(|| usual.to_owned()),
        })
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, body: &[u8]) -> Result<T, GatewayError> {
        serde_json::from_slice(body).map_err(|error| self.nonsense(&error.to_string()))
    }

    fn nonsense(&self, what: &str) -> GatewayError {
        GatewayError::NoGateway { address: self.address.clone(), what: what.to_owned() }
    }

    pub(crate) fn failed(&self, source: WebError, limit: Duration) -> GatewayError {
        let address = self.address.clone();
        if source.is_untrusted() {
            return GatewayError::Untrusted { address, source };
        }
        if source.is_plain() {
            return GatewayError::Plain { address };
        }
        match source.kind() {
            io::ErrorKind::TimedOut => GatewayError::Silent { address, seconds: limit.as_secs() },
            io::ErrorKind::InvalidData => {
                self.nonsense("its answer is too large, or no answer of a web server")
            }
            _ => GatewayError::Unreachable { address, source },
        }
    }
}

fn path_of(id: &KernelId, action: &str) -> String {
    format!("/api/kernels/{id}{action}")
}

/// A name as it stands in a path.
fn in_path(name: &str) -> String {
    let mut written = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => written.push(byte.into()),
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written
}

/// Somebody else's words: one line of bounded length, without what would move a cursor.
pub(crate) fn short(words: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let line: String = words.trim().chars().map(plain).take(LONGEST_REASON).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_at_first() {
        let open = |address| Gateway::new(address, None, &TrustSettings::default());
        assert_eq!(open("https://eg.example/base/").unwrap().address(), "https://eg.example/base");
        for wrong in ["", "eg.example", "ftp://eg.example", "https://a:b@eg.example", "http://x/?token=1"] {
            assert!(matches!(open(wrong), Err(GatewayError::Address(_))), "{wrong}");
        }
        let token = Some(Secret::new("a\r\nb"));
        assert!(Gateway::new("http://x", token, &TrustSettings::default()).is_err());
    }

    #[test]
    fn others_words_stay_words() {
        assert_eq!(short(" a\n\x1b[2Jb\tc "), "a [2Jb c");
        assert_eq!(short(&"x".repeat(5000)).len(), LONGEST_REASON);
        assert_eq!(in_path("a b/../c"), "a%20b%2F..%2Fc");
    }
}
