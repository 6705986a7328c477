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
}

impl ContainerError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SelfReference(name) => Some(format!("write the complete value of `{name}`")),
            Self::Signal(text) => {
                let name = format!("SIG{}", text.to_uppercase().trim_start_matches("SIG"));
                nearest(&name, SIGNALS.iter().copied()).map(|name| format!("did you mean `{name}`?"))
            }
            Self::RelativePath(text) => {
                let path = check_absolute(&format!("/{}", text.trim_start_matches("./"))).ok()?;
                (!text.is_empty() && !text.starts_with(['~', '/'])).then(|| format!("did you mean `{path}`?"))
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: fmt::Debug>(result: Result<T, ContainerError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn environment_variables() {
        let cases = [
            ("A=b", "A", "b"),
            ("A=", "A", ""),
            ("_a1=x=y", "_a1", "x=y"),
            ("A=two\nlines", "A", "two\nlines"),
            ("PATH=/opt/bin:$PATHS", "PATH", "/opt/bin:$PATHS"),
            ("PRICE=5$", "PRICE", "5$"),
        ];
        for (text, name, value) in cases {
            assert_eq!(parse_assignment(text).unwrap(), (name.to_owned(), value.to_owned()));
        }
        let wrong = [
            ("A", "not of the form"),
            ("=x", "`` is not the name"),
            ("1A=x", "`1A` is not the name"),
            ("A-B=x", "`A-B` is not the name"),
            ("É=x", "`É` is not the name"),
            ("A=\0", "zero byte"),
            ("PATH=/opt/bin:$PATH", "refers to `PATH` itself"),
            ("PATH=${PATH}:/opt/bin", "refers to `PATH` itself"),
        ];
        for (text, part) in wrong {
            let message = message(parse_assignment(text));
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(parse_label("a.b/c=x=y").unwrap(), ("a.b/c".to_owned(), "x=y".to_owned()));
        for text in ["=x", "a b=x", "a\n=x"] {
            assert!(message(parse_label(text)).contains("is not the name of a label"), "{text}");
        }
        assert!(message(parse_label("x")).contains("not of the form"));
    }

    #[test]
    fn users() {
        for text in ["root", "0", "1000:100", "jovyan:users", "_apt", "a.b-c", "4294967295"] {
            assert_eq!(text.parse::<User>().unwrap().to_string(), text);
        }
        for text in ["", ":", "a:", ":a", "a:b:c", "a b", "-a", "1a", "4294967296", "+1", "$USER"] {
            assert!(message(text.parse::<User>()).contains("is not a user"), "{text}");
        }
    }

    #[test]
    fn absolute_paths() {
        assert_eq!(check_absolute("/home/jovyan/").unwrap(), "/home/jovyan/");
        for text in ["", "work", "./work", "~", "/a/../b", "/a\0"] {
            assert!(message(check_absolute(text)).contains("is not an absolute path"), "{text}");
        }
        assert_eq!(check_absolute("./work").unwrap_err().hint().unwrap(), "did you mean `/work`?");
        assert_eq!(check_absolute("../work").unwrap_err().hint(), None);
    }

    #[test]
    fn commands() {
        assert_eq!(parse_command("jupyter lab --ip 0").unwrap(), ["/bin/sh", "-c", "jupyter lab --ip 0"]);
        assert_eq!(parse_command(r#"["jupyter", "lab"]"#).unwrap(), ["jupyter", "lab"]);
        assert_eq!(parse_command("[]").unwrap(), [""; 0]);
        assert!(message(parse_command("  ")).contains("empty"));
        assert!(message(parse_command("['jupyter']")).contains("is none"));
    }

    #[test]
    fn ports() {
        for (text, shown) in [("8888", "8888/tcp"), ("53/udp", "53/udp"), ("1/sctp", "1/sctp")] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), shown);
        }
        for text in ["", "0", "65536", "http", "80/icmp", "80/", "80-90", "8888:8888", "+80", "-1"] {
            assert!(message(text.parse::<Port>()).contains("is not a port"), "{text}");
        }
    }

    #[test]
    fn signals() {
        for text in ["SIGTERM", "SIGINT", "9", "64", "SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX-1"] {
            assert_eq!(check_signal(text).unwrap(), text);
        }
        for text in ["TERM", "SIGTERN", "0", "65", "SIGRTMIN+31", "sigterm"] {
            assert!(message(check_signal(text)).contains("is not a signal"), "{text}");
        }
        assert_eq!(check_signal("TERM").unwrap_err().hint().unwrap(), "did you mean `SIGTERM`?");
    }
}
