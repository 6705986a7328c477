//! What a container starts by itself: `default-command-broken`, `default-command-no-launcher`, `entrypoint-swallows-command`,
//! `health-check-inherited`.

use crate::launch::unwrapped;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Level, Outcome, PlatformCheck, Rule};
use crate::shell::{base_name, commands, is_shell, script_of};
use crate::view::{Entry, Right, User};

pub(crate) static DEFAULT_COMMAND_BROKEN: Rule = Rule {
    name: "default-command-broken",
    summary: "What the container starts is there, may be executed, and finds its interpreter.",
    why: "The platform starts the image as it is. A script that is not there, that nobody may execute, whose interpreter is missing or \
          whose lines end as those of Windows ends the container at once; what a user sees is a time limit.",
    mend: "```dockerfile\nCOPY --chmod=755 start.sh /usr/local/bin/start.sh\n# line ends of Unix, in case an editor made others\n\
           RUN sed -i 's/\\r$//' /usr/local/bin/start.sh\nCMD [\"/usr/local/bin/start.sh\"]\n```",
    sources: &["Enterprise Gateway, \"Container Kernels\"; kernels started as observed", "execve(2)"],
    on_platform: Some(PlatformCheck::Files(default_command_broken)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static DEFAULT_COMMAND_NO_LAUNCHER: Rule = Rule {
    name: "default-command-no-launcher",
    summary: "The container starts a launcher of kernels by itself.",
    why: "Enterprise Gateway gives a container no command. What the image starts by itself must read its parameters from the \
          environment and send back how the kernel is reached. A shell, an interpreter or a notebook server does not, and Enterprise \
          Gateway waits until its time limit.",
    mend: "```dockerfile\nCMD [\"/usr/local/bin/bootstrap-kernel.sh\"]\n```",
    sources: &["Enterprise Gateway, \"Container Kernels\", section \"Bringing your own kernel image\""],
    on_platform: Some(PlatformCheck::Files(default_command_no_launcher)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static ENTRYPOINT_SWALLOWS_COMMAND: Rule = Rule {
    name: "entrypoint-swallows-command",
    summary: "`ENTRYPOINT` runs what it is given.",
    why: "Where there is an `ENTRYPOINT`, `CMD` is only its arguments. One that does not end in running them, such as a script without \
          `exec \"$@\"` or an interpreter that takes them for options, starts no kernel.",
    mend: "End the script in what it was given, or start by something that does:\n\n\
           ```dockerfile\nENTRYPOINT [\"tini\", \"-g\", \"--\"]\nCMD [\"/usr/local/bin/bootstrap-kernel.sh\"]\n```",
    sources: &["Docker, \"Dockerfile reference\", section \"Understand how CMD and ENTRYPOINT interact\""],
    on_platform: Some(PlatformCheck::Files(entrypoint_swallows_command)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static HEALTH_CHECK_INHERITED: Rule = Rule {
    name: "health-check-inherited",
    level: Level::Warning,
    summary: "No health check of a notebook server is left.",
    why: "An image that is made from a notebook image inherits its health check, which asks the notebook server. A kernel has none, so \
          Docker takes every kernel for unhealthy, and Swarm stops it.",
    mend: "```dockerfile\nHEALTHCHECK NONE\n```",
    sources: &["Enterprise Gateway's own images: `HEALTHCHECK NONE`"],
    on_platform: Some(PlatformCheck::Documents(health_check_inherited)),
    ..Rule::OF_PLATFORMS
};

/// The words that a container really starts, without what stands in front of them.
fn started(subject: &ProfileSubject<'_>) -> Vec<String> {
    let words = subject.command();
    let rest = unwrapped(&words);
    // A line for a shell: what it runs last.
    if let Some((line, _)) = script_of(rest)
        && let Some(command) = commands(line, &|name| subject.variable(name)).pop()
    {
        return unwrapped(&command.words).to_vec();
    }
    // A shell that is given a script.
    match rest.split_first() {
        Some((shell, arguments)) if is_shell(shell) => {
            let at = arguments.iter().position(|word| !word.starts_with('-'));
            at.map(|at| arguments[at..].to_vec()).unwrap_or_else(|| rest.to_vec())
        }
        _ => rest.to_vec(),
    }
}

/// The file that a word of a command names.
fn program<'a>(subject: &'a ProfileSubject<'_>, word: &str) -> Option<Entry<'a>> {
    match word.contains('/') {
        true if word.starts_with('/') => subject.view.find(word),
        true => subject.view.find(&format!("{}/{word}", subject.working_directory())),
        false => subject.view.which(word, &subject.search_path()),
    }
}

fn default_command_broken(subject: &ProfileSubject<'_>) -> Outcome {
    let words = subject.command();
    let Some(first) = words.first() else {
        return subject.found("the image starts nothing: it has neither `ENTRYPOINT` nor `CMD`").into();
    };
    let started = started(subject);
    let mut found = Vec::new();
    for word in [Some(first), started.first()].into_iter().flatten() {
        let text = broken(subject, word);
        found.extend(text);
        if first == word && !found.is_empty() {
            break;
        }
    }
    found.into()
}

/// What is wrong with a program that is to be started.
fn broken(subject: &ProfileSubject<'_>, word: &str) -> Option<Found> {
    if word.starts_with('$') {
        return None;
    }
    let Some(file) = program(subject, word) else {
        return Some(subject.found(format!("the container starts `{word}`, which is not in the image")));
    };
    let path = file.path();
    if !file.is_program() {
        let remedy = executable(&path);
        let text =
            format!("the container starts `{path}`, which nobody may execute (mode {:04o})", file.mode());
        return Some(subject.found(text).with_mend(format!("RUN chmod 755 {path}")).with_remedy(remedy));
    }
    if !User::ARBITRARY.may(Right::Execute, &file) {
        let text = format!(
            "the container starts `{path}`, which not everybody may execute (mode {:04o})",
            file.mode()
        );
        let found = subject.found(text).with_mend(format!("RUN chmod 755 {path}"));
        return Some(found.with_remedy(executable(&path)).with_level(Level::Warning));
    }
    let line = file.text()?.lines().next()?;
    let interpreter = line.strip_prefix("#!")?;
    if interpreter.ends_with('\r') || file.text()?.contains("\r\n") {
        let text = format!("the lines of `{path}` end as those of Windows: its interpreter is not found");
        let found = subject.found(text).with_mend(format!("RUN sed -i 's/\\r$//' {path}"));
        return Some(found.with_remedy(Remedy::UnixLineEnds { path }));
    }
    let mut words = interpreter.split_whitespace();
    let interpreter = words.next()?;
    let (name, is_there) = match base_name(interpreter) {
        "env" => {
            let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
            (name, subject.has_program(name))
        }
        _ => (interpreter, subject.view.find(interpreter).is_some_and(|entry| entry.is_program())),
    };
    let text = format!("`{path}` is run by `{name}`, which is not in the image");
    (!is_there).then(|| {
        subject.found(text).with_remedy(Remedy::AptPackages { packages: vec![base_name(name).to_owned()] })
    })
}

fn executable(path: &str) -> Remedy {
    Remedy::Permissions {
        path: path.to_owned(),
        recursive: false,
        uid: None,
        gid: None,
        file_mode: 0o755,
        folder_mode: 0,
    }
}

/// Programs that start kernels.
fn is_launcher(word: &str) -> bool {
    let name = base_name(word);
    name.starts_with("bootstrap-kernel")
        || name.starts_with("launch_")
        || word.contains("kernel-launchers/")
        || name.contains("kernel-launcher")
}

fn default_command_no_launcher(subject: &ProfileSubject<'_>) -> Outcome {
    let words = subject.command();
    let started = started(subject);
    let Some(first) = started.first() else { return Outcome::fine() };
    if words.iter().chain(&started).any(|word| is_launcher(word)) {
        return Outcome::fine();
    }
    let text = program(subject, first).and_then(|file| file.text());
    let shown = started.join(" ");
    match text {
        // A script of the image's own may speak the protocol, or lead to what does.
        Some(text) if text.contains("RESPONSE_ADDRESS") || text.contains("bootstrap-kernel") => {
            Outcome::fine()
        }
        Some(text) if text.contains("kernel-launchers") || text.contains("launch_") => Outcome::fine(),
        _ if is_known(first) => {
            let found = subject.found(format!(
                "the container starts `{shown}`, which starts no kernel for Enterprise Gateway"
            ));
            found.with_remedy(Remedy::KernelLauncher { language: language(subject) }).into()
        }
        _ => Outcome::unknown(format!("whether `{shown}` starts a kernel for Enterprise Gateway")),
    }
}

/// Programs of which it is known that they start no kernel in this way.
fn is_known(word: &str) -> bool {
    let name = base_name(word).trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    is_shell(word)
        || ["python", "ipython", "R", "julia", "true", "sleep", "tail", "cat", "node", "java"].contains(&name)
        || name.starts_with("jupyter")
        || name.starts_with("start-notebook")
        || name.starts_with("start-singleuser")
        || name == "start.sh"
}

/// The language of the image's kernel, as Enterprise Gateway calls it.
pub(crate) fn language(subject: &ProfileSubject<'_>) -> String {
    subject.variable("KERNEL_LANGUAGE").unwrap_or_else(|| "python".to_owned()).to_ascii_lowercase()
}

fn entrypoint_swallows_command(subject: &ProfileSubject<'_>) -> Outcome {
    let entrypoint = subject.container.entrypoint.clone().unwrap_or_default();
    let Some(first) = entrypoint.first() else { return Outcome::fine() };
    if entrypoint.iter().any(|word| is_launcher(word)) || unwrapped(&entrypoint).is_empty() {
        return Outcome::fine();
    }
    let rest = unwrapped(&entrypoint);
    if script_of(rest).is_some() {
        let text = "`ENTRYPOINT` is a line for a shell, so `CMD` is passed over";
        return subject.found(text).into();
    }
    let named = rest.first().unwrap_or(first);
    let file = program(subject, named);
    match file.and_then(|file| file.text()) {
        Some(text) if text.contains("\"$@\"") || text.contains("$@") || text.contains("exec \"${@}\"") => {
            Outcome::fine()
        }
        Some(text)
            if text.starts_with("#!") && text.lines().next().is_some_and(|line| line.contains("sh")) =>
        {
            subject
                .found(format!(
                    "`ENTRYPOINT` runs `{named}`, which does not run what it is given: `CMD` is never started"
                ))
                .into()
        }
        _ if is_known(named) => {
            subject.found(format!("`ENTRYPOINT` is `{named}`, for which `CMD` is only arguments")).into()
        }
        _ => Outcome::unknown(format!("whether `{named}` runs what it is given")),
    }
}

fn health_check_inherited(subject: &ProfileSubject<'_>) -> Outcome {
    let check = subject.container.extra.get("Healthcheck");
    let test = check.and_then(|check| check["Test"].as_array());
    let words: Vec<&str> = test.into_iter().flatten().filter_map(|word| word.as_str()).collect();
    if words.is_empty() || words == ["NONE"] {
        return Outcome::fine();
    }
    let text = format!("the image has a health check, `{}`, which a kernel does not answer", words.join(" "));
    subject.found(text).with_mend("HEALTHCHECK NONE").with_remedy(Remedy::NoHealthCheck).into()
}
