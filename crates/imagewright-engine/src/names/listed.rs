//! Lists of names as they are kept, and the search in them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::io::{self, Write};
use std::sync::LazyLock;

/// Names with the version that goes with each, where a list tells one.
pub(crate) type Names = BTreeMap<String, Option<String>>;

/// The longest name that is kept. Nobody types longer ones.
const LONGEST: usize = 200;

/// A package of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedName {
    /// Its name.
    pub name: String,
    /// Its version, where there is one at a time.
    pub version: Option<String>,
}

/// Writes a line for each name. What could not be a line is left out.
pub(super) fn write_lines(names: &Names, out: &mut dyn Write) -> io::Result<()> {
    let is_plain = |text: &str| text.len() <= LONGEST && !text.chars().any(char::is_control);
    for (name, version) in names {
        if name.is_empty() || !is_plain(name) {
            continue;
        }
        match version.as_deref().filter(|version| is_plain(version)) {
            Some(version) => writeln!(out, "{name}\t{version}")?,
            None => writeln!(out, "{name}")?,
        }
    }
    Ok(())
}

/// What data scientists mean most often. An index has look-alikes of each, which must not stand above it.
const WELL_KNOWN: &str = include_str!("well_known.txt");

/// How good a name is; less is better: exact, then beginning so, then known, then short, then by name.
type Rank = (bool, bool, bool, usize, String);

fn is_well_known(name: &str) -> bool {
    static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| WELL_KNOWN.lines().collect());
    SORTED.binary_search(&name).is_ok()
}

/// Names that are like what somebody typed.
pub struct Match<'a> {
    text: String,
    limit: usize,
    preferred: &'a HashSet<String>,
    /// The worst of the best is on top.
    best: BinaryHeap<(Rank, Reverse<Option<String>>)>,
}

impl<'a> Match<'a> {
    /// Looks for names that begin with a text, or have it in them. Case and the difference between `-`, `_` and `.` do not count.
    pub fn new(text: &str, limit: usize, preferred: &'a HashSet<String>) -> Self {
        Self { text: folded(text), limit, preferred, best: BinaryHeap::new() }
    }

    /// Looks through the lines of a list.
    pub fn look_through(&mut self, list: &[u8]) {
        for line in list.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let (name, version) = match line.split_once('\t') {
                Some((name, version)) => (name, Some(version)),
                None => (line, None),
            };
            self.look_at(name, version);
        }
    }

    /// Looks at one name.
    pub fn look_at(&mut self, name: &str, version: Option<&str>) {
        if name.is_empty() || name.len() < self.text.len() {
            return;
        }
        let Some(at) = position(name, &self.text) else { return };
        let is_exact = at == 0 && name.len() == self.text.len();
        let rank = (
            !is_exact,
            at != 0,
            !(self.preferred.contains(name) || is_well_known(name)),
            name.len(),
            name.to_owned(),
        );
        // Several lists may have a name.
        if self.best.iter().any(|(known, _)| known.4 == name) {
            return;
        }
        if self.best.len() == self.limit {
            match self.best.peek() {
                Some((worst, _)) if rank < *worst => drop(self.best.pop()),
                _ => return,
            }
        }
        self.best.push((rank, Reverse(version.map(str::to_owned))));
    }

    /// The best ones, best first.
    pub fn best(self) -> Vec<ListedName> {
        let sorted = self.best.into_sorted_vec().into_iter();
        sorted.map(|((.., name), Reverse(version))| ListedName { name, version }).collect()
    }
}

fn folded(text: &str) -> String {
    text.bytes().map(|byte| char::from(fold(byte))).collect()
}

fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        byte if byte.is_ascii() => byte.to_ascii_lowercase(),
        // Names of packages are ASCII.
        _ => b'?',
    }
}

/// Where in a name a folded text is.
fn position(name: &str, text: &str) -> Option<usize> {
    let (name, text) = (name.as_bytes(), text.as_bytes());
    let Some((first, rest)) = text.split_first() else { return Some(0) };
    (0..=name.len() - text.len()).find(|at| {
        fold(name[*at]) == *first
            && name[at + 1..].iter().zip(rest).all(|(byte, wanted)| fold(*byte) == *wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(lists: &[&str], text: &str, preferred: &[&str]) -> Vec<String> {
        let preferred = preferred.iter().map(|&name| name.to_owned()).collect();
        let mut wanted = Match::new(text, 4, &preferred);
        lists.iter().for_each(|list| wanted.look_through(list.as_bytes()));
        wanted.best().into_iter().map(|listed| listed.name).collect()
    }

    #[test]
    fn what_was_typed_comes_first_then_what_begins_so_then_what_has_it() {
        let list = "numexpr\nnum\nnumpy-financial\nnumpy\nenum34\nnums\n";
        assert_eq!(best(&[list], "num", &[]), ["num", "numpy", "numexpr", "nums"]);
        assert_eq!(best(&[list], "numpy", &[]), ["numpy", "numpy-financial"]);
        assert_eq!(best(&[list], "um34", &[]), ["enum34"]);
        assert_eq!(
            best(&[list], "num", &["numpy-financial"]),
            ["num", "numpy", "numexpr", "numpy-financial"]
        );
        assert_eq!(best(&[list], "xx", &[]), [""; 0]);
        assert_eq!(best(&[], "x", &[]), [""; 0]);
    }

    #[test]
    fn look_alikes_do_not_stand_above_what_is_meant() {
        assert!(WELL_KNOWN.lines().is_sorted(), "it is searched by halves");
        let list = "scikit-learm\nscikit-learn\nscikit-learnt\n";
        assert_eq!(best(&[list], "scikit-lear", &[])[0], "scikit-learn");
    }

    #[test]
    fn the_ways_to_write_a_name_are_one() {
        let list = "scikit-learn\nruamel.yaml\nimportlib_metadata\n";
        for (text, name) in [
            ("Scikit_l", "scikit-learn"),
            ("ruamel-y", "ruamel.yaml"),
            ("importlib-m", "importlib_metadata"),
            ("LEARN", "scikit-learn"),
        ] {
            assert_eq!(best(&[list], text, &[]), [name], "{text}");
        }
        assert_eq!(best(&[list], "ä", &[]), [""; 0]);
    }

    #[test]
    fn a_name_of_several_lists_comes_once() {
        assert_eq!(best(&["a\nab\n", "ab\nac\n"], "a", &[]), ["a", "ab", "ac"]);
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let names: Names = [
            ("git".to_owned(), Some("1:2.47".to_owned())),
            ("with\nbreak".to_owned(), None),
            ("x".repeat(300), None),
            ("odd".to_owned(), Some("1\t2".to_owned())),
        ]
        .into();
        let mut list = Vec::new();
        write_lines(&names, &mut list).unwrap();
        assert_eq!(list, b"git\t1:2.47\nodd\n");
        let nothing = HashSet::new();
        let mut wanted = Match::new("g", 9, &nothing);
        wanted.look_through(&list);
        let git = ListedName { name: "git".to_owned(), version: Some("1:2.47".to_owned()) };
        assert_eq!(wanted.best(), [git]);
    }
}
