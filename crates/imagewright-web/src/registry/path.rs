//! Addresses below `/v2/`: names have any number of parts, so what is asked for stands at the end.

use axum::http::Method;

/// What is asked of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Manifest(&'a str),
    Blob(&'a str),
    Uploads,
    Upload(&'a str),
    Tags,
    Referrers(&'a str),
}

impl Endpoint<'_> {
    /// What a token must be good for.
    pub(super) fn actions(&self, method: &Method) -> &'static str {
        match (self, method) {
            (Self::Uploads | Self::Upload(_), _) => "pull,push",
            (_, &Method::PUT) => "pull,push",
            (_, &Method::DELETE) => "pull,delete",
            _ => "pull",
        }
    }
}

/// The name of a repository, unchecked, and what is asked of it.
pub(super) fn parse(path: &str) -> Option<(&str, Endpoint<'_>)> {
    if let Some(name) = path.strip_suffix("/tags/list") {
        return Some((name, Endpoint::Tags));
    }
    if let Some(name) = path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads")) {
        return Some((name, Endpoint::Uploads));
    }
    let (before, last) = path.rsplit_once('/')?;
    if let Some(name) = before.strip_suffix("/manifests") {
        return Some((name, Endpoint::Manifest(last)));
    }
    if let Some(name) = before.strip_suffix("/blobs/uploads") {
        return Some((name, Endpoint::Upload(last)));
    }
    if let Some(name) = before.strip_suffix("/blobs") {
        return Some((name, Endpoint::Blob(last)));
    }
    Some((before.strip_suffix("/referrers")?, Endpoint::Referrers(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stands_at_the_end() {
        let cases = [
            ("a/manifests/1", Some(("a", Endpoint::Manifest("1")))),
            ("a/b/c/manifests/1", Some(("a/b/c", Endpoint::Manifest("1")))),
            ("a/manifests/manifests/1", Some(("a/manifests", Endpoint::Manifest("1")))),
            ("a/blobs/sha256:0", Some(("a", Endpoint::Blob("sha256:0")))),
            ("a/blobs/uploads/", Some(("a", Endpoint::Uploads))),
            ("a/blobs/uploads", Some(("a", Endpoint::Uploads))),
            ("a/blobs/uploads/0", Some(("a", Endpoint::Upload("0")))),
            ("a/tags/list", Some(("a", Endpoint::Tags))),
            ("a/referrers/sha256:0", Some(("a", Endpoint::Referrers("sha256:0")))),
            ("../../manifests/1", Some(("../..", Endpoint::Manifest("1")))),
            ("manifests/1", None),
            ("a", None),
            ("a/other/1", None),
            ("", None),
        ];
        for (path, expected) in cases {
            assert_eq!(parse(path), expected, "{path}");
        }
    }
}
