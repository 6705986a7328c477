//! Elyra's runtime images, by Elyra's own REST interface: who has logged in reads, administrators change.

use imagewright_catalog::{Action, Object, Principal, Refusal, Subject, may};
use imagewright_service::metadata::RestRequest;
use jiff::tz::TimeZone;

use crate::{Server, ServerError};

pub use imagewright_service::metadata::RestResponse as ElyraAnswer;

impl Server {
    /// Answers a request whose path begins with `/elyra/`.
    pub async fn elyra(
        &self,
        principal: &Principal,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<ElyraAnswer, ServerError> {
        let is_read = matches!(method, "GET" | "HEAD");
        match is_read {
            true if !principal.is_somebody() => return Err(Refusal::NotLoggedIn.into()),
            true => (),
            false => may(principal, Action::Administer, Object::Server)?,
        }
        let Some(images) = self.runtime_images.clone() else {
            return Err(ServerError::NotFound {
                what: "folder of runtime images",
                name: "/elyra/".to_owned(),
            });
        };
        let now = self.now().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let sent: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let (asked_method, asked_path) = (method.to_owned(), path.to_owned());
        let answer = self
            .blocking(move |_| {
                let request = RestRequest { method: &asked_method, path: &asked_path, body: &body };
                images.answer(request, &now)
            })
            .await?;
        if !is_read && answer.status < 300 {
            let action = match method {
                "POST" => "added",
                "DELETE" => "deleted",
                _ => "changed",
            };
            let location = answer.headers.iter().find(|(name, _)| *name == "Location");
            let name = location.map_or(path, |(_, location)| location.as_str()).rsplit('/').next();
            let name = name.unwrap_or_default();
            let mut work = self.records.begin().await?;
            let subject = (Subject::RuntimeImage, name, name);
            work.note_change(principal, subject, action, (None, sent.as_ref()), self.now()).await?;
            work.commit().await?;
        }
        Ok(answer)
    }
}
