//! One conda package, and where it is to come from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CondaSpecError, channel};
use crate::spec::address::gives_away_secret;
use crate::spec::{Origin, SpecError};

/// Keys in brackets that say something of the package itself.
const KEYS: [&str; 9] = [
    "version",
    "build",
    "build_number",
    "fn",
    "md5",
    "sha256",
    "license",
    "license_family",
    "track_features",
];

/// A conda package as it is asked for. Shown as `CHANNEL/SUBDIR::SPECIFICATION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CondaPackage {
    /// Its name, in lower case.
    pub name: String,
    /// The match specification, without channel and architecture.
    pub specification: String,
    /// The channel that it must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The folder of the channel that it must come from, as `noarch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdir: Option<String>,
    /// Where it was written.
    pub origin: Origin,
}

impl CondaPackage {
    /// Reads what conda's command line takes: a match specification, with `-c CHANNEL` in front if wished.
    ///
    /// # Errors
    /// Names what is wrong with it and where it was written.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, SpecError> {
        match read(text) {
            Ok(Read { name, specification, channel, subdir }) => {
                Ok(Self { name, specification, channel, subdir, origin })
            }
            Err(error) => Err(SpecError::new(origin, error)),
        }
    }
}

impl fmt::Display for CondaPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.channel, &self.subdir) {
            (Some(channel), Some(subdir)) => write!(f, "{channel}/{subdir}::")?,
            (Some(channel), None) => write!(f, "{channel}::")?,
            (None, Some(subdir)) => write!(f, "*/{subdir}::")?,
            (None, None) => {}
        }
        f.write_str(&self.specification)
    }
}

struct Read {
    name: String,
    specification: String,
    channel: Option<String>,
    subdir: Option<String>,
}

fn read(text: &str) -> Result<Read, CondaSpecError> {
    let text = text.split(" #").next().unwrap_or(text).trim();
    let whole = || text.to_owned();
    // First of all, since the other errors show the text.
    if gives_away_secret(text) {
        return Err(CondaSpecError::Credentials);
    }
    if text.chars().any(char::is_control) {
        return Err(CondaSpecError::Control(text.chars().filter(|c| !c.is_control()).collect()));
    }
    let (given, rest) = option(text)?;
    let (body, brackets) = brackets(text, rest)?;
    let (prefix, body) = match body.split_once("::") {
        Some((prefix, body)) => (Some(prefix.trim()), body.trim()),
        None => (None, body.trim()),
    };
    if body.is_empty() {
        return Err(CondaSpecError::NoPackage(whole()));
    }
    if body.contains("://") || body.contains(['/', '\\']) || body.starts_with('@') {
        return Err(CondaSpecError::File(whole()));
    }
    if body.contains(':') {
        return Err(CondaSpecError::Namespace(whole()));
    }
    let mut read = named(text, body)?;
    if let Some(given) = given {
        read.channel = Some(channel::check(given)?);
    }
    if let Some(prefix) = prefix {
        let (channel, subdir) = split_subdir(prefix);
        if !matches!(channel, "" | "*") {
            set(&mut read.channel, channel::check(channel)?, text, "channel")?;
        }
        read.subdir = subdir.map(str::to_owned);
    }
    let mut kept = Vec::new();
    for (key, value) in brackets {
        match key {
            "channel" => {
                let (channel, subdir) = split_subdir(value);
                set(&mut read.channel, channel::check(channel)?, text, "channel")?;
                if let Some(subdir) = subdir {
                    set(&mut read.subdir, subdir.to_owned(), text, "architecture")?;
                }
            }
            "subdir" => set(&mut read.subdir, value.to_owned(), text, "architecture")?,
            key if KEYS.contains(&key) => kept.push(format!("{key}='{value}'")),
            key => return Err(CondaSpecError::Key { text: whole(), key: key.to_owned() }),
        }
    }
    if !kept.is_empty() {
        read.specification = format!("{}[{}]", read.specification, kept.join(","));
    }
    Ok(read)
}

