//! Patterns: of paths (as `COPY` and `.dockerignore` have them) and of shell variables (`${name#pattern}`).

use std::collections::BTreeSet;

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(char),
    /// One character, no separator.
    Any,
    /// Any number of characters, no separator.
    Many,
    /// Any number of characters.
    Everything,
    /// Nothing, or anything that ends with a separator.
    Folders,
    /// One of some characters, no separator.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A pattern of paths, as Go's `filepath.Match` has them, and with `**` as `.dockerignore` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob {
    pieces: Vec<Piece>,
}

/// A pattern that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

impl PathGlob {
    /// A pattern of `COPY` and `ADD`: `*` stays within a name. Nothing where it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text, false).ok().map(|pieces| Self { pieces })
    }

    /// A pattern of `.dockerignore`.
    pub(crate) fn with_folders(text: &str) -> Result<Self, BadPattern> {
        Ok(Self { pieces: parse(text, true)? })
    }

    /// Whether `text` has characters that make it a pattern.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &str) -> bool {
        let letters: Vec<char> = path.chars().collect();
        ends(&self.pieces, &letters).contains(&letters.len())
    }
}

fn parse(text: &str, folders: bool) -> Result<Vec<Piece>, BadPattern> {
    let mut pieces = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        pieces.push(match letter {
            '*' if folders && letters.peek() == Some(&'*') => {
                letters.next();
                letters.next_if_eq(&'/');
                if letters.peek().is_none() { Piece::Everything } else { Piece::Folders }
            }
            '*' => Piece::Many,
            '?' => Piece::Any,
            '[' => class(&mut letters)?,
            '\\' => Piece::Literal(letters.next().ok_or(BadPattern)?),
            letter => Piece::Literal(letter),
        });
    }
    Ok(pieces)
}

fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Piece, BadPattern> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let one = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| match letters.next() {
            Some('\\') => letters.next().ok_or(BadPattern),
            other => other.ok_or(BadPattern),
        };
        if letters.peek() == Some(&']') && !ranges.is_empty() {
            letters.next();
            return Ok(Piece::Class { negated, ranges });
        }
        let first = one(letters)?;
        let last = match letters.next_if_eq(&'-') {
            Some(_) => one(letters)?,
            None => first,
        };
        ranges.push((first, last));
    }
}

/// A pattern of a shell variable: `*`, `?` and escapes, all else literally; separators are nothing special.
pub(crate) struct ShellPattern {
    pieces: Vec<Piece>,
}

impl ShellPattern {
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '*' => Piece::Everything,
                '?' => Piece::Class { negated: true, ranges: Vec::new() },
                '\\' => Piece::Literal(letters.next().unwrap_or('\\')),
                letter => Piece::Literal(letter),
            });
        }
        Self { pieces }
    }

    /// Lengths, in characters, of what matches at the beginning of `letters`.
    pub(crate) fn lengths(&self, letters: &[char]) -> BTreeSet<usize> {
        ends(&self.pieces, letters)
    }
}

/// Where a match that begins at the front may end. One pass for each piece: no pattern takes long.
fn ends(pieces: &[Piece], letters: &[char]) -> BTreeSet<usize> {
    let mut positions = BTreeSet::from([0]);
    for piece in pieces {
        positions = match piece {
            Piece::Many => spread(&positions, letters, |letter| letter != '/'),
            Piece::Everything => spread(&positions, letters, |_| true),
            Piece::Folders => {
                let reached = spread(&positions, letters, |_| true);
                let after_separator = |end: &usize| *end > 0 && letters[end - 1] == '/';
                let folders = reached.into_iter().filter(after_separator);
                folders.chain(positions.iter().copied()).collect()
            }
            single => positions
                .iter()
                .filter(|&&at| letters.get(at).is_some_and(|&letter| is_one(single, letter)))
                .map(|at| at + 1)
                .collect(),
        };
    }
    positions
}

/// Everything that is reached from `positions` over letters that are allowed.
fn spread(positions: &BTreeSet<usize>, letters: &[char], allowed: impl Fn(char) -> bool) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut reached = None;
    for at in 0..=letters.len() {
        let comes_on = reached == Some(at);
        if comes_on || positions.contains(&at) {
            all.insert(at);
            reached = letters.get(at).is_some_and(|&letter| allowed(letter)).then_some(at + 1);
        }
    }
    all
}

fn is_one(piece: &Piece, letter: char) -> bool {
    match piece {
        Piece::Literal(literal) => *literal == letter,
        Piece::Any => letter != '/',
        Piece::Class { negated, ranges } if ranges.is_empty() => *negated,
        Piece::Class { negated, ranges } => {
            letter != '/' && ranges.iter().any(|(first, last)| (first..=last).contains(&&letter)) != *negated
        }
        Piece::Many | Piece::Everything | Piece::Folders => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_in_go() {
        let cases = [
            ("*.txt", "a.txt", true),
            ("*.txt", "a/b.txt", false),
            ("a/*/c", "a/b/c", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("a**b", "a/b", false),
            ("", "", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(PathGlob::parse(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
        for pattern in ["[", "[a", "[a-", "a\\"] {
            assert_eq!(PathGlob::parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = PathGlob::parse(&"*a".repeat(60)).unwrap();
        assert!(!pattern.matches(&"a".repeat(5000).replace("aa", "ab")[..4999].replace('a', "b")));
    }
}
