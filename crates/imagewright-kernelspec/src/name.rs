//! Names of kernelspecs: those of their folders.

use std::fmt;
use std::str::FromStr;

use crate::KernelspecError;

/// Names that are as like as this may be meant.
pub(crate) const LIKE: f64 = 0.8;
/// The longest name of a folder that file systems take.
const LONGEST: usize = 255;

/// The name of a kernelspec: letters, digits, `.`, `-` and `_`. Jupyter lists names in lower case and takes them in any case, so they are
/// in lower case here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelspecName(String);

impl KernelspecName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one of several names that may be meant.
    pub fn nearest<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let near = names.into_iter().map(|name| (strsim::jaro_winkler(self.as_str(), name), name));
        let best =
            near.filter(|(likeness, _)| *likeness > LIKE).max_by(|one, other| one.0.total_cmp(&other.0));
        best.map(|(_, name)| name)
    }

    /// The name that is as near to a text as names may be; none where nothing of it is left.
    pub fn like(text: &str) -> Option<Self> {
        let mut name = String::new();
        for character in text.chars() {
            match character {
                'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '-' | '_' => {
                    name.push(character.to_ascii_lowercase());
                }
                _ if !name.ends_with('_') => name.push('_'),
                _ => {}
            }
        }
        let name = name.trim_matches(['.', '-', '_']);
        is_name(name).then(|| Self(name.to_owned()))
    }
}

impl FromStr for KernelspecName {
    type Err = KernelspecError;

    fn from_str(text: &str) -> Result<Self, KernelspecError> {
        if !is_name(text) {
            return Err(KernelspecError::Name { name: text.to_owned(), like: Self::like(text) });
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    // A folder that begins with a dot is hidden, and two of those names are not names at all.
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

impl fmt::Display for KernelspecName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_that_jupyter_takes() {
        for (text, name) in [("Python_MyKernel", "python_mykernel"), ("r-4.5", "r-4.5"), ("_", "_")] {
            assert_eq!(text.parse::<KernelspecName>().unwrap().as_str(), name);
        }
        for text in ["", ".", "..", ".x", "a b", "a/b", "ä", "a\n", &"x".repeat(256)] {
            assert!(text.parse::<KernelspecName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_made_of_what_people_say() {
        for (text, name) in [("My Custom Kernel", "my_custom_kernel"), ("R (CPU)", "r_cpu"), ("../x", "x")] {
            assert_eq!(KernelspecName::like(text).unwrap().as_str(), name);
        }
        assert_eq!(KernelspecName::like("???"), None);
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let name: KernelspecName = "python_dokcer".parse().unwrap();
        assert_eq!(name.nearest(["r_docker", "python_docker", "scala"]), Some("python_docker"));
        assert_eq!(name.nearest(["zzz"]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_said_leads_to_a_name_or_none(text in ".{0,300}") {
            if let Some(name) = KernelspecName::like(&text) {
                prop_assert_eq!(name.as_str().parse::<KernelspecName>().unwrap(), name);
            }
        }
    }
}
