//! What the code of a cell imports, and what it installs, as far as that can be seen without running it.
//!
//! Code is read line by line, strings and comments taken out, and lines that belong together joined. Lines for IPython (`%`, `!`, `?`) are
//! told from Python's; what stands in a cell that another program runs (`%%bash`) is passed over.

use crate::shell::commands;

/// A module that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// Its name, with dots.
    pub(super) module: String,
    /// What is taken from it by `from … import …`, which may be modules as well.
    pub(super) names: Vec<String>,
    /// Whether the code goes on where it is not there.
    pub(super) is_guarded: bool,
}

/// What a cell does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Its number.
    pub(super) cell: u32,
    pub(super) imports: Vec<Import>,
    /// Requirements that it has pip or conda install.
    pub(super) installs: Vec<String>,
}

/// Magics of a whole cell whose cell is Python.
const PYTHON_CELLS: [&str; 6] = ["time", "timeit", "capture", "prun", "python", "python3"];
/// Extensions that IPython brings.
const OF_IPYTHON: [&str; 3] = ["autoreload", "storemagic", "sympyprinting"];

pub(super) fn scan(cell: u32, code: &str) -> Scanned {
    let mut scanned = Scanned { cell, ..Scanned::default() };
    let first = code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut python = code.to_owned();
    if let Some(magic) = first.trim_start().strip_prefix("%%") {
        let name = magic.split_whitespace().next().unwrap_or_default();
        if ["bash", "sh", "script"].contains(&name) {
            shell(code.split_once('\n').map_or("", |(_, rest)| rest), &mut scanned);
        }
        if !PYTHON_CELLS.contains(&name) {
            return scanned;
        }
        python = python.split_once(first).map_or(String::new(), |(_, rest)| rest.to_owned());
    }
    let lines = logical_lines(&python, &mut |magic| self::magic(magic, &mut scanned));
    let guarded = guarded_lines(&lines);
    for (line, is_guarded) in lines.iter().zip(guarded) {
        for statement in line.text.split(';') {
            scanned.imports.extend(statement_imports(statement, is_guarded));
        }
    }
    scanned
}

/// A line for IPython: what it installs or imports.
fn magic(line: &str, scanned: &mut Scanned) {
    if let Some(line) = line.strip_prefix('!') {
        return shell(line, scanned);
    }
    let mut words = line.trim_start_matches('%').split_whitespace();
    let import = |module: &str| Import { module: module.to_owned(), names: Vec::new(), is_guarded: false };
    match words.next() {
        Some("pip" | "conda" | "mamba" | "micromamba" | "uv") => shell(line.trim_start_matches('%'), scanned),
        Some("matplotlib" | "pylab") => scanned.imports.push(import("matplotlib")),
        Some("load_ext") => {
            let named = words.filter(|name| !OF_IPYTHON.contains(name));
            scanned.imports.extend(named.take(1).map(import));
        }
        _ => {}
    }
}

/// Lines for a shell: what they install.
fn shell(text: &str, scanned: &mut Scanned) {
    for command in commands(text, &|_| None) {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let rest = match words[..] {
            [program, ref rest @ ..] if program.starts_with("pip") => rest,
            [python, "-m", "pip", ref rest @ ..] if python.contains("python") => rest,
            ["conda" | "mamba" | "micromamba", ref rest @ ..] => rest,
            ["uv", "pip", ref rest @ ..] => rest,
            _ => continue,
        };
        let Some(("install", words)) = rest.split_first().map(|(verb, words)| (*verb, words)) else {
            continue;
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if [
                "-c",
                "--channel",
                "-i",
                "--index-url",
                "--extra-index-url",
                "-r",
                "--requirement",
                "-t",
                "--target",
                "-n",
            ]
            .contains(word)
            {
                words.next();
            } else if !word.starts_with('-') {
                scanned.installs.push((*word).to_owned());
            }
        }
    }
}

/// A line of Python: how far it is indented, and its text without strings and comments.
#[derive(Debug)]
struct Line {
    indent: usize,
    text: String,
}

/// Joins what belongs together, and hands out what is for IPython.
fn logical_lines(code: &str, magic: &mut dyn FnMut(&str)) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut state = State::default();
    let mut is_open = false;
    for raw in code.lines() {
        let start = raw.trim_start();
        if !is_open && state.is_plain() {
            if start.starts_with(['%', '!', '?']) {
                magic(start);
                continue;
            }
            lines.push(Line { indent: raw.len() - start.len(), text: String::new() });
        }
        let Some(line) = lines.last_mut() else { continue };
        let (bare, continues) = state.bare(raw);
        line.text.push(' ');
        line.text += bare.trim();
        is_open = continues || state.depth > 0;
    }
    lines.retain(|line| !line.text.trim().is_empty());
    lines
}

