//! What a shell would run of a text: its simple commands, in order. No shell is run, so what only a shell can know
//! (which branch is taken, what a substitution prints) stays open, and rules that look at this must be content with it.

mod lexer;

use lexer::{Lexer, Token};

/// One command as it would be started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    /// Variables that are set for it alone, or for the shell where there are no words.
    pub(crate) assignments: Vec<(String, String)>,
    /// Program and arguments: quotes gone, variables replaced as far as they are known.
    pub(crate) words: Vec<String>,
    /// How it ends.
    pub(crate) end: End,
}

/// What follows a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The next command, or nothing.
    #[default]
    Sequence,
    /// `|`: the next command reads what it prints.
    Pipe,
    /// `&`: it goes on beside what follows.
    Background,
}

impl ShellCommand {
    /// The name of the program, without its folder.
    pub(crate) fn program(&self) -> &str {
        self.words.first().map_or("", |word| base_name(word))
    }

    /// The words after the program.
    pub(crate) fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Whether one of the arguments is this.
    pub(crate) fn has(&self, argument: &str) -> bool {
        self.arguments().iter().any(|word| word == argument)
    }
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Words that stand before a command and are none.
const KEYWORDS: [&str; 10] = ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"];
/// Words that begin something that runs nothing by itself, up to the end of the line.
const HEADS: [&str; 4] = ["for", "case", "select", "function"];
/// Words that end something.
const TAILS: [&str; 4] = ["fi", "done", "esac", "}"];

/// The commands of a text. `variable` gives the values that are known.
pub(crate) fn commands(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Vec<ShellCommand> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut depth = 0_u32;
    for token in Lexer::new(text, variable) {
        let end = match token {
            Token::Word(word) => {
                words.push(word);
                continue;
            }
            Token::Open => {
                // `name() {` defines; what stands before a bracket is no command.
                words.clear();
                depth += 1;
                continue;
            }
            Token::Close if depth == 0 => {
                // The pattern of a `case`, perhaps with alternatives.
                words.clear();
                while commands.last().is_some_and(|command: &ShellCommand| command.end == End::Pipe) {
                    commands.pop();
                }
                continue;
            }
            Token::Close => {
                depth -= 1;
                End::Sequence
            }
            Token::End(end) => end,
        };
        commands.extend(command(std::mem::take(&mut words), end));
    }
    commands.extend(command(words, End::Sequence));
    commands
}

fn command(words: Vec<String>, end: End) -> Option<ShellCommand> {
    let mut words = words.into_iter().skip_while(|word| KEYWORDS.contains(&word.as_str())).peekable();
    if words.peek().is_some_and(|word| HEADS.contains(&word.as_str())) {
        return None;
    }
    let mut assignments = Vec::new();
    while let Some(assignment) = words.peek().and_then(|word| assignment(word)) {
        assignments.push(assignment);
        words.next();
    }
    let words: Vec<String> = words.filter(|word| !TAILS.contains(&word.as_str())).collect();
    (!words.is_empty() || !assignments.is_empty()).then_some(ShellCommand { assignments, words, end })
}

/// `NAME=value`.
pub(crate) fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// The text that a shell is given, where words start one with `-c`, and the words after it.
pub(crate) fn script_of(words: &[String]) -> Option<(&str, &[String])> {
    if !is_shell(words.first()?) {
        return None;
    }
    let mut rest = &words[1..];
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        match word.as_str() {
            // `-o pipefail` takes the next word.
            "-o" | "+o" | "-O" => rest = rest.get(1..).unwrap_or_default(),
            option if option.starts_with('-') && !option.starts_with("--") && option.contains('c') => {
                let (script, arguments) = rest.split_first()?;
                return Some((script, arguments));
            }
            option if option.starts_with('-') => {
                // `-eo pipefail`
                if !option.starts_with("--") && option.ends_with('o') {
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
            _ => return None,
        }
    }
    None
}

/// Whether a program is a shell.
pub(crate) fn is_shell(program: &str) -> bool {
    ["sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"].contains(&base_name(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let known = |name: &str| (name == "KNOWN").then(|| "value".to_owned());
        let shown = |command: ShellCommand| {
            let assignments = command.assignments.iter().map(|(name, value)| format!("{name}={value}"));
            let mut words: Vec<_> = assignments.chain(command.words).collect();
            match command.end {
                End::Sequence => {}
                End::Pipe => words.push("|".to_owned()),
                End::Background => words.push("&".to_owned()),
            }
            words.join("·")
        };
        commands(text, &known).into_iter().map(shown).collect()
    }

    #[test]
    fn commands_are_found_in_what_shells_read() {
        let cases: [(&str, &[&str]); 22] = [
            ("a b && c || d; e", &["a·b", "c", "d", "e"]),
            ("a | b & c", &["a·|", "b·&", "c"]),
            ("a 'b  c' \"d e\" f\\ g", &["a·b  c·d e·f g"]),
            (
                "A=1 B='x y' run $KNOWN ${KNOWN}/x $OTHER ${KNOWN:-y} '$KNOWN'",
                &["A=1·B=x y·run·value·value/x·$OTHER·value·$KNOWN"],
            ),
            ("a \\\n  b\nc # comment; d\n#e\nf#g", &["a·b", "c", "f#g"]),
            ("a > /x 2>&1 < in >>y b", &["a·b"]),
            ("a &> x; b >& y", &["a", "b"]),
            ("cat <<EOF > /x && b\nnot; read\nEOF\nc", &["cat", "b", "c"]),
            ("cat <<-'E'\n\tx y\n\tE\nd", &["cat", "d"]),
            ("a <<< word b", &["a·b"]),
            ("if [ -f x ]; then a; else b; fi", &["[·-f·x·]", "a", "b"]),
            ("for x in 1 2; do a $x; done", &["a·$x"]),
            ("case $1 in\n start|run) a b;;\n *) c ;;\nesac\nd", &["a·b", "c", "d"]),
            ("f() { a; }; f", &["a", "f"]),
            ("(cd x && a) && b", &["cd·x", "a", "b"]),
            ("a $(b c; d) `e f` g", &["a·$(b c; d)·`e f`·g"]),
            ("a \"$(b \"c d\")\" e", &["a·$(b \"c d\")·e"]),
            ("! a; { b; }", &["a", "b"]),
            ("exec \"$@\"", &["exec·$@"]),
            ("a 3>x 12", &["a·12"]),
            ("A=1", &["A=1"]),
            ("echo ${UNKNOWN:-$(a; b)} c", &["echo·${UNKNOWN:-$(a; b)}·c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn the_text_of_a_shell_is_told_from_its_options() {
        let script = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            script_of(&words).map(|(script, rest)| (script.to_owned(), rest.to_vec()))
        };
        for line in [
            "/bin/sh -c x",
            "bash -lc x",
            "/bin/bash -o pipefail -c x",
            "sh -e -c x",
            "bash -exo pipefail -c x",
        ] {
            assert_eq!(script(line), Some(("x".to_owned(), Vec::new())), "{line}");
        }
        assert_eq!(script("sh -c a b"), Some(("a".to_owned(), vec!["b".to_owned()])));
        for line in ["sh", "sh x -c y", "python -c x", "bash --login", "sh -c"] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in ".{0,80}") {
            commands(&text, &|_| None);
        }

        #[test]
        fn no_pieces_are_too_much(pieces in proptest::collection::vec(
            proptest::sample::select(vec!["'", "\"", "$(", ")", "`", "${", "}", "<<E", "\nE\n", "\\", ";;", "&", "|", ">", "a", " ", "case", "\n"]), 0..40))
        {
            commands(&pieces.concat(), &|_| Some("x".to_owned()));
        }
    }
}
