//! Markers of lock files (PEP 508 and PEP 751).

use std::collections::BTreeSet;
use std::str::FromStr;

use pep508_rs::{ExtraName, MarkerEnvironment, MarkerExpression, MarkerTree, MarkerWarningKind};

use crate::names;

/// How deep parentheses may be nested.
const DEEPEST: usize = 50;

/// A condition on the environment and on what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Node);

/// What was asked for beyond the packages that are always installed. Names are normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Extras of the project.
    pub extras: BTreeSet<ExtraName>,
    /// Dependency groups (PEP 735). They follow the rules of extras in how they are written.
    pub groups: BTreeSet<ExtraName>,
}

/// Why a text is not a marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MarkerError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// Holds if all do.
    All(Vec<Node>),
    /// Holds if one does.
    Any(Vec<Node>),
    /// Whether a name is among those asked for.
    Member { name: ExtraName, list: List, expected: bool },
    /// A comparison with a property of the interpreter.
    Environment(MarkerTree),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Extras,
    Groups,
}

impl Marker {
    /// Whether it holds.
    pub fn holds(&self, environment: &MarkerEnvironment, wanted: &Wanted) -> bool {
        let extras: Vec<ExtraName> = wanted.extras.iter().cloned().collect();
        self.0.holds(environment, wanted, &extras)
    }
}

impl Node {
    fn holds(&self, environment: &MarkerEnvironment, wanted: &Wanted, extras: &[ExtraName]) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(environment, wanted, extras)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(environment, wanted, extras)),
            Self::Member { name, list: List::Extras, expected } => wanted.extras.contains(name) == *expected,
            Self::Member { name, list: List::Groups, expected } => wanted.groups.contains(name) == *expected,
            Self::Environment(tree) => tree.evaluate(environment, extras),
        }
    }
}

impl FromStr for Marker {
    type Err = MarkerError;

    fn from_str(text: &str) -> Result<Self, MarkerError> {
        let mut parser = Parser { text, tokens: tokens(text)?, next: 0 };
        let node = parser.any(0)?;
        match parser.peek() {
            None => Ok(Self(node)),
            Some(token) => Err(MarkerError(format!("`{}` is not expected here", token.text(text)))),
        }
    }
}

/// A word, a quoted text with its quotes, an operator or a parenthesis: where it starts and ends.
#[derive(Clone, Copy)]
struct Token {
    start: usize,
    end: usize,
}

impl Token {
    fn text(self, whole: &str) -> &str {
        &whole[self.start..self.end]
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, MarkerError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let length = match first {
            _ if first.is_whitespace() => {
                start += first.len_utf8();
                continue;
            }
            '(' | ')' => 1,
            '"' | '\'' => {
                let end = rest[1..].find(first);
                end.map(|end| end + 2).ok_or_else(|| MarkerError("a quote is not closed".to_owned()))?
            }
            '<' | '>' | '=' | '!' | '~' => length_while(rest, |c| matches!(c, '<' | '>' | '=' | '!' | '~')),
            _ if is_word(first) => length_while(rest, is_word),
            _ => return Err(MarkerError(format!("`{first}` is not expected in a marker"))),
        };
        tokens.push(Token { start, end: start + length });
        start += length;
    }
    Ok(tokens)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.')
}

fn length_while(text: &str, matches: impl Fn(char) -> bool) -> usize {
    text.find(|character| !matches(character)).unwrap_or(text.len())
}

struct Parser<'text> {
    text: &'text str,
    tokens: Vec<Token>,
    next: usize,
}

impl<'text> Parser<'text> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.next).copied()
    }

    /// Takes the next token if it is `expected`.
    fn takes(&mut self, expected: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text(self.text) == expected);
        self.next += usize::from(found);
        found
    }

    /// Comparisons with `or` between them.
    fn any(&mut self, depth: usize) -> Result<Node, MarkerError> {
        let mut nodes = vec![self.all(depth)?];
        while self.takes("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(single_or(nodes, Node::Any))
    }

    /// Comparisons with `and` between them, which binds more closely.
    fn all(&mut self, depth: usize) -> Result<Node, MarkerError> {
        let mut nodes = vec![self.term(depth)?];
        while self.takes("and") {
            nodes.push(self.term(depth)?);
        }
        Ok(single_or(nodes, Node::All))
    }

    fn term(&mut self, depth: usize) -> Result<Node, MarkerError> {
        if !self.takes("(") {
            return self.comparison();
        }
        if depth == DEEPEST {
            return Err(MarkerError(format!("parentheses are nested more than {DEEPEST} deep")));
        }
        let node = self.any(depth + 1)?;
        if self.takes(")") { Ok(node) } else { Err(MarkerError("a parenthesis is not closed".to_owned())) }
    }

    /// Everything up to the next `and`, `or` or parenthesis.
    fn comparison(&mut self) -> Result<Node, MarkerError> {
        let first = self.next;
        while self.peek().is_some_and(|token| !matches!(token.text(self.text), "and" | "or" | "(" | ")")) {
            self.next += 1;
        }
        let tokens = &self.tokens[first..self.next];
        let (Some(start), Some(end)) = (tokens.first(), tokens.last()) else {
            return Err(MarkerError("a comparison is missing".to_owned()));
        };
        let words: Vec<&str> = tokens.iter().map(|token| token.text(self.text)).collect();
        match words[..] {
            [name, "in", list] if list_named(list).is_some() => member(name, list, true),
            [name, "not", "in", list] if list_named(list).is_some() => member(name, list, false),
            _ => environment(&self.text[start.start..end.end]),
        }
    }
}

