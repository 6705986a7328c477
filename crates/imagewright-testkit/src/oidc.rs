//! A small provider of OpenID Connect that logs in whom the test says, and lies as the test says. Its tokens are signed (ES256) with a key
//! made for it.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, Value, json};

/// The client that the provider knows, and its secret.
pub const CLIENT: (&str, &str) = ("imagewright", "client-secret");

/// How the provider lies, until told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    /// It does not.
    #[default]
    None,
    /// The token repeats another nonce.
    Nonce,
    /// It has none.
    NoNonce,
    /// It is for another client.
    Audience,
    /// It comes from another issuer.
    Issuer,
    /// It has expired.
    Expired,
    /// Its signature is of something else.
    Signature,
    /// It is signed with a key that the provider does not show.
    UnknownKey,
    /// It is not signed, and says so.
    Unsigned,
    /// It is signed with the client's secret, which is no signature of the provider.
    SharedSecret,
}

/// A running provider. It stops when dropped.
pub struct OidcProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    issuer: String,
    state: Mutex<State>,
    stopping: AtomicBool,
}

struct State {
    claims: Map<String, Value>,
    userinfo: Map<String, Value>,
    lie: Lie,
    key: Key,
    /// Codes that were given and not used, with what the browser came with.
    codes: HashMap<String, BTreeMap<String, String>>,
}

struct Key {
    pair: EcdsaKeyPair,
    id: String,
}

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random numbers");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key of ours");
        let id = hex::encode(&digest(&SHA256, pair.public_key().as_ref()).as_ref()[..8]);
        Self { pair, id }
    }

    fn public(&self) -> Value {
        // An uncompressed point: a 4, then both coordinates.
        let point = &self.pair.public_key().as_ref()[1..];
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": coordinate(&point[..32]), "y": coordinate(&point[32..]),
        })
    }
}

impl OidcProvider {
    /// Starts a provider on a free port of the loopback.
    ///
    /// # Panics
    ///
    /// When it cannot.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            claims: Map::new(),
            userinfo: Map::new(),
            lie: Lie::None,
            key: Key::new(),
            codes: HashMap::new(),
        };
        let shared = Arc::new(Shared {
            issuer: format!("http://{address}"),
            state: Mutex::new(state),
            stopping: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &server));
        Self { address, shared, thread: Some(thread) }
    }

    /// Its address.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Says who logs in from now on: the claims of tokens, `sub` among them.
    pub fn log_in(&self, claims: Value) {
        self.shared.lock().claims = object(claims);
    }

    /// What it tells beside the token when it is asked.
    pub fn tell(&self, claims: Value) {
        self.shared.lock().userinfo = object(claims);
    }

    /// Lies from now on.
    pub fn lie(&self, lie: Lie) {
        self.shared.lock().lie = lie;
    }

    /// Takes another key, as providers do from time to time.
    pub fn change_key(&self) {
        self.shared.lock().key = Key::new();
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("claims are an object, not {other}"),
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || drop(converse(&stream, &shared)));
    }
}

struct Request {
    path: String,
    query: BTreeMap<String, String>,
    authorization: String,
    body: String,
}

fn converse(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        let (status, headers, body) = answer(&request, shared);
        let head = format!("HTTP/1.1 {status} As told\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap_or_default();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = value.to_owned();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Ok(Some(Request {
        path: path.to_owned(),
        query: pairs(query),
        authorization,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

/// The pairs of a query or form.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte.unwrap_or(b'0')).to_digit(16).unwrap_or(0);
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => u8::try_from(hex(rest.next()) * 16 + hex(rest.next())).unwrap_or_default(),
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn answer(request: &Request, shared: &Shared) -> (u16, String, String) {
    let json = |value: Value| (200, "content-type: application/json\r\n".to_owned(), value.to_string());
    let issuer = &shared.issuer;
    match request.path.as_str() {
        "/.well-known/openid-configuration" => json(json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        })),
        "/keys" => json(json!({ "keys": [shared.lock().key.public()] })),
        "/authorize" => authorize(request, &mut shared.lock()),
        "/token" => match token(request, shared) {
            Some(answer) => json(answer),
            None => (
                400,
                "content-type: application/json\r\n".to_owned(),
                r#"{"error":"invalid_grant"}"#.to_owned(),
            ),
        },
        "/userinfo" if request.authorization == "Bearer access" => {
            let state = shared.lock();
            let mut told = state.userinfo.clone();
            told.insert("sub".to_owned(), state.claims["sub"].clone());
            json(Value::Object(told))
        }
        _ => (404, String::new(), String::new()),
    }
}

