//! What a script leaves running: what it ends in, and what it puts into the background.

use super::{Look, Starts, started};
use crate::shell::{End, ShellCommand, base_name, commands};

/// What a shell's line starts; `arguments` are what it sees as `$0`, `$1`, …
pub(super) fn of_line(text: &str, arguments: &[String], look: &Look<'_>, depth: u32) -> Starts {
    of_file(text, arguments.get(1..).unwrap_or_default(), look, depth)
}

/// What a script starts that is given these arguments.
pub(super) fn of_file(text: &str, arguments: &[String], look: &Look<'_>, depth: u32) -> Starts {
    let commands = commands(text, look.variable);
    let beside = commands.iter().filter(|command| command.end == End::Background);
    let daemons = commands.iter().filter(|command| is_daemon(command));
    for command in beside
        .map(|command| started(&command.words, look, depth))
        .chain(daemons.map(|command| Starts::Service(command.words.clone())))
    {
        if let Starts::Service(_) = command {
            return command;
        }
    }
    let executed = || commands.iter().filter(|command| command.program() == "exec");
    let last = commands.iter().rposition(|command| !command.words.is_empty() && command.program() != "exit");
    let last = last.map(|at| first_of_pipe(&commands, at));
    if executed().chain(last).any(is_passed_on) {
        return started(arguments, look, depth);
    }
    // Which of several it is cannot be told; one that serves is enough.
    let mut found = Starts::Nothing;
    for command in executed().chain(last) {
        match started(&command.words, look, depth) {
            Starts::Nothing => {}
            service @ Starts::Service(_) => return service,
            something => found = something,
        }
    }
    found
}

/// The command at whose end of a pipe `at` stands: `server | tee log` is the server.
fn first_of_pipe(commands: &[ShellCommand], at: usize) -> &ShellCommand {
    let before = commands[..at].iter().rev().take_while(|command| command.end == End::Pipe).count();
    &commands[at - before]
}

/// Whether it runs what the script was given: `exec "$@"`, `tini -- "$@"`.
fn is_passed_on(command: &ShellCommand) -> bool {
    command.words.last().is_some_and(|word| ["$@", "$*", "${@}", "${*}"].contains(&word.as_str()))
        && !["echo", "printf", "set", "test", "["].contains(&command.program())
}

/// Commands that leave something behind though they end.
fn is_daemon(command: &ShellCommand) -> bool {
    match command.program() {
        "service" | "systemctl" | "rc-service" | "pg_ctlcluster" | "pg_ctl" => command.has("start"),
        "redis-server" => command.has("--daemonize"),
        "mongod" => command.has("--fork"),
        _ => {
            command.words.first().is_some_and(|word| word.starts_with("/etc/init.d/")) && command.has("start")
        }
    }
}

/// The environment that a script activates: `conda activate NAME`, `source …/bin/activate [NAME]`.
pub(super) fn environment(text: &str, look: &Look<'_>) -> Option<String> {
    commands(text, look.variable)
        .iter()
        .find_map(|command| {
            let arguments = command.arguments();
            match command.program() {
                "conda" | "mamba" | "micromamba" if command.has("activate") => {
                    let name = arguments.iter().skip_while(|word| *word != "activate").nth(1);
                    Some(name.cloned().unwrap_or_else(|| "base".to_owned()))
                }
                "." | "source" if arguments.first().is_some_and(|word| base_name(word) == "activate") => {
                    let (script, named) = (&arguments[0], arguments.get(1).cloned());
                    named.or_else(|| script.strip_suffix("/bin/activate").map(str::to_owned))
                }
                _ => None,
            }
        })
        // What nobody knows cannot be looked for.
        .filter(|name| !name.contains('$'))
}
