//! Addresses of indexes and distributions: no secrets in them, nothing of this machine.

use super::RequirementError;

/// The address in `https://…`, `git+https://…` or `NAME @ https://…`.
pub(super) fn address_of(text: &str) -> Option<&str> {
    let before = &text[..text.find("://").or_else(|| text.find("file:"))?];
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '@').next().unwrap_or_default();
    let start = before.len() - word.len();
    Some(text[start..].trim_start())
}

/// A character of an address, up to its marker, after which uv would go on with something else: an option after a
/// blank, the next line after a backslash.
pub(super) fn stray_character(address: &str) -> Option<char> {
    let end =
        address.match_indices(';').map(|(at, _)| at).find(|at| address[..*at].ends_with(char::is_whitespace));
    let address = address[..end.unwrap_or(address.len())].trim_end();
    address.chars().find(|c| c.is_whitespace() || *c == '\\')
}

/// Whether an address gives away a secret. The user in `git+ssh://git@host` is none.
pub(super) fn has_credentials(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match authority.rsplit_once('@') {
        Some((user, _)) => user.contains(':') || !scheme.ends_with("ssh"),
        None => false,
    }
}

/// Whether one of the addresses in a text gives away a user name, a password, or a token in its path, as channels of conda take
/// it: `https://HOST/t/TOKEN/CHANNEL`.
pub(super) fn gives_away_secret(text: &str) -> bool {
    let mut addresses = text.match_indices("://").map(|(at, _)| &text[at..]);
    addresses.any(|address| has_credentials(address) || crate::secret::token_range(address).is_some())
}

/// Checks the address of an index or of a page of distributions.
pub(super) fn check_address(text: &str) -> Result<String, RequirementError> {
    if has_credentials(text) {
        return Err(RequirementError::Credentials);
    }
    if has_variable(text) {
        return Err(RequirementError::Variable(text.to_owned()));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    if rest.is_empty() || rest.starts_with('/') || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(RequirementError::Address(text.to_owned()));
    }
    Ok(text.to_owned())
}

/// Whether pip would put an environment variable in: `${NAME}`.
pub(super) fn has_variable(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| rest.contains('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_indexes() {
        for text in ["https://mirror.example/simple", "http://localhost:8080/simple/"] {
            assert_eq!(check_address(text).unwrap(), text);
        }
        let cases = [
            ("https://user:secret@mirror.example/simple", RequirementError::Credentials),
            ("https://${USER}@mirror.example", RequirementError::Credentials),
            ("https://${HOST}/simple", RequirementError::Variable("https://${HOST}/simple".into())),
            ("./wheels", RequirementError::Address("./wheels".into())),
            ("file:///srv", RequirementError::Address("file:///srv".into())),
            ("https://", RequirementError::Address("https://".into())),
            ("https:///x", RequirementError::Address("https:///x".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(check_address(text), Err(expected));
        }
    }

    #[test]
    fn addresses_in_requirements() {
        let cases = [
            ("numpy>=2", None),
            ("https://mirror.example/x.whl", Some("https://mirror.example/x.whl")),
            ("x @ git+https://mirror.example/x.git@v1", Some("git+https://mirror.example/x.git@v1")),
            ("x@https://mirror.example/x.whl", Some("https://mirror.example/x.whl")),
            ("x @ file:./x", Some("file:./x")),
            ("x\u{2000}://y", Some("://y")),
        ];
        for (text, address) in cases {
            assert_eq!(address_of(text), address, "{text}");
        }
    }
}
