//! Pages as they are without a browser: forms are sent as browsers send them, and what comes back is text.

use serde_json::json;

use super::support::{Answer, Caller, TestServer};

/// The password of all who visit.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who has logged in.
pub(crate) struct Visit<'a> {
    caller: Caller<'a>,
    host: String,
    cookie: String,
}

impl TestServer {
    /// Adds somebody with a password.
    pub(crate) fn add_visitor(&self, root: &Caller<'_>, name: &str, admin: bool) {
        root.post("/people", &json!({"name": name, "admin": admin, "password": PASSWORD})).is(201);
    }

    /// Logs somebody in.
    pub(crate) fn visit(&self, name: &str) -> Visit<'_> {
        let (caller, host) = (self.anonymous(), self.address.clone());
        let login = caller.post("/session", &json!({"name": name, "password": PASSWORD}));
        let cookie = login.cookie("imagewright").unwrap_or_else(|| panic!("{login:?}"));
        Visit { caller, host, cookie: format!("imagewright={cookie}") }
    }
}

impl Visit<'_> {
    /// A page.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.caller.send_to("GET", path, &[("cookie", &self.cookie)], "")
    }

    /// Sends a form.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encoded = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    _ => format!("%{byte:02X}"),
                })
                .collect()
        };
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let origin = format!("http://{}", self.host);
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("origin", &origin),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.caller.send_to("POST", path, &headers, &pairs.join("&"))
    }
}

impl Answer {
    /// The page that an answer with this status holds, with its characters as people see them.
    #[track_caller]
    pub(crate) fn page(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let replaced =
            [("&#39;", "'"), ("&#34;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&#38;", "&"), ("&amp;", "&")];
        replaced.iter().fold(self.body, |text, (from, to)| text.replace(from, to))
    }

    /// Where an answer leads to.
    #[track_caller]
    pub(crate) fn leads_to(self) -> String {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location").unwrap().to_owned()
    }
}

/// What stands in a field of a page.
#[track_caller]
pub(crate) fn value_of(page: &str, name: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split_once('"').unwrap().0.to_owned()
}
