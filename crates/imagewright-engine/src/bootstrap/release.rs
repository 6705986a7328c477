//! An archive's signed table of contents for one suite: `InRelease`.

use std::collections::HashMap;
use std::path::Path;

use imagewright_model::SecretUrl;
use imagewright_oci::Digest;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::BootstrapError;
use super::signature;
use super::stanza;
use crate::fetch::{FetchError, Fetcher};

/// The largest `InRelease` that is read; real ones have about 0.3 MB.
const SIZE_LIMIT: u64 = 16 << 20;

/// The forms of a package list, best first.
const LIST_FORMS: [&str; 3] = [".xz", ".gz", ""];

/// What a verified `InRelease` says.
pub(super) struct Release {
    /// Where the suite's files are.
    folder: SecretUrl,
    names: [Option<String>; 2],
    pub(super) date: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    by_hash: bool,
    /// The package lists of one architecture by their paths.
    files: HashMap<String, (u64, Digest)>,
}

/// A package list as the release announces it.
pub(super) struct PackageList {
    /// Where it is named by its digest, which does not change while a mirror is updated.
    pub(super) url_by_digest: Option<SecretUrl>,
    pub(super) url: SecretUrl,
    pub(super) size: u64,
    pub(super) digest: Digest,
    /// `.xz`, `.gz` or nothing.
    pub(super) form: &'static str,
}

impl Release {
    /// Fetches and verifies the release file of a suite.
    pub(super) fn fetch(
        fetcher: &Fetcher,
        archive: &SecretUrl,
        suite: &str,
        architecture: &str,
        keyring: &Path,
        scratch: &Path,
    ) -> Result<Self, BootstrapError> {
        let folder = below(archive, &format!("dists/{suite}"));
        let url = below(&folder, "InRelease");
        let message = fetcher.fetch_bytes(&url, SIZE_LIMIT).map_err(|source| match source {
            FetchError::NotFound { .. } => {
                BootstrapError::NoSuite { suite: suite.to_owned(), uri: archive.clone() }
            }
            source => BootstrapError::Fetch { what: format!("the release file of `{suite}`"), source },
        })?;
        let text = signature::verified_text("gpgv", keyring, &message, scratch)
            .map_err(|source| BootstrapError::Signature { url: url.clone(), source })?;
        let wrong = |problem| BootstrapError::Release { url, problem };
        let release = Self::parse(&text, architecture, folder).map_err(wrong.clone())?;
        release.check_suite(suite).map_err(wrong)?;
        Ok(release)
    }

    fn parse(text: &str, architecture: &str, folder: SecretUrl) -> Result<Self, String> {
        let stanzas = stanza::parse(text).map_err(|error| format!("is malformed in line {}", error.line))?;
        let [stanza] = stanzas.as_slice() else { return Err("does not hold exactly one stanza".to_owned()) };
        let name = |field| stanza.get(field).map(str::to_owned);
        let date = |field| match stanza.get(field) {
            Some(text) => match date_of(text) {
                Some(date) => Ok(Some(date)),
                None => Err(format!("has a `{field}` that is no date: `{text}`")),
            },
            None => Ok(None),
        };
        Ok(Self {
            names: [name("Codename"), name("Suite")],
            date: date("Date")?,
            valid_until: date("Valid-Until")?,
            by_hash: stanza.get("Acquire-By-Hash") == Some("yes"),
            files: package_lists(stanza.get("SHA256").unwrap_or_default(), architecture)?,
            folder,
        })
    }

    /// A mirror must not answer with another suite's file, however well signed.
    fn check_suite(&self, suite: &str) -> Result<(), String> {
        if self.names.iter().flatten().any(|name| name == suite) {
            return Ok(());
        }
        let names: Vec<String> = self.names.iter().flatten().map(|name| format!("`{name}`")).collect();
        Err(format!("is for the suite {}, not for `{suite}`", names.join(" or ")))
    }

    /// Since when the file should not be used any more, when that time has come.
    pub(super) fn expired(&self, now: Timestamp) -> Option<Timestamp> {
        self.valid_until.filter(|until| *until < now)
    }

    /// The package list of a component.
    pub(super) fn package_list(&self, component: &str, architecture: &str) -> Option<PackageList> {
        let path = format!("{component}/binary-{architecture}/Packages");
        let (form, (size, digest)) =
            LIST_FORMS.iter().find_map(|form| Some((*form, self.files.get(&format!("{path}{form}"))?)))?;
        let folder = path.trim_end_matches("/Packages");
        let by_digest = || below(&self.folder, &format!("{folder}/by-hash/SHA256/{}", digest.hex()));
        Some(PackageList {
            url_by_digest: self.by_hash.then(by_digest),
            url: below(&self.folder, &format!("{path}{form}")),
            size: *size,
            digest: digest.clone(),
            form,
        })
    }
}

