//! Requests that are carried out once, however often they come: those with an idempotency key.
//!
//! The answer is kept in the transaction of what it is about. So whoever asks again after a break, whenever the server died, either
//! finds the answer or finds nothing done. A request that was refused has done nothing, and is tried again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use imagewright_catalog::{PersonId, Principal};
use imagewright_records::{RecordsError, StoredAnswer, Work};
use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Server, ServerError};

/// How long answers are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Characters of the longest key.
const LONGEST_KEY: usize = 255;

/// A request that came with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repeatable {
    /// Its SHA-256.
    key: String,
    request: String,
}

impl Repeatable {
    /// `key` as it was sent, and the parts by which this request is told from others. Nothing where that is no key: 1 to 255 visible
    /// characters.
    pub fn new(key: &str, request: &[&[u8]]) -> Option<Self> {
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        // Whoever reads the records does not know the key, and cannot try which password was in the request.
        let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
        for part in request {
            signed.update(&(part.len() as u64).to_le_bytes());
            signed.update(part);
        }
        let key = hex::encode(digest::digest(&digest::SHA256, key.as_bytes()));
        Some(Self { key, request: hex::encode(signed.sign()) })
    }
}

/// Whose request is being carried out.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    person: PersonId,
    request: Repeatable,
}

/// Requests that are being carried out by this server. Of two that run at two servers, the records take one.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningRequests(Arc<Mutex<HashSet<(PersonId, String)>>>);

/// A request is running for as long as this is there.
struct Running<'a> {
    all: &'a RunningRequests,
    key: (PersonId, String),
}

impl RunningRequests {
    fn begin(&self, key: (PersonId, String)) -> Option<Running<'_>> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_first.then_some(Running { all: self, key })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Server {
    /// Carries out what was asked for, unless it was before: then the answer is the same again. What `work` is given commits with
    /// `commit`.
    pub async fn once<T, F>(
        &self,
        principal: &Principal,
        request: Option<Repeatable>,
        work: impl FnOnce(Self) -> F,
    ) -> Result<T, ServerError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, ServerError>>,
    {
        let Some((person, request)) = principal.person.clone().zip(request) else {
            return work(self.clone()).await;
        };
        let key = (person.clone(), request.key.clone());
        let _running = self.running_requests.begin(key).ok_or(ServerError::StillRunning)?;
        let asked = Arc::new(Asked { person, request });
        if let Some(answer) = self.known_answer(&asked).await? {
            return Ok(answer);
        }
        let done = work(Self { asked: Some(Arc::clone(&asked)), ..self.clone() }).await;
        match done {
            Ok(answer) => Ok(answer),
            // Another server may have been first, and this one was in its own way.
            Err(error) => match self.known_answer(&asked).await? {
                Some(answer) => Ok(answer),
                None => Err(error),
            },
        }
    }

    async fn known_answer<T: DeserializeOwned>(&self, asked: &Asked) -> Result<Option<T>, ServerError> {
        let key = (&asked.person, asked.request.key.as_str());
        let Some(stored) = self.records.look().await?.answer(key, self.answers_since()).await? else {
            return Ok(None);
        };
        if stored.request != asked.request.request {
            return Err(ServerError::KeyReused);
        }
        let read = serde_json::from_str(&stored.answer);
        read.map(Some).map_err(|source| {
            RecordsError::Corrupt { what: "an answer".to_owned(), source: source.into() }.into()
        })
    }

    /// Makes last what was done, and with it the answer, where the request may come again.
    pub(crate) async fn commit<T: Serialize>(&self, mut work: Work, answer: &T) -> Result<(), ServerError> {
        if let Some(asked) = &self.asked {
            let request = asked.request.request.clone();
            let answer = serde_json::to_string(answer).expect("what is answered is plain data");
            let key = (&asked.person, asked.request.key.as_str());
            let times = (self.now(), self.answers_since());
            work.insert_answer(key, &StoredAnswer { request, answer }, times).await?;
        }
        Ok(work.commit().await?)
    }

    fn answers_since(&self) -> Timestamp {
        self.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let request = |key: &str, parts: &[&[u8]]| Repeatable::new(key, parts);
        let first = request("a", &[b"POST", b"/images", b"{}"]).unwrap();
        assert_eq!(request("a", &[b"POST", b"/images", b"{}"]), Some(first.clone()));
        for (key, parts) in [
            ("b", [&b"POST"[..], b"/images", b"{}"]),
            ("a", [b"POST", b"/images", b"{ }"]),
            ("a", [b"POST", b"/image", b"s{}"]),
        ] {
            assert_ne!(request(key, &parts), Some(first.clone()), "{key} {parts:?}");
        }
        for wrong in ["", "a b", "ä", "a\n", &"x".repeat(256)] {
            assert_eq!(request(wrong, &[]), None, "{wrong}");
        }
    }

    #[test]
    fn a_request_runs_once() {
        let requests = RunningRequests::default();
        let key = || (PersonId::new("ada"), "key".to_owned());
        let first = requests.begin(key());
        assert!(first.is_some() && requests.begin(key()).is_none());
        assert!(requests.begin((PersonId::new("bob"), "key".to_owned())).is_some());
        drop(first);
        assert!(requests.begin(key()).is_some());
    }
}