fn single_or(mut nodes: Vec<Node>, join: impl Fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => join(nodes),
    }
}

fn list_named(word: &str) -> Option<List> {
    match word {
        "extras" => Some(List::Extras),
        "dependency_groups" => Some(List::Groups),
        _ => None,
    }
}

fn member(quoted: &str, list: &str, expected: bool) -> Result<Node, MarkerError> {
    let list = list_named(list).expect("the caller has looked");
    let name = quoted.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
    let name = name.and_then(names::extra);
    let name = name.ok_or_else(|| MarkerError(format!("{quoted} is not the name of an extra or group")))?;
    Ok(Node::Member { name, list, expected })
}

/// Has `pep508_rs` read a comparison. What it would silently leave out of account is refused.
fn environment(text: &str) -> Result<Node, MarkerError> {
    let mut problem = None;
    let mut reporter = |kind, message| {
        if !matches!(
            kind,
            MarkerWarningKind::DeprecatedMarkerName | MarkerWarningKind::LexicographicComparison
        ) {
            problem = Some(message);
        }
    };
    let expression = MarkerExpression::parse_reporter(text, &mut reporter);
    match (expression, problem) {
        (_, Some(message)) => Err(MarkerError(message)),
        (Err(error), None) => Err(MarkerError(error.message.to_string())),
        (Ok(None), None) => Err(MarkerError(format!("`{text}` has no meaning"))),
        (Ok(Some(expression)), None) => Ok(Node::Environment(MarkerTree::expression(expression))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markers::report::tests::debian;

    fn names(names: &[&str]) -> BTreeSet<ExtraName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn markers_hold_where_they_should() {
        let environment = debian().markers;
        let wanted = Wanted { extras: names(&["Web_UI"]), groups: names(&["dev", "docs"]) };
        let cases = [
            ("python_version >= '3.9'", true),
            ("python_version<'3.9'", false),
            ("python_full_version == '3.11.*'", true),
            ("'linux' in sys_platform", true),
            ("platform_machine in 'x86_64 aarch64'", true),
            ("platform_machine not in 'x86_64 aarch64'", false),
            ("sys_platform == 'win32' or os_name == 'posix'", true),
            ("sys_platform == 'win32' and os_name == 'posix' or implementation_name == 'cpython'", true),
            ("sys_platform == 'win32' and (os_name == 'posix' or implementation_name == 'cpython')", false),
            ("((python_version > '3'))", true),
            ("'dev' in dependency_groups", true),
            ("'lint' in dependency_groups", false),
            ("'lint' not in dependency_groups and \"Docs\" in dependency_groups", true),
            ("'web-ui' in extras", true),
            ("'web.UI' not in extras", false),
            ("'dev' in extras", false),
            ("extra == 'web-ui'", true),
            ("'and' in extras or sys_platform != 'and or ('", true),
        ];
        for (text, expected) in cases {
            let marker: Marker = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(marker.holds(&environment, &wanted), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_marker_or_means_nothing_is_refused() {
        let deep = format!("{}os_name == 'posix'{}", "(".repeat(5000), ")".repeat(5000));
        let cases = [
            ("", "a comparison is missing"),
            ("os_name == 'posix' and", "a comparison is missing"),
            ("(os_name == 'posix'", "a parenthesis is not closed"),
            ("os_name == 'posix')", "`)` is not expected here"),
            ("os_name == 'posix", "a quote is not closed"),
            ("os_name; 'x'", "`;` is not expected in a marker"),
            ("os_name == 'posix' (python_version > '3')", "`(` is not expected here"),
            ("dev in dependency_groups", "dev is not the name of an extra or group"),
            ("'d v' in extras", "'d v' is not the name of an extra or group"),
            (&deep, "parentheses are nested more than 50 deep"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Marker>().unwrap_err().to_string(), expected, "{text}");
        }
        for text in [
            "python_version >= 'three'",
            "os_name == sys_platform",
            "'a' == 'b'",
            "flavour == 'x'",
            "os_name",
        ] {
            assert!(text.parse::<Marker>().is_err(), "{text}");
        }
    }
}
