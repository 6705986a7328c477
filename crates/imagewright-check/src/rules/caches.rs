//! Which caches a `RUN` leaves: what its commands fill, and what removes, moves or prevents them.

use imagewright_dockerfile::{MountKind, RunAction};

use crate::leftovers::Manager;
use crate::run::{pip, verb};
use crate::shell::ShellCommand;

/// A package manager that was used.
pub(super) struct Uses {
    pub(super) manager: Manager,
    /// The beginning of its command.
    pub(super) command: String,
}

/// Managers that the commands of a `RUN` leave the cache of, each once.
pub(super) fn left_by(run: &RunAction, commands: &[ShellCommand]) -> Vec<Uses> {
    let mut all: Vec<Uses> = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Some((manager, words)) = fills(command) else { continue };
        let left = !all.iter().any(|uses| uses.manager == manager)
            && !is_mounted(manager, run)
            && !is_off(manager, command, &commands[..at], run)
            && !commands[at + 1..].iter().any(|later| removes(manager, later, run));
        if left {
            let command = command.words.iter().take(words).cloned().collect::<Vec<_>>().join(" ");
            all.push(Uses { manager, command });
        }
    }
    all
}

/// The manager whose cache a command fills, and how many of its words say so.
fn fills(command: &ShellCommand) -> Option<(Manager, usize)> {
    let arguments = command.arguments();
    let verb_of = |verbs: &[&str]| verbs.contains(&verb(arguments));
    let manager = match command.program() {
        "apt-get" | "apt" | "aptitude" if verb_of(&["update"]) => Manager::Apt,
        "conda" | "mamba" | "micromamba" if verb_of(&["install", "create", "update", "upgrade"]) => {
            Manager::Conda
        }
        "conda" | "mamba" | "micromamba"
            if verb_of(&["env"]) && (command.has("create") || command.has("update")) =>
        {
            Manager::Conda
        }
        "npm" if verb_of(&["install", "ci", "i", "add"]) => Manager::Npm,
        "yarn" if verb_of(&["", "install", "add", "global"]) && !command.has("--version") => Manager::Yarn,
        "apk" if verb_of(&["update"]) && !command.has("--no-cache") => Manager::Apk,
        "apk" if verb_of(&["add", "upgrade"]) && updates(command) && !command.has("--no-cache") => {
            Manager::Apk
        }
        "dnf" | "yum" | "microdnf" | "tdnf"
            if verb_of(&["install", "update", "upgrade", "groupinstall", "makecache"]) =>
        {
            Manager::Dnf
        }
        "uv" if fills_uv(arguments) => Manager::Uv,
        _ => {
            let arguments = pip(command)?;
            let fetches = ["install", "wheel", "download"].contains(&verb(arguments));
            let keeps =
                !arguments.iter().any(|word| word.starts_with("--no-cache")) && !is_all_local(arguments);
            return (fetches && keeps).then(|| (Manager::Pip, command.words.len() - arguments.len() + 1));
        }
    };
    let said = arguments.iter().position(|word| word == verb(arguments)).map_or(1, |at| at + 2);
    Some((manager, said))
}

fn updates(command: &ShellCommand) -> bool {
    ["-U", "--update", "--update-cache"].iter().any(|option| command.has(option))
}

fn fills_uv(arguments: &[String]) -> bool {
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    matches!(words[..], ["sync" | "add", ..] | ["pip", "install" | "sync", ..] | ["tool", "install", ..])
        && !arguments.iter().any(|word| word == "--no-cache" || word == "-n")
}

/// Whether pip is given nothing but files and folders, and fetches nothing for them.
fn is_all_local(arguments: &[String]) -> bool {
    let is_local =
        |word: &&String| word.starts_with(['.', '/']) || word.ends_with(".whl") || word.ends_with(".tar.gz");
    let mut operands =
        arguments.iter().skip_while(|word| *word != "install").skip(1).filter(|word| !word.starts_with('-'));
    let isolated =
        ["--no-deps", "--no-index"].iter().any(|option| arguments.iter().any(|word| word == option));
    isolated && operands.all(|word| is_local(&word))
}

