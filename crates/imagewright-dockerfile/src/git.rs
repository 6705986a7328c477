//! Repositories as sources: `https://host/owner/name.git#REFERENCE:FOLDER`.

/// Files of a repository.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GitSource {
    /// Where it is, as git takes it.
    pub url: String,
    /// Branch, tag or commit; none for what the repository is at.
    pub reference: Option<String>,
    /// The folder in it that counts; none for all of it.
    pub folder: Option<String>,
}

impl GitSource {
    /// Reads a source; none where it is no repository. One is known by its protocol (`git://`, `ssh://`, `git@host:`) or by
    /// the `.git` at the end of its path.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, fragment) = match text.split_once('#') {
            Some((address, fragment)) => (address, fragment),
            None => (text, ""),
        };
        let is_web = address.starts_with("https://") || address.starts_with("http://");
        let is_git = address.starts_with("git://") || address.starts_with("ssh://");
        if !(is_git || is_short(address) || (is_web && address.ends_with(".git"))) {
            return None;
        }
        let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Some(Self { url: address.to_owned(), reference: given(reference), folder: given(folder) })
    }

    /// Whether it is one commit and no other, whatever happens to the repository.
    pub fn names_a_commit(&self) -> bool {
        let is_commit = |text: &String| {
            [40, 64].contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit())
        };
        self.reference.as_ref().is_some_and(is_commit)
    }

    /// The name of the repository.
    pub fn name(&self) -> &str {
        let path = self.url.trim_end_matches('/');
        let last = path.rsplit(['/', ':']).next().unwrap_or_default();
        last.strip_suffix(".git").unwrap_or(last)
    }
}

/// `user@host:path`, as ssh has it.
fn is_short(address: &str) -> bool {
    let Some((user, rest)) = address.split_once('@') else { return false };
    let plain = |text: &str| !text.is_empty() && !text.contains(['/', ':', ' ']);
    plain(user) && rest.split_once(':').is_some_and(|(host, path)| plain(host) && !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_other_sources() {
        let read = |text: &str| GitSource::parse(text).map(|git| (git.url, git.reference, git.folder));
        let some = |text: &str| Some(text.to_owned());
        for (text, url, reference, folder) in [
            ("https://host/a/b.git", "https://host/a/b.git", None, None),
            ("https://host/a/b.git#v1", "https://host/a/b.git", some("v1"), None),
            ("https://host/a/b.git#v1:docs/x", "https://host/a/b.git", some("v1"), some("docs/x")),
            ("https://host/a/b.git#:docs", "https://host/a/b.git", None, some("docs")),
            ("git://host/a", "git://host/a", None, None),
            ("ssh://git@host:22/a.git", "ssh://git@host:22/a.git", None, None),
            ("git@host:a/b.git#main", "git@host:a/b.git", some("main"), None),
        ] {
            assert_eq!(read(text), Some((url.to_owned(), reference, folder)), "{text}");
        }
        for text in ["https://host/a.tar.gz", "https://host/a.git.zip", "a.git", "user@file", "a/b@c:d", "."]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(GitSource::parse("git@host:a/b.git#main").unwrap().name(), "b");
    }
}
