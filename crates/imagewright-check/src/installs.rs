//! What a Dockerfile installs, as an image spec says it: so that what was written by hand can be a list of packages from then on.

use imagewright_dockerfile::{Action, BuildPlan, DEFAULT_PATH, DockerfileError, RunAction, Step};
use imagewright_model::spec::Origin;
use imagewright_oci::{ContainerConfig, Reference};
use serde_json::{Map, Value, json};

use crate::dockerfile::{DockerfileSubject, Surroundings};
use crate::run::{commands_of, pip};
use crate::shell::ShellCommand;

/// A Dockerfile as a spec.
#[derive(Clone, Debug, PartialEq)]
pub struct AsSpec {
    /// The spec, as an `image.yaml` has it. It has what could be understood.
    pub spec: Value,
    /// Requirements files that it installs from: where that stands, and how they are called there. What is in them is not in the spec.
    pub files: Vec<(Origin, String)>,
    /// What the spec does not have: where it stands, and what it is, in a sentence.
    pub left: Vec<(Origin, String)>,
}

/// Reads what a Dockerfile installs as an image spec: packages of apt, conda and pip, and the settings of the container. Whatever else it does is
/// named, and never left out silently.
///
/// # Errors
/// What is wrong with the Dockerfile itself, as building it would say.
pub fn as_spec(text: &str, plan: &BuildPlan) -> Result<AsSpec, DockerfileError> {
    let subject = DockerfileSubject::new(text, plan, &Alone)?;
    let mut reading = Reading::default();
    let chain = subject.image();
    if let Some(last) = plan.stages.last().filter(|_| chain.is_empty()) {
        reading.left.push((last.origin.clone(), "what it does depends on its base".to_owned()));
    }
    chain.iter().flat_map(|stage| &stage.lowered.steps).for_each(|step| reading.step(step));
    let mut spec = Map::new();
    if let Some(first) = chain.first() {
        spec.insert("base".to_owned(), first.planned.written_base.clone().into());
    }
    let Reading { lists, files, mut left } = reading;
    lists.write(&mut spec);
    if let (Some(first), Some(last)) = (chain.first(), chain.last()) {
        let changed = Settings { begins: &first.begins, ends: &last.lowered.container };
        changed.write(&mut spec, &last.planned.origin, &mut left);
    }
    left.sort_by_key(|(origin, _)| origin.line);
    Ok(AsSpec { spec: Value::Object(spec), files, left })
}

/// A Dockerfile of whose base and files nothing is known.
struct Alone;

impl Surroundings for Alone {
    fn read(&self, _: &str) -> Option<String> {
        None
    }

    fn base(&self, _: &Reference) -> Option<ContainerConfig> {
        None
    }
}

/// Packages, in the order in which they are installed.
#[derive(Default)]
struct Lists {
    apt: Vec<String>,
    conda: Vec<String>,
    channels: Vec<String>,
    pip: Vec<String>,
}

impl Lists {
    fn write(self, spec: &mut Map<String, Value>) {
        let Self { apt, conda, channels, pip } = self;
        let packages = [("apt", apt), ("pip", pip)];
        for (list, names) in packages.into_iter().filter(|(_, names)| !names.is_empty()) {
            spec.insert(list.to_owned(), names.into());
        }
        if !conda.is_empty() {
            let conda = match channels.is_empty() {
                true => conda.into(),
                false => json!({"packages": conda, "channels": channels}),
            };
            spec.insert("conda".to_owned(), conda);
        }
    }
}

