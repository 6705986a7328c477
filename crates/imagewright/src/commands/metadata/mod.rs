//! `imagewright metadata`: runtime image records, with the arguments, output streams, texts and exit codes of
//! `elyra-metadata`. So results *and* errors go to standard output, log lines to standard error, and the exit code is 0 or 1.

mod arguments;
#[cfg(target_os = "linux")]
mod check;
#[cfg(not(target_os = "linux"))]
#[path = "../../desktop/metadata_check.rs"]
mod check;
mod edit;
mod exchange;
#[cfg(target_os = "linux")]
mod images;
#[cfg(not(target_os = "linux"))]
#[path = "../../desktop/metadata_images.rs"]
mod images;
mod list;
mod log;
mod options;
mod own;
mod pin;
mod save;
mod verify;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind as ClapErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, Subcommand};
use imagewright_service::metadata::{
    Finding, ImageRegistries, MetadataError, Object, RuntimeImages, SCHEMASPACE, Value,
};

use crate::cli::Global;
use crate::failure::Failure;
use crate::render::output;
use crate::settings::{self, Settings, elyra, machine};

use arguments::Words;
use log::{Level, Log};
use options::{TABLES, Table};

/// Elyra's other kinds of records.
const OTHER_SCHEMASPACES: [&str; 3] = ["code-snippets", "component-catalogs", "runtimes"];

/// Manage runtime images as Elyra does, on the same files
///
/// Takes the arguments of `elyra-metadata`; results and errors go to standard output, and the exit code is 0 or 1. Options of
/// imagewright come before the command: imagewright --quiet metadata list runtime-images
///
/// Example: imagewright metadata create runtime-images --display_name "My image" --image_name jdoe/my-image:1.0.0
#[derive(Debug, Args)]
pub(crate) struct MetadataArguments {
    /// Log more
    #[arg(long)]
    debug: bool,
    /// Log from DEBUG, INFO, WARNING or ERROR on
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    #[command(subcommand)]
    command: Option<MetadataCommand>,
}

/// A command and its words, which are read as Elyra reads them.
#[derive(Debug)]
pub(crate) struct MetadataCommand {
    name: String,
    words: Vec<OsString>,
}

impl FromArgMatches for MetadataCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (name, matches) =
            matches.subcommand().ok_or_else(|| clap::Error::new(ClapErrorKind::MissingSubcommand))?;
        let id = if table(name).is_some() { WORDS } else { "" };
        let words = matches.get_many::<OsString>(id).into_iter().flatten().cloned().collect();
        Ok(Self { name: name.to_owned(), words })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The id of the words in the eyes of the parser.
const WORDS: &str = "words";

impl Subcommand for MetadataCommand {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.subcommands(TABLES.iter().map(unread)).allow_external_subcommands(true)
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    /// Any word may be one: what is none is answered as Elyra does.
    fn has_subcommand(_: &str) -> bool {
        true
    }
}

/// The command as it is parsed: its words are ours to read.
fn unread(table: &Table) -> clap::Command {
    let words = Arg::new(WORDS)
        .action(ArgAction::Append)
        .num_args(0..)
        .value_parser(clap::value_parser!(OsString))
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .hide(true);
    clap::Command::new(table.name)
        .about(table.about)
        .disable_help_flag(true)
        .override_help(table.described().render_help())
        .arg(words)
}

/// The command `metadata` with all options of its commands, for completions.
pub(crate) fn described(command: clap::Command) -> clap::Command {
    TABLES.iter().fold(command, |command, table| command.mut_subcommand(table.name, |_| table.described()))
}

fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// Why a command ends before its time.
enum Ended {
    /// Somebody asked for help.
    Help,
    /// It was called wrongly: a message, and help.
    Wrong(String),
    /// It failed: a message.
    Failed(String),
    /// It failed, and what was printed says it.
    Told,
    /// Results could not be printed.
    Output(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.in_one_line())
    }
}

/// What a command works with.
struct Call<'a> {
    words: Words,
    images: RuntimeImages,
    log: Log,
    global: &'a Global,
}

impl Call<'_> {
    /// Demands that all words were taken.
    fn finish(&self) -> Result<(), Ended> {
        match self.words.unexpected() {
            Some(words) => Err(Ended::Wrong(format!("The following arguments were unexpected: {words}"))),
            None => Ok(()),
        }
    }

    /// Takes an option that must have a value.
    fn required(&mut self, option: &str) -> Result<String, Ended> {
        match self.words.take(option) {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(Ended::Wrong(format!("Parameter '{option}' requires a value."))),
            None => Err(Ended::Wrong(format!("'{option}' is a required parameter."))),
        }
    }

    /// Takes `--name` as often as it is given; each name once.
    fn names(&mut self) -> Result<Vec<String>, Ended> {
        let given = self.words.take_all("--name");
        let mut names =
            given.ok_or_else(|| Ended::Wrong("Parameter '--name' requires a value.".to_owned()))?;
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    /// Registries as the configuration says.
    fn registries(&self) -> Result<ImageRegistries, Ended> {
        let settings = settings::load(self.global.config.as_deref(), Settings::default())?;
        let registries =
            ImageRegistries::new(&settings.registry, &settings.trust, machine::credential_files());
        Ok(registries.map_err(Failure::from)?)
    }

    fn warn(&self, findings: &[Finding]) {
        for finding in findings {
            self.log.line(Level::Warning, &finding.to_string());
            self.hint(finding.hint.as_deref());
        }
    }

    fn hint(&self, hint: Option<&str>) {
        if let Some(hint) = hint {
            self.log.line(Level::Info, &format!("hint: {hint}"));
        }
    }

    /// The end that an error is, logged with what else is known.
    fn failed(&self, error: &MetadataError) -> Ended {
        if let MetadataError::Problem(problem) = error {
            self.log.line(Level::Error, &problem.message);
        }
        self.hint(error.hint().as_deref());
        Ended::Failed(error.to_string())
    }
}

