//! How a container of the image starts: the values of a spec that go into the image's config.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::nearest;

/// Why a value of the container's start is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// An environment variable without `=`.
    #[error("`{0}` is not of the form NAME=VALUE")]
    NoAssignment(String),
    /// A name that shells cannot use.
    #[error(
        "`{0}` is not the name of an environment variable: letters, digits and `_`, not beginning with a digit"
    )]
    VariableName(String),
    /// A value that refers to the variable itself.
    #[error("the value of `{0}` refers to `{0}` itself, but values are taken literally")]
    SelfReference(String),
    /// A value with a zero byte.
    #[error("the value of `{0}` holds a zero byte")]
    ZeroByte(String),
    /// A label without a name, or with blanks in it.
    #[error("`{0}` is not the name of a label: it is empty or holds blanks")]
    LabelName(String),
    /// Not a user.
    #[error("`{0}` is not a user: expected NAME or NUMBER, with :GROUP if wished")]
    User(String),
    /// Not an absolute path.
    #[error("`{0}` is not an absolute path inside the image")]
    RelativePath(String),
    /// An empty command.
    #[error("the command is empty text")]
    EmptyCommand,
    /// A command that begins like a JSON list and is none.
    #[error("`{0}` begins like a JSON list, but is none")]
    CommandList(String),
    /// Not a port.
    #[error("`{0}` is not a port: expected a number from 1 to 65535, with /tcp, /udp or /sctp if wished")]
    Port(String),
    /// Not a signal.
    #[error("`{0}` is not a signal")]
    Signal(String),
    /// Not a compression.
    #[error(
        "`{0}` is not a compression: expected `none`, `gzip`, `gzip:1` to `gzip:12`, `zstd` or `zstd:1` to `zstd:22`"
    )]
    Compression(String),
    /// Not a choice of Python.
    #[error("`{0}` is not an absolute path of an interpreter")]
    Interpreter(String),
    /// Not a choice of where Python packages go.
    #[error("`{0}` is neither `system` nor the absolute path of a virtual environment")]
    PythonEnvironment(String),
}

impl ContainerError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SelfReference(name) => Some(format!("write the complete value of `{name}`")),
            Self::Signal(text) => nearest(text, SIGNALS.iter().copied()).map(|name| format!("did you mean `{name}`?")),
            Self::Interpreter(text) if text.starts_with(|c: char| c.is_ascii_digit()) => Some(
                "a version cannot be chosen here: Python comes with the base or from apt; name its path, as in \
                 `/usr/bin/python3`"
                    .to_owned(),
            ),
            Self::RelativePath(text) => Some(format!("did you mean `/{}`?", text.trim_start_matches("./"))),
            _ => None,
        }
    }
}

/// Splits `NAME=VALUE` and checks both.
pub(super) fn parse_assignment(text: &str) -> Result<(String, String), ContainerError> {
    let (name, value) = text.split_once('=').ok_or_else(|| ContainerError::NoAssignment(text.to_owned()))?;
    check_variable(name, value)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Checks an environment variable.
pub(super) fn check_variable(name: &str, value: &str) -> Result<(), ContainerError> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        return Err(ContainerError::VariableName(name.to_owned()));
    }
    if value.contains('\0') {
        return Err(ContainerError::ZeroByte(name.to_owned()));
    }
    if refers_to(value, name) {
        return Err(ContainerError::SelfReference(name.to_owned()));
    }
    Ok(())
}

/// Whether `value` holds `$NAME` or `${NAME}`: people who write that expect what a Dockerfile does.
fn refers_to(value: &str, name: &str) -> bool {
    value.split('$').skip(1).any(|after| {
        let rest = after.strip_prefix('{').unwrap_or(after);
        rest.strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

/// Splits `NAME=VALUE` of a label and checks the name.
pub(super) fn parse_label(text: &str) -> Result<(String, String), ContainerError> {
    let (name, value) = text.split_once('=').ok_or_else(|| ContainerError::NoAssignment(text.to_owned()))?;
    check_label(name)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Checks the name of a label.
pub(super) fn check_label(name: &str) -> Result<(), ContainerError> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ContainerError::LabelName(name.to_owned()));
    }
    Ok(())
}

/// Checks a path that must be absolute.
pub(super) fn check_absolute(path: &str) -> Result<String, ContainerError> {
    if !path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..") {
        return Err(ContainerError::RelativePath(path.to_owned()));
    }
    Ok(path.to_owned())
}

