//! The header form of `WHEEL` and `METADATA`: lines of names and values, as in mail.

/// The headers of a text, in order; what follows the first empty line is not theirs.
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads what can be read; lines that are no headers are passed over, as installers do.
    pub(super) fn parse(text: &str) -> Self {
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        for (_, value) in &mut headers {
            *value = value.trim().to_owned();
        }
        Self(headers)
    }

    /// The values of a header, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_an_empty_line_and_may_be_folded() {
        let text = "Name: six\r\nTag:\r\n  py2-none-any\r\ntag: py3-none-any \r\nno header\r\nSummary: a\n\tb\n\nName: other\n";
        let headers = Headers::parse(text);
        assert_eq!(headers.first("Name"), Some("six"));
        assert_eq!(headers.all("Tag").collect::<Vec<_>>(), ["py2-none-any", "py3-none-any"]);
        assert_eq!(headers.first("Summary"), Some("a\n\tb"));
        assert_eq!(headers.all("Name").count(), 1);
        assert_eq!(headers.first("Version"), None);
    }
}