/// Where in strings and brackets the reader is.
#[derive(Default)]
struct State {
    depth: usize,
    /// The quote of a string over several lines.
    quote: Option<char>,
}

impl State {
    fn is_plain(&self) -> bool {
        self.quote.is_none() && self.depth == 0
    }

    /// A line without strings and comments, and whether it says that it goes on.
    fn bare(&mut self, line: &str) -> (String, bool) {
        let letters: Vec<char> = line.chars().collect();
        let is_triple = |at: usize, quote: char| letters[at..].starts_with(&[quote; 3]);
        let (mut bare, mut at, mut single) = (String::new(), 0, None);
        while at < letters.len() {
            let letter = letters[at];
            match (self.quote, single) {
                (Some(quote), _) if is_triple(at, quote) => {
                    self.quote = None;
                    at += 2;
                }
                (_, Some(quote)) if letter == quote => single = None,
                (Some(_), _) | (_, Some(_)) => at += usize::from(letter == '\\'),
                (None, None) => match letter {
                    '#' => break,
                    '"' | '\'' if is_triple(at, letter) => {
                        self.quote = Some(letter);
                        bare.push('_');
                        at += 2;
                    }
                    '"' | '\'' => {
                        single = Some(letter);
                        bare.push('_');
                    }
                    '\\' if at + 1 == letters.len() => return (bare, true),
                    _ => {
                        match letter {
                            '(' | '[' | '{' => self.depth += 1,
                            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                            _ => {}
                        }
                        bare.push(letter);
                    }
                },
            }
            at += 1;
        }
        (bare, false)
    }
}

/// For each line whether it is in a `try` that goes on where an import fails, or for people's type checkers alone.
fn guarded_lines(lines: &[Line]) -> Vec<bool> {
    let mut guarded = vec![false; lines.len()];
    for (at, line) in lines.iter().enumerate() {
        let text = line.text.trim();
        let is_try = text == "try:" || text.starts_with("try:");
        let is_typing = text.starts_with("if TYPE_CHECKING:") || text.starts_with("if typing.TYPE_CHECKING:");
        if !is_try && !is_typing {
            continue;
        }
        let inside = lines[at + 1..].iter().take_while(|other| other.indent > line.indent).count();
        let after = lines[at + 1 + inside..].iter().take_while(|other| other.indent >= line.indent);
        let clauses = after.filter(|other| other.indent == line.indent);
        let mut clauses =
            clauses.map(|other| other.text.trim()).take_while(|text| text.starts_with("except"));
        let goes_on = clauses.any(|clause| {
            clause.starts_with("except:")
                || ["ImportError", "ModuleNotFoundError", "Exception"]
                    .iter()
                    .any(|name| clause.contains(name))
        });
        if is_typing || goes_on {
            guarded[at..=at + inside].fill(true);
        }
    }
    guarded
}

/// The imports of a statement, also where it follows a colon: `try: import x`.
fn statement_imports(statement: &str, is_guarded: bool) -> Vec<Import> {
    let mut text = statement.trim();
    if !text.starts_with("import ") && !text.starts_with("from ") {
        let inner = text.match_indices(": ").map(|(at, _)| text[at + 1..].trim_start());
        let mut inner = inner.filter(|rest| rest.starts_with("import ") || rest.starts_with("from "));
        match inner.next() {
            Some(rest) => text = rest,
            None => return Vec::new(),
        }
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && name.split('.').all(|part| {
                part.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
                    && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
            })
    };
    let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let import = |module: String, names| Import { module, names, is_guarded };
    if let Some(rest) = text.strip_prefix("import ") {
        let modules = rest.split(',').map(first).filter(|module| is_name(module));
        return modules.map(|module| import(module, Vec::new())).collect();
    }
    let Some((module, names)) = text.strip_prefix("from ").and_then(|rest| rest.split_once(" import")) else {
        return Vec::new();
    };
    // What begins with a dot is of the package that the code is in.
    let module = module.trim().to_owned();
    if !is_name(&module) {
        return Vec::new();
    }
    let names = names.trim_matches(|letter: char| letter.is_whitespace() || "()".contains(letter));
    let names = names.split(',').map(first).filter(|name| is_name(name)).collect();
    vec![import(module, names)]
}
