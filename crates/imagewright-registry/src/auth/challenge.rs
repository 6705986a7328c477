//! `WWW-Authenticate`: how a registry wants to be asked (RFC 9110, section 11.6.1).

use ureq::http::{HeaderMap, header};

/// The way a registry wants credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token of a token server.
    Bearer {
        /// The address of the token server.
        realm: String,
        /// What the registry is called there.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge of an answer; a token is preferred to a password. `None` when there is none we can meet.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<Self> = values.flat_map(parse).collect();
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Self::Bearer { .. }));
        bearer.or(challenges.first()).cloned()
    }
}

/// All challenges of a header that are known, in order.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for item in items(header) {
        let (scheme, parameter) = split_scheme(item);
        if let Some(scheme) = scheme {
            found.push((scheme.to_ascii_lowercase(), Vec::new()));
        }
        if let (Some((name, value)), Some((_, parameters))) = (parameter.split_once('='), found.last_mut()) {
            parameters.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, &parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let parameter = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: parameter("realm")?,
            service: parameter("service"),
            scope: parameter("scope"),
        }),
        _ => None,
    }
}

/// The parts between commas that are not inside quotes.
fn items(header: &str) -> Vec<&str> {
    let (mut items, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (position, character) in header.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(header[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    items.push(header[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

/// Takes the name of a scheme off the beginning of an item, where there is one.
fn split_scheme(item: &str) -> (Option<&str>, &str) {
    let (first, rest) = item.split_once(' ').unwrap_or((item, ""));
    let is_parameter = first.contains('=') || rest.trim_start().starts_with('=');
    if is_parameter { (None, item) } else { (Some(first), rest.trim_start()) }
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service: text(service), scope: text(scope) })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let (realm, service) = ("https://auth.example/token", Some("registry.example"));
        let scope = Some("repository:a/b:pull,push");
        let whole = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let spaced = r#"bearer  Realm = "https://auth.example/token" , service=registry.example"#;
        let both = r#"Basic realm="a, b", Bearer realm="https://auth.example/token""#;
        assert_eq!(of(&[whole]), bearer(realm, service, scope));
        assert_eq!(of(&[spaced]), bearer(realm, service, None));
        assert_eq!(of(&[both]), bearer(realm, None, None));
        assert_eq!(of(&[r#"Basic realm="x""#, whole]), bearer(realm, service, scope));
        assert_eq!(of(&[r#"Bearer realm="a\"b\\c",error="invalid_token""#]), bearer("a\"b\\c", None, None));
        assert_eq!(of(&[r#"Basic realm="Registry Realm""#]), Some(Challenge::Basic));
        assert_eq!(of(&["BASIC"]), Some(Challenge::Basic));
        assert_eq!(of(&["Negotiate, Basic realm=x"]), Some(Challenge::Basic));
    }

    #[test]
    fn what_cannot_be_met_is_none() {
        for value in [
            "",
            "Negotiate",
            "Bearer service=\"x\"",
            "Bearer realm=\"\"",
            ",,,",
            "=",
            "Digest realm=\"x\", nonce=\"y\"",
        ] {
            assert_eq!(of(&[value]), None, "{value}");
        }
        assert_eq!(of(&[]), None);
    }
}
