//! A `RUN` as rules see it: the commands in it.

use imagewright_dockerfile::RunAction;

use crate::launch::unwrapped;
use crate::shell::{ShellCommand, base_name, commands, is_shell, script_of};

/// The commands of a `RUN`, in order, without what stands in front of them (`sudo`, `env`, `conda run` …).
pub(crate) fn commands_of(run: &RunAction) -> Vec<ShellCommand> {
    let variable = |name: &str| {
        let (_, value) = run.environment.iter().rev().find(|(known, _)| known == name)?;
        (value.strip_prefix('$') != Some(name)).then(|| value.clone())
    };
    let script = run.script.as_ref().filter(|script| is_for_shell(&script.contents));
    let text = script.map(|script| script.contents.as_str()).or_else(|| Some(script_of(&run.command)?.0));
    let all = match text {
        Some(text) => commands(text, &variable),
        None => vec![ShellCommand { words: run.command.clone(), ..ShellCommand::default() }],
    };
    let bare = |command: ShellCommand| ShellCommand { words: unwrapped(&command.words).to_vec(), ..command };
    all.into_iter().map(bare).collect()
}

/// Whether the first line of a script names a shell.
fn is_for_shell(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("#!").is_some_and(|line| line.split_whitespace().any(is_shell))
}

/// What pip is asked to do: the words after `pip`, `pip3`, `python -m pip`.
pub(crate) fn pip(command: &ShellCommand) -> Option<&[String]> {
    let unversioned = |word: &str| {
        base_name(word).trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.').to_owned()
    };
    match unversioned(command.words.first()?).as_str() {
        "pip" => Some(command.arguments()),
        "python" | "pypy" => {
            let at = command.words.windows(2).position(|pair| pair[0] == "-m" && pair[1] == "pip")?;
            Some(&command.words[at + 2..])
        }
        _ => None,
    }
}

/// The first word that is no option.
pub(crate) fn verb(arguments: &[String]) -> &str {
    arguments.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str)
}