/// Takes `-c CHANNEL` off, which conda's users write in front of a package.
fn option(text: &str) -> Result<(Option<&str>, &str), CondaSpecError> {
    if !text.starts_with('-') {
        return Ok((None, text));
    }
    let short = text.strip_prefix("-c").filter(|rest| rest.starts_with([' ', '\t', '=']) || rest.is_empty());
    let long = || {
        text.strip_prefix("--channel").filter(|rest| rest.starts_with([' ', '\t', '=']) || rest.is_empty())
    };
    let Some(rest) = short.or_else(long) else { return Err(CondaSpecError::Option(text.to_owned())) };
    let rest = rest.trim_start_matches('=').trim_start();
    let no_package = || CondaSpecError::NoPackage(text.to_owned());
    // `-c CHANNEL::PACKAGE` and `-c CHANNEL PACKAGE`, whichever comes first.
    let colons = rest.find("::");
    let blank = rest.find(char::is_whitespace);
    match (colons, blank) {
        (Some(colons), blank) if blank.is_none_or(|blank| colons < blank) => {
            Ok((Some(&rest[..colons]), rest[colons + 2..].trim_start()))
        }
        (_, Some(blank)) => Ok((Some(&rest[..blank]), rest[blank..].trim_start())),
        _ => Err(no_package()),
    }
    .and_then(
        |(channel, package)| if package.is_empty() { Err(no_package()) } else { Ok((channel, package)) },
    )
}

/// Keys and values.
type Pairs<'t> = Vec<(&'t str, &'t str)>;

/// Takes the brackets off, and apart.
fn brackets<'t>(text: &str, rest: &'t str) -> Result<(&'t str, Pairs<'t>), CondaSpecError> {
    let wrong = || CondaSpecError::Brackets(text.to_owned());
    let Some(start) = rest.find('[') else {
        return if rest.contains(']') { Err(wrong()) } else { Ok((rest, Vec::new())) };
    };
    let inner = rest[start + 1..].trim_end().strip_suffix(']').ok_or_else(wrong)?;
    let mut parts = Vec::new();
    let (mut quote, mut begin) = (None, 0);
    for (at, character) in inner.char_indices() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '[' | ']') => return Err(wrong()),
            (None, ',') => {
                parts.push(&inner[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if quote.is_some() {
        return Err(wrong());
    }
    parts.push(&inner[begin..]);
    let pair = |part: &'t str| {
        let wrong = || CondaSpecError::Part { text: text.to_owned(), part: part.trim().to_owned() };
        let (key, value) = part.split_once('=').ok_or_else(wrong)?;
        let (key, value) = (key.trim(), value.trim());
        let unquoted = ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        let value = unquoted.unwrap_or(value).trim();
        // They are written in single quotes again.
        let is_plain = !key.is_empty() && !value.is_empty() && !value.contains(['\'', '"', '[', ']']);
        is_plain.then_some((key, value)).ok_or_else(wrong)
    };
    let pairs = parts.into_iter().map(pair).collect::<Result<_, _>>()?;
    Ok((&rest[..start], pairs))
}

/// Splits the name off what stands behind it.
fn named(text: &str, body: &str) -> Result<Read, CondaSpecError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = body.find(|c: char| !is_part(c)).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    let whole = || text.to_owned();
    if name.starts_with("__") {
        return Err(CondaSpecError::Virtual(name.to_owned()));
    }
    if rest.starts_with(['*', '^']) || name.is_empty() && body.starts_with(['*', '^']) {
        return Err(CondaSpecError::Pattern(whole()));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Err(CondaSpecError::Name {
            text: whole(),
            name: body.split_whitespace().next().unwrap_or("").to_owned(),
        });
    }
    if rest.starts_with(',') {
        return Err(CondaSpecError::Name { text: whole(), name: body.to_owned() });
    }
    let is_version = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || "=<>!~".contains(c));
    if !is_version {
        return Err(CondaSpecError::Rest { text: whole(), rest: rest.trim().to_owned() });
    }
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let between = if rest.starts_with(char::is_whitespace) { " " } else { "" };
    let specification = format!("{name}{between}{}", words.join(" ")).trim_end().to_owned();
    Ok(Read { name, specification, channel: None, subdir: None })
}

/// Splits the architecture off a channel, as in `conda-forge/linux-64`.
pub(super) fn split_subdir(text: &str) -> (&str, Option<&str>) {
    const SYSTEMS: [&str; 6] = ["linux", "osx", "win", "freebsd", "emscripten", "wasi"];
    let is_subdir = |word: &str| {
        word == "noarch" || word.split_once('-').is_some_and(|(system, _)| SYSTEMS.contains(&system))
    };
    match text.trim_end_matches('/').rsplit_once('/') {
        Some((channel, subdir)) if is_subdir(subdir) => (channel, Some(subdir)),
        _ => (text, None),
    }
}

fn set(
    place: &mut Option<String>,
    value: String,
    text: &str,
    what: &'static str,
) -> Result<(), CondaSpecError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(CondaSpecError::Twice { text: text.to_owned(), what }),
    }
}
