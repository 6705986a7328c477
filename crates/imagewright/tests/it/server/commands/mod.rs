//! The command line as a client of a server: what its users do without a browser.

mod catalog;
mod exchange;
mod people;

use std::io::Write;
use std::process::{Command, Stdio};

use imagewright_testkit::context::{Outcome, TestContext};

use super::support::{Caller, TestServer};
use crate::support::context;

/// Somebody's own machine, whose commands speak to the server as they.
fn machine_of(server: &TestServer, caller: &Caller<'_>) -> TestContext {
    let address = format!("http://{}", server.address);
    context().env("IMAGEWRIGHT_SERVER", address).env("IMAGEWRIGHT_TOKEN", caller.token())
}

/// Runs a command with a text on standard input.
fn run_with(machine: &TestContext, arguments: &[&str], text: &str) -> Outcome {
    let mut command = machine.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // A command that refuses its arguments does not read.
    drop(process.stdin.take().unwrap().write_all(text.as_bytes()));
    process.wait_with_output().map(Outcome::from).unwrap()
}

/// Runs a command at a terminal (`script` of util-linux makes one), where somebody types a line.
fn run_at_terminal(machine: &TestContext, arguments: &[&str], typed: &str) -> Outcome {
    let command = machine.command(arguments);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = terminal.spawn().unwrap();
    // The terminal stays open until the command has ended.
    let mut keyboard = process.stdin.take().unwrap();
    keyboard.write_all(format!("{typed}\n").as_bytes()).unwrap();
    let outcome = process.wait_with_output().map(Outcome::from).unwrap();
    drop(keyboard);
    outcome
}

/// The first column of a table, without its heading.
fn names(outcome: &Outcome) -> Vec<&str> {
    outcome.stdout.lines().skip(1).map(|line| line.split_whitespace().next().unwrap_or_default()).collect()
}
