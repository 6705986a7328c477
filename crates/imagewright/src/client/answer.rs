//! What a server answers, and what it says where it does not.

use std::io::Read as _;

use imagewright_model::ErrorKind;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Response;

use super::Client;
use crate::failure::Failure;

/// The longest answer that is read at once.
const LONGEST: u64 = 64 * 1024 * 1024;

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
    /// The answer as JSON; nothing where it is empty.
    pub(super) fn answer(&self, response: Response<ureq::Body>) -> Result<Value, Failure> {
        let mut text = String::new();
        self.checked(response)?.into_body().into_reader().take(LONGEST).read_to_string(&mut text)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| self.no_server())
    }

    /// The answer, if it is none that says why there is none.
    pub(super) fn checked(&self, response: Response<ureq::Body>) -> Result<Response<ureq::Body>, Failure> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut text = String::new();
        let read = response.into_body().into_reader().take(LONGEST).read_to_string(&mut text);
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
