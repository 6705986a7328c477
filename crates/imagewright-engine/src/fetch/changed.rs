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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Seek};

    use imagewright_model::TrustSettings;
    use imagewright_testkit::http::HttpServer;

    use super::*;

    #[test]
    fn what_has_not_changed_is_not_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "one").unwrap();
        let server = HttpServer::serve(folder.path()).unwrap();
        let fetcher = Fetcher::new(&TrustSettings::default()).unwrap();
        let fetch = |url: &SecretUrl, etag: Option<&str>| {
            let mut target = tempfile::tempfile().unwrap();
            let changed = fetcher.fetch_changed(url, etag, 100, &mut target, &mut |_| {}).unwrap();
            let mut text = String::new();
            target.rewind().unwrap();
            target.read_to_string(&mut text).unwrap();
            (changed, text)
        };
        for url in [format!("{}/file", server.url()), format!("file://{}", file.display())] {
            let url = SecretUrl::new(url);
            fs::write(&file, "one").unwrap();
            let (Changed::Yes(Some(tag)), text) = fetch(&url, None) else { panic!("{url} has no tag") };
            assert_eq!(text, "one");
            assert_eq!(fetch(&url, Some(&tag)), (Changed::No, String::new()), "{url}");
            fs::write(&file, "another").unwrap();
            let (changed, text) = fetch(&url, Some(&tag));
            assert!(matches!(changed, Changed::Yes(Some(other)) if other != tag), "{url}");
            assert_eq!(text, "another");
        }
    }
}