pub(crate) fn run(global: &Global, arguments: MetadataArguments) -> Result<ExitCode, Failure> {
    let known: Vec<Value> = TABLES.iter().map(|table| table.name.into()).collect();
    let one_of = |problem: &str, known: Vec<Value>| {
        let text = format!("{problem}  One of: {} must be specified.\n", Value::List(known).repr());
        output::text(&text).map(|()| ExitCode::FAILURE).map_err(Failure::from)
    };
    let Some(command) = arguments.command else { return one_of("No subcommand specified.", known) };
    let Some(table) = table(&command.name) else {
        return one_of(&format!("Subcommand '{}' is invalid.", command.name), known);
    };
    let mut log = Log::new(global.quiet);
    let ended = match read(&mut log, arguments.debug, arguments.log_level, command.words) {
        Err(text) => Err(Ended::Failed(text)),
        Ok(words) => match words.first().map(String::as_str) {
            None => return one_of("No subcommand specified.", vec![SCHEMASPACE.into()]),
            Some("-h" | "--help") => Err(Ended::Help),
            Some(SCHEMASPACE) => call(global, table, log, words[1..].to_vec()),
            Some(other) if OTHER_SCHEMASPACES.contains(&other) => Err(Ended::Failed(format!(
                "Schemaspace '{other}' is not managed here: imagewright knows '{SCHEMASPACE}', elyra-metadata the others."
            ))),
            Some(other) => {
                return one_of(&format!("Subcommand '{other}' is invalid."), vec![SCHEMASPACE.into()]);
            }
        },
    };
    end(table, ended)
}

fn call(global: &Global, table: &Table, log: Log, words: Vec<String>) -> Result<(), Ended> {
    let words = Words::new(words);
    if words.ask_for_help() {
        return Err(Ended::Help);
    }
    let Some(images) = RuntimeImages::open(&elyra::surroundings()) else {
        let text =
            "There is no folder for records: neither HOME, JUPYTER_DATA_DIR nor ELYRA_METADATA_PATH is set.";
        return Err(Ended::Failed(text.to_owned()));
    };
    (table.run)(&mut Call { words, images, log, global })
}

/// Reads words as text and takes out what is about logging.
fn read(
    log: &mut Log,
    debug: bool,
    level: Option<String>,
    words: Vec<OsString>,
) -> Result<Vec<String>, String> {
    let not_text = |word: OsString| format!("The argument '{}' is not UTF-8.", word.to_string_lossy());
    let words =
        words.into_iter().map(|word| word.into_string().map_err(not_text)).collect::<Result<Vec<_>, _>>()?;
    let mut kept = Vec::new();
    let mut levels = Vec::from_iter(level);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("--log-level") {
            _ if word == "--debug" => levels.push("DEBUG".to_owned()),
            Some("") => levels.extend(words.next()),
            Some(rest) if rest.starts_with('=') => levels.push(rest[1..].to_owned()),
            _ => kept.push(word),
        }
    }
    levels.extend(debug.then(|| "DEBUG".to_owned()));
    for level in levels {
        log.set_level(&level).map_err(|()| format!("Unknown level: '{level}'"))?;
    }
    Ok(kept)
}

fn end(table: &Table, ended: Result<(), Ended>) -> Result<ExitCode, Failure> {
    let help = || table.described().render_help();
    let (text, code) = match ended {
        Ok(()) => return Ok(ExitCode::SUCCESS),
        Err(Ended::Help) => (help().to_string(), ExitCode::SUCCESS),
        Err(Ended::Wrong(text)) => (format!("ERROR: {text}\n\n{}", help()), ExitCode::FAILURE),
        Err(Ended::Failed(text)) => (text + "\n", ExitCode::FAILURE),
        Err(Ended::Told) => return Ok(ExitCode::FAILURE),
        Err(Ended::Output(error)) => return Err(error.into()),
    };
    output::text(&text)?;
    Ok(code)
}

/// A line of text as it is printed: it may hold what a stranger wrote.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// An object of these pairs.
fn object<const N: usize>(pairs: [(&str, Value); N]) -> Object {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A text, or nothing.
fn optional(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::String)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_described_commands_are_consistent() {
        for table in TABLES {
            table.described().debug_assert();
        }
    }
}
