//! Whom the registry lets in, and its token server at `/token`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Shared;
use super::content::Reply;
use super::http::{Recorded, form_values};

/// Whom the registry lets in.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// Everybody.
    #[default]
    None,
    /// Who sends this user name and password with each request.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// Who brings a token of its token server.
    Token {
        /// The user name that gets tokens for everything.
        username: String,
        /// The user's password.
        password: String,
        /// The token that does instead of the password.
        identity_token: String,
        /// How long a token lasts, as announced and as kept.
        lifetime: Duration,
        /// How many requests a token is good for, without anybody being told.
        uses: usize,
        /// Everybody may pull.
        anonymous_pull: bool,
        /// Nobody gets a token for these repositories.
        hidden: Vec<String>,
    },
}

impl Authentication {
    /// Token authentication for `user` with `password`: tokens last, and nobody else gets one.
    pub fn token(username: &str, password: &str) -> Self {
        Self::Token {
            username: username.to_owned(),
            password: password.to_owned(),
            identity_token: format!("identity-of-{username}"),
            lifetime: Duration::from_secs(300),
            uses: usize::MAX,
            anonymous_pull: false,
            hidden: Vec::new(),
        }
    }
}

/// The tokens that were given out.
#[derive(Default)]
pub(super) struct Tokens {
    given: HashMap<String, Token>,
    number: u64,
}

struct Token {
    scopes: Vec<String>,
    until: Instant,
    uses: usize,
}

/// Whether a request may be answered; otherwise the refusal.
pub(super) fn admit(shared: &Shared, request: &Recorded) -> Result<(), Reply> {
    let authorization = request.header("authorization").unwrap_or_default();
    match &shared.options.authentication {
        Authentication::None => Ok(()),
        Authentication::Basic { username, password } => {
            if authorization == basic(username, password) {
                return Ok(());
            }
            Err(Reply::error(401, "UNAUTHORIZED", "authentication required")
                .header("www-authenticate", "Basic realm=\"Registry, of tests\""))
        }
        Authentication::Token { .. } => admit_token(shared, request, authorization),
    }
}

fn admit_token(shared: &Shared, request: &Recorded, authorization: &str) -> Result<(), Reply> {
    let needed = needed_scopes(request);
    let mut state = shared.state();
    let token = authorization.strip_prefix("Bearer ").and_then(|token| state.tokens.given.get_mut(token));
    let error = match token {
        None => "",
        Some(token) if token.uses == 0 || token.until <= Instant::now() => "invalid_token",
        Some(token) => {
            token.uses -= 1;
            let missing = needed.iter().any(|scope| !token.scopes.contains(scope));
            if !missing {
                return Ok(());
            }
            "insufficient_scope"
        }
    };
    let mut challenge = format!("Bearer realm=\"http://{}/token\",service=\"registry.test\"", shared.address);
    if !needed.is_empty() {
        challenge.push_str(&format!(",scope=\"{}\"", needed.join(" ")));
    }
    if !error.is_empty() {
        challenge.push_str(&format!(",error=\"{error}\""));
    }
    Err(Reply::error(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", &challenge))
}

/// The scopes a request needs, one action each.
fn needed_scopes(request: &Recorded) -> Vec<String> {
    let path = request.plain_path().strip_prefix("/v2/").unwrap_or_default();
    let end =
        ["/blobs/", "/manifests/", "/tags/", "/referrers/"].iter().filter_map(|part| path.find(part)).min();
    let Some(repository) = end.map(|end| &path[..end]) else { return Vec::new() };
    let actions: &[&str] = match request.method.as_str() {
        "DELETE" if !path.contains("/blobs/uploads/") => &["delete"],
        "GET" | "HEAD" if !path.contains("/blobs/uploads/") => &["pull"],
        _ => &["pull", "push"],
    };
    actions.iter().map(|action| format!("repository:{repository}:{action}")).collect()
}

/// Whether the bearer of the request's token may pull from `repository`: what a mount needs.
pub(super) fn may_pull(shared: &Shared, request: &Recorded, repository: &str) -> bool {
    if !matches!(shared.options.authentication, Authentication::Token { .. }) {
        return true;
    }
    let token =
        request.header("authorization").and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    let scope = format!("repository:{repository}:pull");
    shared.state().tokens.given.get(token).is_some_and(|token| token.scopes.contains(&scope))
}

/// The token server.
pub(super) fn give_token(shared: &Shared, request: &Recorded, body: &[u8]) -> Reply {
    let Authentication::Token { username, password, identity_token, lifetime, uses, anonymous_pull, hidden } =
        &shared.options.authentication
    else {
        return Reply::error(404, "UNSUPPORTED", "no token server here");
    };
    let form = String::from_utf8_lossy(body);
    let (is_known, asked, service) = if request.method == "POST" {
        let field = |name: &str| form_values(&form, name).into_iter().next().unwrap_or_default();
        let is_known = field("grant_type") == "refresh_token" && field("refresh_token") == *identity_token;
        (Some(is_known), field("scope").split(' ').map(str::to_owned).collect(), field("service"))
    } else {
        let is_known = request.header("authorization").map(|text| text == basic(username, password));
        (is_known, request.parameters("scope"), request.parameter("service").unwrap_or_default())
    };
    if service != "registry.test" {
        return Reply::error(400, "UNKNOWN_SERVICE", "no such service");
    }
    if is_known == Some(false) {
        return Reply::json(401, &json!({ "details": "incorrect username or password" }));
    }
    let scopes: Vec<String> = asked.iter().flat_map(|scope| single_actions(scope)).collect();
    let is_hidden =
        |scope: &String| hidden.iter().any(|name| scope.starts_with(&format!("repository:{name}:")));
    if scopes.iter().any(is_hidden) {
        return Reply::error(403, "DENIED", "no access to one of the repositories");
    }
    let granted = |scope: &String| is_known == Some(true) || (*anonymous_pull && scope.ends_with(":pull"));
    let scopes = scopes.into_iter().filter(granted).collect();
    let mut state = shared.state();
    state.tokens.number += 1;
    let name = format!("token-{}", state.tokens.number);
    state.tokens.given.insert(name.clone(), Token { scopes, until: Instant::now() + *lifetime, uses: *uses });
    Reply::json(200, &json!({ "token": name, "expires_in": lifetime.as_secs() }))
}

/// `repository:a:pull,push` as one scope for each action.
fn single_actions(scope: &str) -> Vec<String> {
    let Some((resource, actions)) = scope.rsplit_once(':') else { return Vec::new() };
    actions.split(',').map(|action| format!("{resource}:{action}")).collect()
}

fn basic(username: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Basic ".to_owned();
    for group in format!("{username}:{password}").as_bytes().chunks(3) {
        let bits =
            (0..3).fold(0, |bits, index| bits << 8 | usize::from(group.get(index).copied().unwrap_or(0)));
        for position in 0..4 {
            let digit = char::from(ALPHABET[bits >> (18 - 6 * position) & 63]);
            text.push(if position <= group.len() { digit } else { '=' });
        }
    }
    text
}
