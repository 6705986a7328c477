//! Programs that start another one, which their arguments name.

use crate::shell::{assignment, base_name};

/// Wrappers, and those of their options that take a value of their own.
const WRAPPERS: [(&str, &[&str]); 34] = [
    ("tini", &["-p", "-e"]),
    ("tini-static", &["-p", "-e"]),
    ("dumb-init", &["--rewrite", "-r"]),
    ("docker-init", &["-p", "-e"]),
    ("catatonit", &[]),
    ("pid1", &[]),
    ("exec", &["-a"]),
    ("command", &[]),
    ("env", &["-u", "--unset", "-C", "--chdir"]),
    ("nice", &["-n"]),
    ("ionice", &["-c", "-n"]),
    ("nohup", &[]),
    ("setsid", &[]),
    ("stdbuf", &["-i", "-o", "-e"]),
    ("time", &[]),
    ("catchsegv", &[]),
    ("sudo", &["-u", "-g", "-U", "--user", "--group"]),
    ("setpriv", &[]),
    ("fixuid", &[]),
    ("with-contenv", &[]),
    ("xvfb-run", &["-n", "-s", "-e", "-f", "-p", "-w", "--server-num", "--server-args"]),
    ("dbus-run-session", &[]),
    ("ddtrace-run", &[]),
    ("opentelemetry-instrument", &[]),
    ("nvidia_entrypoint.sh", &[]),
    ("_entrypoint.sh", &[]),
    ("start.sh", &[]),
    ("prepare.sh", &[]),
    ("aws-vault", &[]),
    ("gosu", &[]),
    ("su-exec", &[]),
    ("s6-setuidgid", &[]),
    ("timeout", &["-k", "-s"]),
    ("chroot", &[]),
];
/// Of those, the ones whose first argument is not the program either.
const WITH_OPERAND: [&str; 5] = ["gosu", "su-exec", "s6-setuidgid", "timeout", "chroot"];
/// `NAME run …`, and those of their options that take a value of their own.
const RUNNERS: [(&str, &[&str]); 9] = [
    ("conda", &["-n", "-p", "--name", "--prefix", "--cwd"]),
    ("mamba", &["-n", "-p", "--name", "--prefix", "--cwd"]),
    ("micromamba", &["-n", "-p", "-r", "--name", "--prefix", "--cwd", "-a", "--attach"]),
    ("poetry", &["-C", "--directory", "-P", "--project"]),
    ("pipenv", &[]),
    ("uv", &["--project", "--directory", "--with", "--extra", "--group", "-p", "--python"]),
    ("pixi", &["-e", "--environment", "--manifest-path"]),
    ("pdm", &["-p", "--project"]),
    ("hatch", &["-e", "--env"]),
];

/// What the program starts, where it starts another one.
pub(super) fn wrapped<'a>(program: &str, arguments: &'a [String]) -> Option<&'a [String]> {
    let name = base_name(program);
    if let Some((_, with_value)) = RUNNERS.iter().find(|(runner, _)| *runner == name) {
        let run = arguments.iter().position(|word| word == "run")?;
        return Some(after_options(&arguments[run + 1..], with_value));
    }
    let (_, with_value) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name)?;
    let rest = after_options(arguments, with_value);
    match WITH_OPERAND.contains(&name) {
        true => Some(rest.get(1..).unwrap_or_default()),
        false => Some(rest),
    }
}

/// What follows the options, and the variables that are set.
fn after_options<'a>(words: &'a [String], with_value: &[&str]) -> &'a [String] {
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        if word == "--" {
            return after;
        }
        if with_value.contains(&word.as_str()) {
            rest = after.get(1..).unwrap_or_default();
        } else if word.starts_with('-') || assignment(word).is_some() {
            rest = after;
        } else {
            break;
        }
    }
    rest
}

/// The environment that `conda run` and its likes run a program in: a name or a folder.
pub(super) fn environment(words: &[String]) -> Option<String> {
    let program = base_name(words.first()?);
    if !["conda", "mamba", "micromamba"].contains(&program) || !words.iter().any(|word| word == "run") {
        return None;
    }
    words.iter().zip(words.iter().skip(1)).find_map(|(option, value)| {
        ["-n", "-p", "--name", "--prefix"].contains(&option.as_str()).then(|| value.clone())
    })
}

/// Whether a program runs another one as somebody else.
pub(crate) fn changes_user(program: &str) -> bool {
    ["gosu", "su-exec", "s6-setuidgid", "setpriv", "runuser", "fixuid", "sudo", "su"]
        .contains(&base_name(program))
}
