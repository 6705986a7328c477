//! What can be wrong with a Python requirement, and what its writer most likely meant.

use super::requirement::parse;

/// Why a text is not a Python requirement, or not one that can be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// There is nothing.
    #[error("the requirement is empty")]
    Empty,
    /// It begins with a dash, so pip would take it for an option.
    #[error("`{0}` begins with a dash: it is an option, not a requirement")]
    Dash(String),
    /// It is not a requirement after PEP 508.
    #[error("`{text}` is not a requirement: {reason}")]
    Syntax {
        /// The text that was refused.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A constraint names a file or folder of this machine.
    #[error("`{0}` is a path on this machine, which says nothing of a version")]
    LocalConstraint(String),
    /// It comes from a repository of a kind that uv does not know.
    #[error("`{text}` is a repository of {kind}, and only git can be fetched from")]
    Repository {
        /// The requirement.
        text: String,
        /// The program that would be needed.
        kind: &'static str,
    },
    /// It counts on an environment variable.
    #[error("`{0}` counts on an environment variable, and none are read")]
    Variable(String),
    /// An address holds a password or token. The text is not repeated.
    #[error("the address holds a user name or password")]
    Credentials,
    /// Not an address.
    #[error("`{0}` is not an address that begins with `https://` or `http://`")]
    Address(String),
    /// A hash that is none.
    #[error("`{0}` is not a hash: expected `sha256:` (or sha384, sha512) and hexadecimal digits")]
    Hash(String),
    /// Hashes for an address without a name: nothing could tell which package of the solution they are for.
    #[error("`{0}` lists hashes and has no name")]
    HashWithoutName(String),
    /// An option of pip that this program does not honour.
    #[error("option `{0}` of pip is not supported")]
    Option(String),
    /// An option without its value.
    #[error("option `{0}` lacks its value")]
    OptionValue(String),
    /// An option names something that is no package.
    #[error("option `{option}` names `{name}`, which is not a package")]
    PackageName {
        /// The option.
        option: String,
        /// What it names.
        name: String,
    },
    /// An option is given twice with different values.
    #[error("option `{0}` is given twice with different values")]
    OptionTwice(&'static str),
    /// A requirements file includes itself.
    #[error("`{0}` includes itself")]
    Cycle(String),
    /// A path leads out of the folder.
    #[error("`{0}` lies outside the folder of the spec")]
    Outside(String),
}

impl RequirementError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Syntax { text, .. } => format!("did you mean `{}`?", suggestion(text)?),
            Self::LocalConstraint(_) => "list it under the packages themselves".to_owned(),
            Self::Repository { .. } => {
                "check it out and name the folder, as `./NAME`, or name an archive of that revision"
                    .to_owned()
            }
            Self::Variable(_) => "write the value itself; secrets belong in configuration".to_owned(),
            Self::Credentials => {
                "specs hold no secrets: put the index into the configuration (`python.index`, \
                 `python.extra-indexes`)"
                    .to_owned()
            }
            Self::Dash(_) => "options stand in requirements.txt, or under `pip:` in image.yaml".to_owned(),
            Self::HashWithoutName(text) => format!("write `NAME @ {text}`"),
            Self::Option(name) if name == "--trusted-host" => {
                "put the certificate authority into the configuration (`trust.ca-bundle`)".to_owned()
            }
            Self::Option(_) => {
                "these are: -r, -c, --hash, --index-url, --extra-index-url, --find-links, --no-index, --pre, \
                 --no-binary, --only-binary, --require-hashes"
                    .to_owned()
            }
            Self::Address(_) => {
                "a folder of this machine belongs into the configuration (`python.find-links`)".to_owned()
            }
            _ => return None,
        })
    }
}

/// What the writer of a faulty requirement most likely meant.
fn suggestion(text: &str) -> Option<String> {
    let (body, marker) = match text.split_once(';') {
        Some((body, marker)) => (body, format!(";{marker}")),
        None => (text, String::new()),
    };
    let single_equals = |body: &str| {
        let at = body.find('=')?;
        let alone =
            !body[..at].ends_with(['=', '<', '>', '!', '~']) && !body[at + 1..].starts_with(['=', '<', '>']);
        // A second `=` begins a conda build string.
        alone.then(|| format!("{}=={}", &body[..at], body[at + 1..].split('=').next().unwrap_or_default()))
    };
    let star = |body: &str| {
        let stem = body.strip_suffix('*').filter(|stem| !stem.ends_with('.'))?;
        Some(format!("{stem}.*"))
    };
    let blank = |body: &str| {
        let (name, version) = body.split_once(char::is_whitespace)?;
        let version = version.trim();
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("{name}=={version}"))
    };
    let body = body.trim();
    let swapped = body.replace("=>", ">=").replace("=<", "<=").replace("=!", "!=").replace("=~", "~=");
    let tidy = single_equals(&swapped).unwrap_or_else(|| swapped.clone());
    let candidates = [
        Some(tidy.clone()),
        star(&tidy),
        blank(&tidy),
        Some(tidy.replace(['(', ')'], "")),
        Some(tidy.trim_end_matches([',', ';', '.', '"', '\'']).to_owned()),
    ];
    let mut candidates = candidates.into_iter().flatten().map(|body| format!("{body}{marker}"));
    candidates.find(|candidate| candidate != text && parse(candidate).is_ok())
}
