//! Files that change now and then, fetched only when they have.

use std::fs::File;
use std::thread;

use imagewright_model::SecretUrl;

use super::{Answer, Ask, Expected, FetchError, Fetcher, PAUSES};

/// What became of a file that was asked for again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It is what it was.
    No,
    /// It is another one, with the tag by which its server knows it.
    Yes(Option<String>),
}

impl Fetcher {
    /// Fetches into `target` what is not the file that had the tag `etag`.
    pub(crate) fn fetch_changed(
        &self,
        url: &SecretUrl,
        etag: Option<&str>,
        limit: u64,
        target: &mut File,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<Changed, FetchError> {
        let mut pauses = PAUSES.iter();
        loop {
            match self.attempt_changed(url, etag, limit, target, on_bytes) {
                Err(error) if error.is_transient() => {
                    let Some(pause) = pauses.next() else { return Err(error) };
                    thread::sleep(*pause);
                }
                result => return result,
            }
        }
    }

    fn attempt_changed(
        &self,
        url: &SecretUrl,
        etag: Option<&str>,
        limit: u64,
        target: &mut File,
        on_bytes: &mut dyn FnMut(i64),
    ) -> Result<Changed, FetchError> {
        super::Target::restart(target).map_err(|source| FetchError::Target { url: url.clone(), source })?;
        match self.ask(url, &Ask { range: None, etag })? {
            Answer::Other(304) => Ok(Changed::No),
            Answer::Other(status) => Err(FetchError::Status { url: url.clone(), status }),
            Answer::Body { body, etag } => {
                let mut done = 0;
                let received = self.receive(body, url, &Expected::default(), limit, target, &mut |bytes| {
                    done += bytes;
                    on_bytes(bytes);
                });
                if received.is_err() {
                    on_bytes(-done);
                }
                received.map(|()| Changed::Yes(etag))
            }
        }
    }
}
