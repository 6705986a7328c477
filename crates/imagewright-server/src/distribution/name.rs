//! Names of repositories.

use std::fmt;
use std::str::FromStr;

use imagewright_catalog::Name;
use imagewright_oci::Reference;

use super::DistributionError;

/// The name of a repository, of one or many parts (distribution specification, "Pulling manifests").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The name as it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first slash.
    pub(crate) fn group(&self) -> Option<Name> {
        self.0.split_once('/')?.0.parse().ok()
    }
}

impl FromStr for RepositoryName {
    type Err = DistributionError;

    fn from_str(text: &str) -> Result<Self, DistributionError> {
        // The host keeps a first part from being taken for one.
        let parsed: Result<Reference, _> = format!("registry.example/{text}").parse();
        match parsed {
            Ok(reference) if reference.repository() == text => Ok(Self(text.to_owned())),
            Ok(_) => {
                Err(DistributionError::Name(text.to_owned(), "a name has neither tag nor digest".to_owned()))
            }
            Err(error) => Err(DistributionError::Name(text.to_owned(), error.to_string())),
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_many_parts_and_lead_nowhere_else() {
        for text in ["a", "team/a", "a/b/c/d", "a__b", "a-b.c", "manifests/blobs"] {
            assert!(text.parse::<RepositoryName>().is_ok(), "{text}");
        }
        let long = "a".repeat(256);
        for text in [
            "", "A", "a/", "/a", "a//b", "..", "../a", "a/../b", ".", "a:1", "a@b", "a b", "a%2fb", "a\0",
            &long,
        ] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_group_stands_before_the_first_slash() {
        let group = |text: &str| text.parse::<RepositoryName>().unwrap().group().map(|name| name.to_string());
        assert_eq!(group("ml/a/b").as_deref(), Some("ml"));
        assert_eq!(group("ml"), None);
        assert_eq!(group("m_l/a"), None);
    }
}