fn add(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

#[derive(Default)]
struct Reading {
    lists: Lists,
    files: Vec<(Origin, String)>,
    left: Vec<(Origin, String)>,
}

impl Reading {
    fn step(&mut self, step: &Step) {
        match &step.action {
            Action::Run(run) => self.run(&step.origin, run),
            Action::Copy(_) => {
                let is_list = is_list_of_packages(&step.title);
                if !is_list {
                    self.leave(&step.origin, format!("`{}` brings files", step.title));
                }
            }
            Action::Folder { .. } => {}
            Action::Settings => {
                let keyword = step.title.split_whitespace().next().unwrap_or_default().to_uppercase();
                if matches!(keyword.as_str(), "HEALTHCHECK" | "ONBUILD" | "SHELL") {
                    self.leave(&step.origin, format!("`{}` has no place in a spec", step.title));
                }
            }
        }
    }

    fn run(&mut self, origin: &Origin, run: &RunAction) {
        let commands = commands_of(run);
        if commands.is_empty() {
            self.leave(origin, "it could not be understood".to_owned());
        }
        for command in commands {
            if command.words.iter().any(|word| word.contains('$')) {
                self.leave(origin, format!("`{}` depends on a variable", shown(&command)));
                continue;
            }
            if let Some(arguments) = pip(&command).or_else(|| uv_pip(&command)) {
                self.pip(origin, &command, arguments);
                continue;
            }
            match command.program() {
                "apt-get" | "apt" | "aptitude" => self.apt(origin, &command),
                "conda" | "mamba" | "micromamba" => self.conda(origin, &command),
                _ if changes_nothing_of_note(&command) => {}
                _ => self.leave(origin, format!("`{}` is a command of its own", shown(&command))),
            }
        }
    }

    fn apt(&mut self, origin: &Origin, command: &ShellCommand) {
        const WITH_VALUE: [&str; 6] = ["-o", "-t", "-c", "--option", "--target-release", "--config-file"];
        let words = operands(command.arguments(), &WITH_VALUE);
        match words.split_first() {
            Some((verb, names)) if *verb == "install" || *verb == "satisfy" => {
                for name in names {
                    match is_file(name) {
                        true => self.leave(origin, format!("`{name}` is a file")),
                        false => add(&mut self.lists.apt, name),
                    }
                }
            }
            Some((verb, _))
                if matches!(*verb, "update" | "clean" | "autoclean" | "autoremove" | "purge" | "remove") =>
            {
                if matches!(*verb, "purge" | "remove") {
                    self.leave(origin, format!("`{}` takes packages away", shown(command)));
                }
            }
            _ => self.leave(origin, format!("`{}` is not an installation", shown(command))),
        }
    }

    fn conda(&mut self, origin: &Origin, command: &ShellCommand) {
        const WITH_VALUE: [&str; 10] =
            ["-n", "--name", "-p", "--prefix", "-c", "--channel", "--file", "-f", "--solver", "-r"];
        let arguments = command.arguments();
        let words = operands(arguments, &WITH_VALUE);
        match words.split_first() {
            Some((&"install", names)) => {
                for channel in values(arguments, &["-c", "--channel"]) {
                    add(&mut self.lists.channels, channel);
                }
                names.iter().for_each(|name| add(&mut self.lists.conda, name));
                for file in values(arguments, &["--file", "-f"]) {
                    self.leave(origin, format!("packages of `{file}`: add that file as well"));
                }
            }
            Some((&("clean" | "init" | "activate" | "config"), _)) => {}
            _ => self.leave(origin, format!("`{}` is not an installation", shown(command))),
        }
    }

    fn pip(&mut self, origin: &Origin, command: &ShellCommand, arguments: &[String]) {
        const WITH_VALUE: [&str; 20] = [
            "-r",
            "--requirement",
            "-c",
            "--constraint",
            "-i",
            "--index-url",
            "--extra-index-url",
            "-f",
            "--find-links",
            "-t",
            "--target",
            "--python",
            "-p",
            "-e",
            "--editable",
            "--index",
            "--default-index",
            "--timeout",
            "--retries",
            "--trusted-host",
        ];
        let words = operands(arguments, &WITH_VALUE);
        match words.split_first() {
            Some((&"install", names)) => {
                for name in names.iter().filter(|name| **name != "pip") {
                    match is_file(name) {
                        true => self.leave(origin, format!("`{name}` is a file or folder")),
                        false => add(&mut self.lists.pip, name),
                    }
                }
                for file in values(arguments, &["-r", "--requirement"]) {
                    self.files.push((origin.clone(), file.to_owned()));
                }
                let others = [
                    "-c",
                    "--constraint",
                    "-i",
                    "--index-url",
                    "--extra-index-url",
                    "-f",
                    "--find-links",
                    "-e",
                    "--editable",
                    "--index",
                    "--default-index",
                ];
                for (option, value) in options(arguments, &others) {
                    self.leave(origin, format!("the option `{option} {value}`"));
                }
            }
            Some((&("cache" | "config" | "check" | "list" | "freeze"), _)) => {}
            _ => self.leave(origin, format!("`{}` is not an installation", shown(command))),
        }
    }

    fn leave(&mut self, origin: &Origin, what: String) {
        self.left.push((origin.clone(), what));
    }
}

/// What the Dockerfile changes of the configuration that its base has.
struct Settings<'a> {
    begins: &'a ContainerConfig,
    ends: &'a ContainerConfig,
}