/// Names of folders by which the cache of a manager is known, wherever it lies.
fn folders(manager: Manager) -> &'static [&'static str] {
    match manager {
        Manager::Apt => &["var/lib/apt", "apt/lists"],
        Manager::Pip => &[".cache", "cache/pip", "pip-cache"],
        Manager::Uv => &[".cache", "cache/uv", "uv-cache"],
        Manager::Conda => &["pkgs"],
        Manager::Npm => &[".npm", "_cacache", "npm-cache"],
        Manager::Yarn => &["yarn", ".cache"],
        Manager::Apk => &["var/cache/apk"],
        Manager::Dnf => &["var/cache"],
    }
}

/// Variables that switch a cache off, and those that say where it is.
fn variables(manager: Manager) -> (&'static [&'static str], &'static [&'static str]) {
    match manager {
        Manager::Pip => (&["PIP_NO_CACHE_DIR"], &["PIP_CACHE_DIR", "XDG_CACHE_HOME"]),
        Manager::Uv => (&["UV_NO_CACHE"], &["UV_CACHE_DIR", "XDG_CACHE_HOME"]),
        Manager::Conda => (&[], &["CONDA_PKGS_DIRS"]),
        Manager::Npm => (&[], &["NPM_CONFIG_CACHE", "npm_config_cache"]),
        Manager::Yarn => (&[], &["YARN_CACHE_FOLDER"]),
        Manager::Apt | Manager::Apk | Manager::Dnf => (&[], &[]),
    }
}

fn value<'a>(run: &'a RunAction, name: &str) -> Option<&'a str> {
    let (_, value) = run.environment.iter().rev().find(|(known, _)| known == name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// Where variables say that the cache is.
fn places(manager: Manager, run: &RunAction) -> impl Iterator<Item = &str> {
    variables(manager).1.iter().filter_map(|name| value(run, name))
}

/// Whether what is written to the cache goes to a mount.
fn is_mounted(manager: Manager, run: &RunAction) -> bool {
    let mounts = run.mounts.iter().filter(|mount| {
        matches!(mount.kind, MountKind::Cache { .. } | MountKind::Tmpfs { .. } | MountKind::Bind { .. })
    });
    let mut targets = mounts.map(|mount| mount.target.trim_end_matches('/'));
    targets.any(|target| {
        folders(manager).iter().any(|folder| target.contains(folder))
            || places(manager, run).any(|place| place.starts_with(target))
            || ["/root", "/var", "/var/lib", "/home"].contains(&target)
    })
}

/// Whether a command fills no cache though it could.
fn is_off(manager: Manager, command: &ShellCommand, before: &[ShellCommand], run: &RunAction) -> bool {
    let (off, _) = variables(manager);
    let exported = before.iter().flat_map(|command| {
        let words = if command.program() == "export" { command.arguments() } else { &[] };
        words.iter().filter_map(|word| word.split_once('=')).map(|(name, _)| name)
    });
    let assigned = command.assignments.iter().map(|(name, _)| name.as_str());
    off.iter().any(|name| value(run, name).is_some())
        || exported.chain(assigned).any(|name| off.contains(&name))
}

/// Whether a later command of the same `RUN` removes the cache.
fn removes(manager: Manager, command: &ShellCommand, run: &RunAction) -> bool {
    let program = command.program();
    // Scripts that tidy up go by such names: `clean-layer.sh`, `apt-clean`.
    if program.contains("clean") {
        return true;
    }
    let cleans =
        command.words.iter().any(|word| word.contains("clean") || word == "purge" || word == "prune");
    let own = match manager {
        Manager::Apt => {
            ["apt-get", "apt"].contains(&program) && (command.has("dist-clean") || command.has("distclean"))
        }
        Manager::Pip => pip(command).is_some_and(|arguments| verb(arguments) == "cache") && cleans,
        Manager::Uv => program == "uv" && verb(command.arguments()) == "cache" && cleans,
        Manager::Conda => ["conda", "mamba", "micromamba"].contains(&program) && cleans,
        Manager::Npm => program == "npm" && verb(command.arguments()) == "cache" && cleans,
        Manager::Yarn => program == "yarn" && verb(command.arguments()) == "cache" && cleans,
        Manager::Dnf => ["dnf", "yum", "microdnf", "tdnf"].contains(&program) && cleans,
        Manager::Apk => false,
    };
    let names_it = |word: &String| {
        folders(manager).iter().any(|folder| word.contains(folder))
            || places(manager, run).any(|place| word.starts_with(place))
            || (manager == Manager::Apt && word.contains("/var/lib/") && word.contains("apt"))
    };
    own || (["rm", "find", "truncate"].contains(&program) && command.arguments().iter().any(names_it))
}
