//! The texts of scripts: those made for entry points, and the first lines of those that wheels bring.
//!
//! They are uv's, to the byte.

use std::fmt::Write as _;

use crate::wheel::EntryPoint;

/// The longest first line, its end included, that every kernel takes.
const LONGEST_SHEBANG: usize = 127;
const SHELL: &str = "#!/bin/sh\n";
/// What the first line of a script begins with that wants the interpreter's path there. `#!pythonw` does so too.
pub(super) const PLACEHOLDER: &[u8] = b"#!python";

/// Names that would hide an interpreter.
const INTERPRETERS: [&str; 7] = ["python", "pythonw", "python3", "graalpy", "pypy", "pypy2", "pypy3"];

/// The script that calls an entry point.
pub(super) fn launcher(entry_point: &EntryPoint, python: &str) -> String {
    let EntryPoint { module, function, .. } = entry_point;
    let imported = function.split('.').next().unwrap_or(function);
    let shebang = shebang(python);
    format!(
        r#"{shebang}
# -*- coding: utf-8 -*-
import sys
from {module} import {imported}
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit({function}())
"#
    )
}

/// The first lines of a script, without the last line's end.
fn shebang(python: &str) -> String {
    if needs_shell(python) {
        through_shell(&format!("'{}'", python.replace('\'', r#"'"'"'"#)))
    } else {
        format!("#!{python}")
    }
}

/// Whether the kernel would not find the interpreter by its path in a first line.
pub(super) fn needs_shell(python: &str) -> bool {
    python.len() + "#!\n".len() > LONGEST_SHEBANG || python.contains(' ')
}

/// Lines that are a call of the interpreter to the shell, and a string to Python.
fn through_shell(quoted: &str) -> String {
    format!("{SHELL}'''exec' {quoted} \"$0\" \"$@\"\n' '''")
}

/// What stands in place of the first line of a script that a wheel brings. `second` is the line that followed it: it
/// may say in which encoding the script is, which Python reads in the first two lines only.
pub(super) fn first_lines(python: &str, second: &[u8]) -> Vec<u8> {
    let encoding = if needs_shell(python) { declared_encoding(second) } else { None };
    let Some(encoding) = encoding else { return format!("{}\n", shebang(python)).into() };
    let lines = through_shell(&octal(python));
    let (shell, call) = lines.split_at(SHELL.len());
    [shell.as_bytes(), b"# coding: ", encoding, b"\n", call.as_bytes(), b"\n"].concat()
}

/// The encoding that a comment of a script declares.
fn declared_encoding(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0x0c))?;
    let comment = line.get(start..end)?.strip_prefix(b"#")?;
    let words = comment
        .windows(7)
        .enumerate()
        .filter(|(_, word)| [b"coding:", b"coding="].iter().any(|it| word == it));
    words.map(|(at, word)| first_word(&comment[at + word.len()..])).find(|encoding| !encoding.is_empty())
}

/// The name of an encoding that a text begins with, after blanks; perhaps an empty one.
fn first_word(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = text[blanks..].iter().take_while(is_name).count();
    &text[blanks..blanks + length]
}

/// The interpreter's path in a form that no source encoding can turn into something else.
fn octal(python: &str) -> String {
    let mut quoted = "\"$(printf %b".to_owned();
    for byte in python.bytes() {
        write!(quoted, r" '\'0{byte:03o}").expect("writing to a string cannot fail");
    }
    quoted + ")\""
}

/// Whether a script of this name would be taken for an interpreter, on any system.
pub(super) fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let name = name.strip_suffix(".py").unwrap_or(name);
    let minor = |prefix: &str, suffix: &str| {
        let minor = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        minor.is_some_and(|minor| minor.parse::<u8>().is_ok())
    };
    INTERPRETERS.contains(&name) || minor("python3.", "") || minor("python3.", "t") || minor("pythonw3.", "t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_import_the_first_name_and_call_the_whole() {
        let entry_point = EntryPoint { name: "x".into(), module: "a.b".into(), function: "C.run".into() };
        let expected = "#!/opt/venv/bin/python\n# -*- coding: utf-8 -*-\nimport sys\nfrom a.b import C\n\
            if __name__ == \"__main__\":\n    if sys.argv[0].endswith(\"-script.pyw\"):\n        \
            sys.argv[0] = sys.argv[0][:-11]\n    elif sys.argv[0].endswith(\".exe\"):\n        \
            sys.argv[0] = sys.argv[0][:-4]\n    sys.exit(C.run())\n";
        assert_eq!(launcher(&entry_point, "/opt/venv/bin/python"), expected);
    }

    #[test]
    fn long_paths_and_those_with_spaces_go_through_the_shell() {
        let fits = format!("/{}", "p".repeat(123));
        assert_eq!(shebang(&fits), format!("#!{fits}"));
        let long = format!("{fits}p");
        assert_eq!(shebang(&long), format!("#!/bin/sh\n'''exec' '{long}' \"$0\" \"$@\"\n' '''"));
        assert_eq!(shebang("/it's/'python'"), "#!/it's/'python'");
        let quoted = r#"'/it'"'"'s here/python'"#;
        assert_eq!(
            shebang("/it's here/python"),
            format!("#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''")
        );
    }

    #[test]
    fn encodings_are_kept_in_sight() {
        let cases: [(&[u8], Option<&[u8]>); 9] = [
            (b"# -*- coding: latin-1 -*-\n", Some(b"latin-1")),
            (b" \t\x0c#vim:fileencoding=UTF_8.x\n", Some(b"UTF_8.x")),
            (b"# coding: \ncoding: x", None),
            (b"# coding: ! coding=\ty", Some(b"y")),
            (b"# coding:", None),
            (b"import x # coding: y", None),
            (b"x # coding: y\n", None),
            (b"", None),
            (b"#", None),
        ];
        for (line, expected) in cases {
            assert_eq!(declared_encoding(line), expected, "{}", line.escape_ascii());
        }
        let lines = first_lines("/a b", b"# coding: latin-1\n");
        let call = r#"'''exec' "$(printf %b '\'0057 '\'0141 '\'0040 '\'0142)" "$0" "$@""#;
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            format!("#!/bin/sh\n# coding: latin-1\n{call}\n' '''\n")
        );
        assert_eq!(first_lines("/ab", b"# coding: latin-1\n"), b"#!/ab\n");
        assert_eq!(first_lines("/a b", b"pass\n"), b"#!/bin/sh\n'''exec' '/a b' \"$0\" \"$@\"\n' '''\n");
    }

    #[test]
    fn names_of_interpreters_are_reserved() {
        for name in
            ["python", "Python3", "python3.13", "python3.13t", "pythonw3.9t", "pypy3.py", "python.exe"]
        {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["python4", "python3.x", "pythonw3.9", "ipython", "python-config", "python3.300", "py"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
