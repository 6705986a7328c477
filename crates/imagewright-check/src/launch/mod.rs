//! What a container starts: whether `ENTRYPOINT` and `CMD` leave something running that others rely on.
//!
//! Three answers: nothing to fear (a shell, an interpreter, a notebook server, wrappers in front of those), a service,
//! or something of which that cannot be told. Where a script can be read, what it ends in counts, and what it leaves in the
//! background.

mod programs;
mod script;
mod wrappers;

use std::cell::Cell;

pub(crate) use wrappers::changes_user;

use crate::shell::{base_name, is_shell, script_of};

/// What is known around a command.
pub(crate) struct Look<'a> {
    /// Values of variables, as far as they are known.
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// Texts of files in the image, as far as they can be read.
    read: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the image says that it listens: by a port or a health check.
    listens: bool,
    /// How many commands are still looked at: scripts may call each other in circles.
    steps: Cell<u32>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(
        variable: &'a dyn Fn(&str) -> Option<String>,
        read: &'a dyn Fn(&str) -> Option<String>,
        listens: bool,
    ) -> Self {
        Self { variable, read, listens, steps: Cell::new(MOST_STEPS) }
    }

    /// Counts one command; tells whether there were not too many.
    fn takes_a_step(&self) -> bool {
        let left = self.steps.get().checked_sub(1);
        self.steps.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// What a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Starts {
    /// Nothing that would be missed.
    Nothing,
    /// Something that may be a service, or may end by itself.
    Something(Vec<String>),
    /// A service.
    Service(Vec<String>),
}

impl Starts {
    /// What is started, as it would be typed.
    pub(crate) fn words(&self) -> &[String] {
        match self {
            Self::Nothing => &[],
            Self::Something(words) | Self::Service(words) => words,
        }
    }
}

/// Wrappers around wrappers end somewhere.
const DEEPEST: u32 = 12;
/// No start of a container runs as many commands.
const MOST_STEPS: u32 = 2000;

/// What a container starts that runs these words.
pub(crate) fn starts(words: &[String], look: &Look<'_>) -> Starts {
    started(words, look, DEEPEST)
}

fn started(words: &[String], look: &Look<'_>, depth: u32) -> Starts {
    let Some((first, arguments)) = words.split_first().filter(|_| depth > 0 && look.takes_a_step()) else {
        return Starts::Nothing;
    };
    let depth = depth - 1;
    // What a variable stands for that nobody knows cannot be told.
    if first.is_empty() || first.starts_with('$') || first.starts_with('`') {
        return Starts::Nothing;
    }
    if let Some(wrapped) = wrappers::wrapped(first, arguments) {
        return started(wrapped, look, depth);
    }
    if let Some((text, arguments)) = script_of(words) {
        return script::of_line(text, arguments, look, depth);
    }
    let program = base_name(first);
    if is_shell(first) {
        let file = arguments.iter().position(|word| !word.starts_with(['-', '+']));
        return file.map_or(Starts::Nothing, |at| started(&arguments[at..], look, depth));
    }
    if programs::is_harmless(program) || programs::is_launcher(first) {
        return Starts::Nothing;
    }
    if let Some(kind) = programs::interpreter(program) {
        return programs::interpreted(kind, words, look);
    }
    if let Some(text) = first.contains('/').then(|| (look.read)(first)).flatten() {
        match text.lines().next().unwrap_or_default() {
            line if line.starts_with("#!") && !line.contains("sh") => {
                return programs::by_text(&text, words);
            }
            _ => return script::of_file(&text, arguments, look, depth),
        }
    }
    if programs::is_service(program) {
        return Starts::Service(words.to_vec());
    }
    // Scripts that prepare, and end in what they were given, go by such names.
    let prepares =
        program.contains("entrypoint") || program.contains("entry-point") || program.ends_with(".sh");
    match arguments.first() {
        Some(next) if prepares && !next.starts_with('-') => started(arguments, look, depth),
        _ if look.listens => Starts::Service(words.to_vec()),
        _ => Starts::Something(words.to_vec()),
    }
}

/// The program that wrappers lead to, with its arguments.
pub(crate) fn unwrapped(words: &[String]) -> &[String] {
    let mut rest = words;
    for _ in 0..DEEPEST {
        let wrapped = rest.split_first().and_then(|(first, arguments)| wrappers::wrapped(first, arguments));
        match wrapped {
            Some(wrapped) => rest = wrapped,
            None => break,
        }
    }
    rest
}

/// The conda or virtual environment that a command has to be started through to find its programs.
pub(crate) fn environment(words: &[String], look: &Look<'_>) -> Option<String> {
    let mut rest = words;
    for _ in 0..DEEPEST {
        if let Some(name) = wrappers::environment(rest) {
            return Some(name);
        }
        if let Some((text, _)) = script_of(rest) {
            return script::environment(text, look);
        }
        let (first, arguments) = rest.split_first()?;
        rest = match wrappers::wrapped(first, arguments) {
            Some(wrapped) => wrapped,
            None if is_shell(first) && arguments.first().is_some_and(|word| !word.starts_with('-')) => {
                arguments
            }
            None => return script::environment(&(look.read)(first)?, look),
        };
    }
    None
}

#[cfg(test)]
mod tests;