/// The address of something below another one.
pub(super) fn below(url: &SecretUrl, path: &str) -> SecretUrl {
    SecretUrl::new(format!("{}/{path}", url.expose().trim_end_matches('/')))
}

/// A date as in mails; Ubuntu writes hours before ten with a blank.
fn date_of(text: &str) -> Option<Timestamp> {
    let padded = |word: &str| if word.find(':') == Some(1) { format!("0{word}") } else { word.to_owned() };
    let words: Vec<String> = text.split_whitespace().map(padded).collect();
    rfc2822::parse(&words.join(" ")).ok().map(|date| date.timestamp())
}

/// The lines `digest size path` that are about package lists of the architecture.
fn package_lists(lines: &str, architecture: &str) -> Result<HashMap<String, (u64, Digest)>, String> {
    let part = format!("/binary-{architecture}/Packages");
    let mut files = HashMap::new();
    for line in lines.lines().filter(|line| line.contains(&part)) {
        let mut words = line.split_whitespace();
        let (Some(hex), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!("lists a file without digest, size and path: `{line}`"));
        };
        let digest: Digest =
            format!("sha256:{hex}").parse().map_err(|_| format!("lists a wrong digest: `{line}`"))?;
        let size = size.parse().map_err(|_| format!("lists a wrong size: `{line}`"))?;
        files.insert(path.to_owned(), (size, digest));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn release(text: &str) -> Result<Release, String> {
        Release::parse(text, "amd64", SecretUrl::new("http://mirror.example/debian/dists/trixie"))
    }

    #[test]
    fn the_best_form_of_a_list_is_found() {
        let text = format!(
            "Suite: stable\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nAcquire-By-Hash: yes\nSHA256:\n \
             {HEX} 12 main/binary-amd64/Packages\n {HEX} 34 main/binary-amd64/Packages.xz\n \
             {HEX} 56 main/binary-i386/Packages.xz\n {HEX} 78 contrib/binary-amd64/Packages.gz\n"
        );
        let release = release(&text).unwrap();
        assert_eq!(release.date.unwrap().to_string(), "2026-09-12T07:55:41Z");
        let list = release.package_list("main", "amd64").unwrap();
        assert_eq!((list.form, list.size), (".xz", 34));
        let folder = "http://mirror.example/debian/dists/trixie/main/binary-amd64";
        assert_eq!(list.url_by_digest.unwrap().expose(), format!("{folder}/by-hash/SHA256/{HEX}"));
        assert_eq!(list.url.expose(), format!("{folder}/Packages.xz"));
        assert_eq!(release.package_list("contrib", "amd64").unwrap().form, ".gz");
        assert!(release.package_list("non-free", "amd64").is_none());
        for suite in ["trixie", "stable"] {
            assert_eq!(release.check_suite(suite), Ok(()));
        }
        let problem = release.check_suite("bookworm").unwrap_err();
        assert_eq!(problem, "is for the suite `trixie` or `stable`, not for `bookworm`");
    }

    #[test]
    fn dates_are_read_as_archives_write_them() {
        for text in [
            "Fri, 20 Nov 2026 02:27:59 UTC",
            "Fri, 20 Nov 2026  2:27:59 UTC",
            "Fri, 20 Nov 2026 02:27:59 +0000",
        ] {
            assert_eq!(date_of(text).unwrap().to_string(), "2026-11-20T02:27:59Z");
        }
    }

    #[test]
    fn old_files_are_noticed() {
        let text = "Codename: trixie\nValid-Until: Sat, 12 Sep 2026 07:55:41 UTC\n";
        let release = release(text).unwrap();
        let until: Timestamp = "2026-09-12T07:55:41Z".parse().unwrap();
        assert_eq!(release.expired(until), None);
        assert_eq!(release.expired(until + jiff::SignedDuration::from_secs(1)), Some(until));
    }

    #[test]
    fn malformed_files_are_refused() {
        for (text, problem) in [
            ("", "exactly one stanza"),
            ("A: b\n\nC: d\n", "exactly one stanza"),
            ("nonsense\n", "malformed in line 1"),
            ("Date: yesterday\n", "no date: `yesterday`"),
            ("SHA256:\n abc 1 main/binary-amd64/Packages\n", "wrong digest"),
            ("SHA256:\n abc main/binary-amd64/Packages\n", "without digest, size and path"),
        ] {
            let found = release(text).err().unwrap();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
