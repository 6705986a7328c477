//! What `--chmod` says: an octal mode, or changes as `chmod` takes them (`u=rwX,go=rX`).

use crate::error::Problem;

/// Permission bits that files get.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Mode {
    /// These.
    Octal(u32),
    /// Those they have, changed.
    Symbolic(Vec<ModeChange>),
}

/// One change of permission bits, as `go-w`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ModeChange {
    /// The bits of those whom it is about.
    who: u32,
    /// `+`, `-` or `=`.
    operator: char,
    /// `rwxXst` as they are written.
    permissions: String,
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;

impl Mode {
    pub(crate) fn parse(keyword: &str, text: &str) -> Result<Self, Problem> {
        let bad = || {
            let reason = format!("`--chmod={text}` is neither an octal mode nor changes like `u=rwX,go=rX`");
            Problem::malformed(keyword, reason)
        };
        if text.starts_with(|letter: char| letter.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            return mode.map(Self::Octal).ok_or_else(bad);
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            changes.extend(ModeChange::parse(clause).ok_or_else(bad)?);
        }
        Ok(Self::Symbolic(changes))
    }

    /// The permission bits of something that has `mode` now.
    pub fn of(&self, mode: u32, is_folder: bool) -> u32 {
        match self {
            Self::Octal(mode) => *mode,
            Self::Symbolic(changes) => changes.iter().fold(mode, |mode, change| change.of(mode, is_folder)),
        }
    }
}

impl ModeChange {
    /// The changes of one clause: `u+x`, `go=rX`, `a-w+x`.
    fn parse(clause: &str) -> Option<Vec<Self>> {
        let operators = ['+', '-', '='];
        let (names, mut rest) = clause.split_at(clause.find(operators)?);
        let mut who = 0;
        for name in names.chars() {
            who |= match name {
                'u' => USER,
                'g' => GROUP,
                'o' => OTHERS,
                'a' => USER | GROUP | OTHERS,
                _ => return None,
            };
        }
        if names.is_empty() {
            who = USER | GROUP | OTHERS;
        }
        let mut changes = Vec::new();
        while let Some(operator) = rest.chars().next() {
            let after = &rest[1..];
            let (permissions, next) = after.split_at(after.find(operators).unwrap_or(after.len()));
            if !permissions.chars().all(|letter| "rwxXst".contains(letter)) {
                return None;
            }
            changes.push(Self { who, operator, permissions: permissions.to_owned() });
            rest = next;
        }
        Some(changes)
    }

    fn of(&self, mode: u32, is_folder: bool) -> u32 {
        let mut bits = 0;
        for letter in self.permissions.chars() {
            bits |= match letter {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                // A program, or a folder: what may be entered or run by somebody already.
                'X' if is_folder || mode & 0o111 != 0 => 0o111,
                'X' => 0,
                's' => 0o6000,
                _ => 0o1000,
            };
        }
        let bits = bits & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            // As chmod has it, a folder keeps its set-id bits unless they are named.
            _ if is_folder => (mode & (!self.who | 0o6000)) | bits,
            _ => (mode & !self.who) | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `chmod` of coreutils makes of the same.
    #[test]
    fn changes_come_to_what_chmod_makes_of_them() {
        for (text, before, is_folder, after) in [
            ("755", 0o600, false, 0o755),
            ("0644", 0o777, true, 0o644),
            ("4711", 0o600, false, 0o4711),
            ("u+x", 0o640, false, 0o740),
            ("a+x", 0o640, false, 0o751),
            ("+x", 0o640, false, 0o751),
            ("go-w", 0o666, false, 0o644),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("a=r", 0o777, false, 0o444),
            ("u+s", 0o755, false, 0o4755),
            ("g+s,o+t", 0o755, true, 0o3755),
            ("u=rw-w", 0o700, false, 0o400),
            ("go=", 0o777, false, 0o700),
            ("a=rx", 0o2777, true, 0o2555),
        ] {
            let mode = Mode::parse("COPY", text).unwrap();
            assert_eq!(format!("{:o}", mode.of(before, is_folder)), format!("{after:o}"), "{text}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "9", "77777", "rwx", "u", "u+q", "z+x", "u+x,", "0x10"] {
            assert!(Mode::parse("COPY", text).is_err(), "{text}");
        }
    }
}
