//! Having a Docker Engine push an image to where its name says.

use std::collections::BTreeMap;
use std::time::Duration;

use ::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http_body_util::BodyExt;
use imagewright_model::{ErrorKind, Progress, Stop};
use imagewright_oci::Reference;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::daemon::{Daemon, runtime};
use crate::error::DockerError;
use crate::http;
use crate::session::RegistryLogin;

/// How often somebody may have asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);
/// The longest line that a daemon tells progress by.
const LONGEST_LINE: usize = 1024 * 1024;

/// One line of what a daemon tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Line {
    /// The layer.
    id: String,
    progress_detail: Detail,
    /// Why it failed.
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    current: u64,
    total: u64,
}

impl Daemon {
    /// Has a Docker Engine push an image that it has by this name.
    pub fn push_image(
        &self,
        name: &Reference,
        login: Option<&RegistryLogin>,
        progress: &dyn Fn(Progress),
        stop: &Stop,
    ) -> Result<(), DockerError> {
        let tag = name.tag().map(|tag| format!("?tag={tag}")).unwrap_or_default();
        let path = format!("/images/{}/{}/push{tag}", name.registry(), name.repository());
        let login = login_header(name.registry(), login);
        runtime()?.block_on(async {
            let connection = self.connect().await?;
            let asked = http::request(connection, Method::POST, &path, http::Extra::Login(&login)).await?;
            let mut body = http::succeeded(asked).await?.into_body();
            let mut told = Told::default();
            loop {
                if stop.is_asked() {
                    // The daemon ends a push that nobody waits for.
                    return Err(DockerError::Cancelled);
                }
                let Ok(frame) = timeout(STOP_INTERVAL, body.frame()).await else { continue };
                let Some(frame) = frame else { return told.end() };
                let bytes = frame.map_err(DockerError::broken)?.into_data().unwrap_or_default();
                told.hear(&bytes)?;
                progress(told.progress());
            }
        })
    }
}

/// The login as Docker's interface wants it. Without one the header must still be there.
fn login_header(registry: &str, login: Option<&RegistryLogin>) -> String {
    let login = match login {
        None => json!({}),
        Some(RegistryLogin { username, secret }) if username.is_empty() => {
            json!({ "identitytoken": secret.expose(), "serveraddress": registry })
        }
        Some(RegistryLogin { username, secret }) => {
            json!({ "username": username, "password": secret.expose(), "serveraddress": registry })
        }
    };
    URL_SAFE.encode(login.to_string())
}

/// What a daemon has told of a push.
#[derive(Debug, Default)]
struct Told {
    /// The beginning of a line.
    rest: Vec<u8>,
    /// Bytes of each layer: done, and in all.
    layers: BTreeMap<String, (u64, u64)>,
}

impl Told {
    /// Takes the next bytes.
    fn hear(&mut self, bytes: &[u8]) -> Result<(), DockerError> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.understand(&line)?;
        }
        if self.rest.len() > LONGEST_LINE {
            return Err(DockerError::broken("the daemon tells a line that does not end"));
        }
        Ok(())
    }

    fn understand(&mut self, line: &[u8]) -> Result<(), DockerError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let Line { id, progress_detail: Detail { current, total }, error } =
            serde_json::from_slice(line).map_err(DockerError::broken)?;
        if let Some(message) = error {
            return Err(refused(message));
        }
        if total > 0 {
            self.layers.insert(id, (current.min(total), total));
        }
        Ok(())
    }

    /// The end of the answer. A push that failed says so before.
    fn end(&mut self) -> Result<(), DockerError> {
        let rest = std::mem::take(&mut self.rest);
        self.understand(&rest)
    }

    fn progress(&self) -> Progress {
        let (done, total) =
            self.layers.values().fold((0, 0), |(done, all), (current, total)| (done + current, all + total));
        Progress { done, total: (total > 0).then_some(total) }
    }
}

/// What a registry's answer in the daemon's words amounts to.
fn refused(message: String) -> DockerError {
    let is_denied = ["denied", "unauthorized", "authentication required", "no basic auth"]
        .iter()
        .any(|word| message.contains(word));
    let kind = if is_denied { ErrorKind::Denied } else { ErrorKind::Unavailable };
    DockerError::Failed { origin: None, message, kind }
}

#[cfg(test)]
mod tests {
    use imagewright_model::Secret;

    use super::*;

    fn decoded(login: Option<&RegistryLogin>) -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE.decode(login_header("registry.example", login)).unwrap()).unwrap()
    }

    #[test]
    fn logins_are_told_as_docker_does() {
        let login = |username: &str| RegistryLogin {
            username: username.to_owned(),
            secret: Secret::new("pass?>".to_owned()),
        };
        assert_eq!(decoded(None), json!({}));
        assert_eq!(
            decoded(Some(&login("me"))),
            json!({ "username": "me", "password": "pass?>", "serveraddress": "registry.example" })
        );
        assert_eq!(
            decoded(Some(&login(""))),
            json!({ "identitytoken": "pass?>", "serveraddress": "registry.example" })
        );
    }

    #[test]
    fn progress_is_added_up_over_layers_however_the_bytes_come() {
        let text = concat!(
            "{\"status\":\"The push refers to repository [registry.example/a]\"}\r\n",
            "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"one\"}\r\n",
            "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":3,\"total\":10},\"id\":\"one\"}\r\n",
            "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":9,\"total\":5},\"id\":\"two\"}\r\n",
            "{\"progressDetail\":{},\"aux\":{\"Tag\":\"1\",\"Size\":528}}",
        );
        for size in [1, 7, text.len()] {
            let mut told = Told::default();
            text.as_bytes().chunks(size).for_each(|bytes| told.hear(bytes).unwrap());
            told.end().unwrap();
            assert_eq!(told.progress(), Progress { done: 8, total: Some(15) }, "{size}");
        }
    }

    #[test]
    fn a_push_that_was_refused_is_an_error() {
        let heard = |text: &str| Told::default().hear(text.as_bytes()).unwrap_err().kind();
        let denied = "{\"errorDetail\":{\"message\":\"denied: no\"},\"error\":\"denied: no\"}\n";
        assert_eq!(heard(denied), ErrorKind::Denied);
        assert_eq!(heard("{\"error\":\"dial tcp: no such host\"}\n"), ErrorKind::Unavailable);
        assert_eq!(heard("no JSON\n"), ErrorKind::Unavailable);
    }
}