/// Logs in whoever the test said, without asking, and sends the browser back.
fn authorize(request: &Request, state: &mut State) -> (u16, String, String) {
    let asked = &request.query;
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|found| found == value);
    let complete = is("client_id", CLIENT.0)
        && is("response_type", "code")
        && is("code_challenge_method", "S256")
        && ["redirect_uri", "state", "nonce", "code_challenge"].iter().all(|name| asked.contains_key(*name))
        && asked.get("scope").is_some_and(|scope| scope.split(' ').any(|it| it == "openid"));
    if !complete {
        return (400, String::new(), format!("{asked:?}"));
    }
    let code = format!("code-{}", state.codes.len() + 1);
    let location = format!("location: {}?code={code}&state={}\r\n", asked["redirect_uri"], asked["state"]);
    state.codes.insert(code, asked.clone());
    (302, location, String::new())
}

/// Gives a token for a code, once, to the client that began.
fn token(request: &Request, shared: &Shared) -> Option<Value> {
    let form = pairs(&request.body);
    let mut state = shared.lock();
    let began = state.codes.remove(form.get("code")?)?;
    let basic = STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form.get("code_verifier")?.as_bytes()));
    let proven = request.authorization == format!("Basic {basic}")
        && began["code_challenge"] == challenge
        && form.get("redirect_uri") == began.get("redirect_uri");
    let nonce = &began["nonce"];
    proven.then(|| {
        json!({
            "access_token": "access", "token_type": "Bearer", "expires_in": 60,
            "id_token": id_token(&state, &shared.issuer, nonce),
        })
    })
}

fn id_token(state: &State, issuer: &str, nonce: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let lie = state.lie;
    let mut claims = state.claims.clone();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", if lie == Lie::Issuer { json!("https://other.example") } else { json!(issuer) });
    set("aud", json!(if lie == Lie::Audience { "other" } else { CLIENT.0 }));
    set("iat", json!(if lie == Lie::Expired { now - 7200 } else { now }));
    set("exp", json!(if lie == Lie::Expired { now - 3600 } else { now + 300 }));
    match lie {
        Lie::NoNonce => None,
        Lie::Nonce => set("nonce", json!("other")),
        _ => set("nonce", json!(nonce)),
    };
    let other = (lie == Lie::UnknownKey).then(Key::new);
    let key = other.as_ref().unwrap_or(&state.key);
    let header = match lie {
        Lie::Unsigned => json!({"alg": "none", "typ": "JWT"}),
        Lie::SharedSecret => json!({"alg": "HS256", "typ": "JWT"}),
        _ => json!({"alg": "ES256", "typ": "JWT", "kid": key.id}),
    };
    let part = |value: &str| URL_SAFE_NO_PAD.encode(value);
    let text = format!("{}.{}", part(&header.to_string()), part(&Value::Object(claims).to_string()));
    let ecdsa = |text: &str| {
        key.pair.sign(&SystemRandom::new(), text.as_bytes()).expect("random numbers").as_ref().to_vec()
    };
    let signature = match lie {
        Lie::Unsigned => Vec::new(),
        Lie::Signature => ecdsa("something else"),
        Lie::SharedSecret => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, CLIENT.1.as_bytes());
            ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        }
        _ => ecdsa(&text),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
