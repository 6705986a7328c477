//! What is told on the next page and on no other: in a cookie, which nobody but this server sets. In an address, others could have it say
//! what they like.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Access;

const COOKIE: &str = "imagewright-told";
/// Seconds until it is forgotten where no page tells it.
const LASTS: i64 = 60;
/// Bytes that browsers keep of a cookie, less what stands around it.
const LONGEST: usize = 2048;

/// What tells a text on the next page.
pub(super) fn set(access: &Access, text: &str) -> (HeaderName, HeaderValue) {
    let end = (0..=text.len().min(LONGEST)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    access.set_cookie(COOKIE, &URL_SAFE_NO_PAD.encode(&text[..end]), LASTS)
}

/// The lines that are to be told, and what forgets them.
pub(super) fn take(access: &Access, headers: &HeaderMap) -> (Vec<String>, Option<(HeaderName, HeaderValue)>) {
    let Some(kept) = access.cookie(headers, COOKIE) else { return (Vec::new(), None) };
    let text = URL_SAFE_NO_PAD.decode(kept.expose()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let lines = text.unwrap_or_default().lines().map(str::to_owned).collect();
    (lines, Some(access.set_cookie(COOKIE, "", 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once() {
        let access = Access::default();
        let text = format!("one `é`\ntwo {}", "é".repeat(LONGEST));
        let (_, cookie) = set(&access, &text);
        let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
        let headers = HeaderMap::from_iter([(axum::http::header::COOKIE, pair.parse().unwrap())]);
        let (lines, forgets) = take(&access, &headers);
        assert_eq!((lines.len(), lines[0].as_str()), (2, "one `é`"));
        assert!(lines[1].starts_with("two é"));
        assert!(forgets.unwrap().1.to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(take(&access, &HeaderMap::new()), (Vec::new(), None));
    }
}