impl Settings<'_> {
    fn write(&self, spec: &mut Map<String, Value>, origin: &Origin, left: &mut Vec<(Origin, String)>) {
        let Self { begins, ends } = self;
        let mut environment = Map::new();
        for entry in ends.env.iter().filter(|entry| !begins.env.contains(entry)) {
            let Some((name, value)) = entry.split_once('=') else { continue };
            // What a base whose variables are not known is taken to have.
            if name == "PATH" && value == DEFAULT_PATH && !begins.env.iter().any(|it| it.starts_with("PATH="))
            {
                continue;
            }
            match value.contains('$') || (name == "PATH" && value.contains(DEFAULT_PATH)) {
                true => left.push((origin.clone(), format!("the variable `{name}` hangs on another one"))),
                false => drop(environment.insert(name.to_owned(), value.into())),
            }
        }
        let text = |name: &str, text: &str, before: &str| {
            (!text.is_empty() && text != before && !text.contains('$'))
                .then(|| (name.to_owned(), Value::from(text)))
        };
        spec.extend(text("user", &ends.user, &begins.user));
        spec.extend(text("workdir", &ends.working_dir, &begins.working_dir));
        if !environment.is_empty() {
            spec.insert("env".to_owned(), environment.into());
        }
        let labels: Map<String, Value> = ends
            .labels
            .iter()
            .filter(|(name, value)| begins.labels.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        if !labels.is_empty() {
            spec.insert("labels".to_owned(), labels.into());
        }
        let commands =
            [("entrypoint", &ends.entrypoint, &begins.entrypoint), ("command", &ends.cmd, &begins.cmd)];
        for (name, now, before) in commands {
            if let Some(words) = now.as_ref().filter(|_| now != before) {
                spec.insert(name.to_owned(), json!(words));
            }
        }
        let ports: Vec<&String> = ends.exposed_ports.iter().flatten().map(|(port, _)| port).collect();
        let volumes: Vec<&String> = ends.volumes.iter().flatten().map(|(volume, _)| volume).collect();
        for (name, values) in [("ports", ports), ("volumes", volumes)] {
            if !values.is_empty() {
                spec.insert(name.to_owned(), json!(values));
            }
        }
        if let Some(signal) = ends.stop_signal.as_ref().filter(|_| ends.stop_signal != begins.stop_signal) {
            spec.insert("stop-signal".to_owned(), signal.as_str().into());
        }
    }
}

/// The words after `uv pip`.
fn uv_pip(command: &ShellCommand) -> Option<&[String]> {
    let arguments = command.arguments();
    (command.program() == "uv" && arguments.first().is_some_and(|word| word == "pip"))
        .then(|| &arguments[1..])
}

/// Words that are no options and no values of options.
fn operands<'a>(words: &'a [String], with_value: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if with_value.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            found.push(word.as_str());
        }
    }
    found
}

/// Options of these names with their values.
fn options<'a>(words: &'a [String], names: &[&str]) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if names.contains(&word.as_str()) {
            found.extend(words.get(place + 1).map(|value| (word.as_str(), value.as_str())));
        } else if let Some((name, value)) = word.split_once('=')
            && name.starts_with("--")
            && names.contains(&name)
        {
            found.push((name, value));
        }
    }
    found
}

fn values<'a>(words: &'a [String], names: &[&str]) -> Vec<&'a str> {
    options(words, names).into_iter().map(|(_, value)| value).collect()
}

fn is_file(word: &str) -> bool {
    word.starts_with(['.', '/'])
        || word.ends_with(".whl")
        || word.ends_with(".deb")
        || word.ends_with(".tar.gz")
}

/// A copy that brings what is read as a list.
fn is_list_of_packages(title: &str) -> bool {
    let words: Vec<&str> = title.split_whitespace().skip(1).filter(|word| !word.starts_with("--")).collect();
    let sources = words.split_last().map_or(&[] as &[&str], |(_, sources)| sources);
    !sources.is_empty()
        && sources.iter().all(|source| {
            let name = source.rsplit('/').next().unwrap_or(source);
            name.starts_with("requirements") && name.ends_with(".txt")
        })
}

/// Commands that only tidy up, or say how the shell is to go on.
fn changes_nothing_of_note(command: &ShellCommand) -> bool {
    match command.program() {
        "set" | "true" | ":" | "echo" | "cd" | "export" | "" => true,
        "rm" => command.arguments().iter().filter(|word| !word.starts_with('-')).all(|path| {
            ["/var/lib/apt", "/var/cache", "/tmp", "/var/tmp", "/root/.cache", "/var/log"]
                .iter()
                .any(|folder| path.starts_with(folder))
        }),
        _ => false,
    }
}

/// A command on one line, not too long.
fn shown(command: &ShellCommand) -> String {
    const LONGEST: usize = 80;
    let text = command.words.join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