/// Reads a command: a JSON list, or a line for the shell.
pub(super) fn parse_command(text: &str) -> Result<Vec<String>, ContainerError> {
    if text.trim().is_empty() {
        return Err(ContainerError::EmptyCommand);
    }
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|_| ContainerError::CommandList(text.to_owned()));
    }
    Ok(["/bin/sh", "-c", text].map(str::to_owned).into())
}

/// A user or group, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Account {
    /// By number, which needs no entry in the image's `passwd` or `group`.
    Id(u32),
    /// By name, to be looked up in the image.
    Name(String),
}

impl Account {
    fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
            return text.parse().ok().map(Self::Id);
        }
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (starts_well && text.chars().all(word)).then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Who runs the container: `NAME`, `NUMBER`, `NAME:GROUP`, `NUMBER:NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub user: Account,
    /// The group; default: the user's own.
    pub group: Option<Account>,
}

impl FromStr for User {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let parse = |part| Account::parse(part).ok_or_else(|| ContainerError::User(text.to_owned()));
        Ok(Self { user: parse(user)?, group: group.map(parse).transpose()? })
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        self.group.iter().try_for_each(|group| write!(f, ":{group}"))
    }
}

/// A port a program listens on, as `8888/tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    number: u16,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl FromStr for Port {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        let wrong = || ContainerError::Port(text.to_owned());
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
        let protocol = known.into_iter().find(|known| known.name() == protocol).ok_or_else(wrong)?;
        match number.parse() {
            Ok(number) if number > 0 && !text.starts_with('+') => Ok(Self { number, protocol }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.name())
    }
}

impl TryFrom<String> for Port {
    type Error = ContainerError;

    fn try_from(text: String) -> Result<Self, ContainerError> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

const SIGNALS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// Checks a signal, by name, by number, or as `SIGRTMIN+3`.
pub(super) fn check_signal(text: &str) -> Result<String, ContainerError> {
    let number = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|number| (1..=most).contains(&number));
    let real_time = text.strip_prefix("SIGRTMIN+").or_else(|| text.strip_prefix("SIGRTMAX-"));
    let known = SIGNALS.contains(&text)
        || matches!(text, "SIGRTMIN" | "SIGRTMAX")
        || number(text, 64)
        || real_time.is_some_and(|offset| number(offset, 30));
    if known { Ok(text.to_owned()) } else { Err(ContainerError::Signal(text.to_owned())) }
}

/// How the layers of the image are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LayerCompression {
    /// Not at all.
    None,
    /// gzip, at a level from 1 to 12.
    Gzip(Option<u8>),
    /// Zstandard, at a level from 1 to 22.
    Zstd(Option<u8>),
}

impl FromStr for LayerCompression {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        let (method, level) = match text.split_once(':') {
            Some((method, level)) => (method, Some(level.parse::<u8>().unwrap_or(0))),
            None => (text, None),
        };
        match (method, level) {
            ("none", None) => Ok(Self::None),
            ("gzip", None | Some(1..=12)) => Ok(Self::Gzip(level)),
            ("zstd", None | Some(1..=22)) => Ok(Self::Zstd(level)),
            _ => Err(ContainerError::Compression(text.to_owned())),
        }
    }
}

impl fmt::Display for LayerCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip(None) => f.write_str("gzip"),
            Self::Gzip(Some(level)) => write!(f, "gzip:{level}"),
            Self::Zstd(None) => f.write_str("zstd"),
            Self::Zstd(Some(level)) => write!(f, "zstd:{level}"),
        }
    }
}

impl TryFrom<String> for LayerCompression {
    type Error = ContainerError;

    fn try_from(text: String) -> Result<Self, ContainerError> {
        text.parse()
    }
}

impl From<LayerCompression> for String {
    fn from(compression: LayerCompression) -> Self {
        compression.to_string()
    }
}

/// Which Python gets the packages, where the default is not right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonChoice {
    /// Absolute path of the interpreter; default: `python3` on the image's PATH.
    pub interpreter: Option<String>,
    /// Where its packages go; default: by what the interpreter says of itself.
    pub environment: Option<PythonEnvironment>,
}

/// Where Python packages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PythonEnvironment {
    /// Into the interpreter's own scheme, even where that is externally managed.
    System,
    /// Into a virtual environment at this absolute path.
    Venv(String),
}

impl FromStr for PythonEnvironment {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        match text {
            "system" => Ok(Self::System),
            path => check_absolute(path)
                .map(Self::Venv)
                .map_err(|_| ContainerError::PythonEnvironment(text.to_owned())),
        }
    }
}

/// Checks the path of an interpreter.
pub(super) fn check_interpreter(text: &str) -> Result<String, ContainerError> {
    check_absolute(text).map_err(|_| ContainerError::Interpreter(text.to_owned()))
}
