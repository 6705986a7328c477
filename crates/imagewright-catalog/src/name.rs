//! Names of images and groups: what stands in addresses and references.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest name: that of a label of DNS, which Kubernetes takes for values of labels, too.
const LONGEST: usize = 63;

/// A name of lower case letters, digits, `-` and `.`, which begins and ends with a letter or digit and has no two dots, or dot
/// and hyphen, beside each other. So it is a component of a repository's name and a name of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "analysis", pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", max_length = 63)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is there.
    #[error("a name is empty")]
    Empty,
    /// It is too long.
    #[error("`{0}` has more than 63 characters")]
    TooLong(String),
    /// A character or its place is wrong.
    #[error(
        "`{0}` is no name: lower case letters, digits, `-` and `.` are, with a letter or digit at both ends and \
         beside each dot"
    )]
    Malformed(String),
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made of a free text: what cannot stand in a name becomes a hyphen. If nothing is left, it is `otherwise`.
    pub fn from_text(text: &str, otherwise: &Self) -> Self {
        let mut made = String::new();
        for character in text.chars().flat_map(char::to_lowercase).flat_map(plain) {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            match character {
                c if is_word(c) => made.push(c),
                '.' if made.ends_with(is_word) => made.push('.'),
                // A dot with no letter behind it separates as a hyphen does.
                _ if made.ends_with('.') => {
                    made.pop();
                    made.push('-');
                }
                _ if made.ends_with(is_word) => made.push('-'),
                _ => (),
            }
            if made.len() == LONGEST {
                break;
            }
        }
        let made = made.trim_end_matches(['-', '.']);
        if made.is_empty() { otherwise.clone() } else { Self(made.to_owned()) }
    }

    /// This name, or the first of `name-2`, `name-3`, … that is not taken.
    pub fn made_unique(&self, taken: impl Fn(&str) -> bool) -> Self {
        let numbered = (2_u64..).map(|number| {
            let end = format!("-{number}");
            let kept = self.0[..self.0.len().min(LONGEST - end.len())].trim_end_matches(['-', '.']);
            Self(format!("{kept}{end}"))
        });
        let mut candidates = std::iter::once(self.clone()).chain(numbered);
        candidates.find(|name| !taken(&name.0)).expect("numbers do not end")
    }
}

/// Letters of European languages without their marks. Others have no form here.
fn plain(character: char) -> impl Iterator<Item = char> {
    let text: &'static str = match character {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
        'ù' | 'ú' | 'û' => "u",
        'ý' | 'ÿ' => "y",
        _ => "",
    };
    let itself = text.is_empty().then_some(character);
    itself.into_iter().chain(text.chars())
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > LONGEST {
            return Err(NameError::TooLong(text.to_owned()));
        }
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        // Between dots: words, joined by any number of hyphens.
        let is_part = |part: &str| {
            part.starts_with(is_word)
                && part.ends_with(is_word)
                && part.chars().all(|c| is_word(c) || c == '-')
        };
        match text.split('.').all(is_part) {
            true => Ok(Self(text.to_owned())),
            false => Err(NameError::Malformed(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn the_rule() {
        for text in ["a", "1", "a-b", "a--b", "a.b-1", &"a".repeat(63)] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        for text in [
            "",
            "-a",
            "a-",
            ".a",
            "a.",
            "a..b",
            "a.-b",
            "a-.b",
            "A",
            "a_b",
            "a/b",
            "ä",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_made_of_any_text() {
        let cases = [
            ("PyTorch 2.5.1 (GPU)", "pytorch-2.5.1-gpu"),
            ("Größe & Maß", "groesse-mass"),
            ("  team..analysis. x ", "team-analysis-x"),
            ("a.", "a"),
            ("日本語", "image"),
            ("", "image"),
        ];
        for (text, made) in cases {
            assert_eq!(Name::from_text(text, &name("image")).as_str(), made, "{text}");
        }
        let long = Name::from_text(&"ab.".repeat(40), &name("image"));
        assert!(long.as_str().parse::<Name>().is_ok(), "{long}");
    }

    #[test]
    fn taken_names_get_a_number() {
        let taken = ["a", "a-2"];
        assert_eq!(name("a").made_unique(|name| taken.contains(&name)).as_str(), "a-3");
        assert_eq!(name("b").made_unique(|name| taken.contains(&name)).as_str(), "b");
        let long = "a".repeat(63);
        let made = name(&long).made_unique(|name| name == long);
        assert_eq!(made.as_str(), format!("{}-2", "a".repeat(61)));
    }
}
