//! What responses say that means the same everywhere.

use std::time::Duration;

use jiff::Timestamp;
use ureq::http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::Answer;
use crate::http::Response;

/// What servers of TLS say to plain words: that they do not understand, or where to go.
pub(super) fn is_meant_for_tls(status: StatusCode) -> bool {
    status == StatusCode::BAD_REQUEST || status.is_redirection()
}

/// Whether the server may well be able to a moment later.
pub(super) fn is_overloaded(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Redirects that keep the method; those that would turn it into `GET` make sense only for reading.
pub(super) fn is_redirect(method: &Method, status: StatusCode) -> bool {
    match status.as_u16() {
        307 | 308 => true,
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

/// How long a server asks to be left alone: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A date that has passed asks for nothing.
    Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
}

/// The value of a header that is text.
pub(crate) fn header_text<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// What a refusal says.
pub(crate) fn read_answer(response: Response) -> Answer {
    Answer::read(response.status().as_u16(), response.into_body().into_reader())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_how_long_to_wait_in_seconds_or_as_a_date() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert!(wait("Sat, 06 Nov 2094 08:49:37 GMT").unwrap() > Duration::from_secs(1_000_000));
        for text in ["", "soon", "-1"] {
            assert_eq!(wait(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
