//! A stage becomes steps once the configuration of its base is known: variables are replaced, paths are absolute, and
//! the configuration of the result is decided. Only what changes files is left to be done.

mod files;

use imagewright_model::spec::Origin;
use imagewright_oci::{ContainerConfig, Digest};
use serde_json::{Value, json};

use crate::config::{
    DEFAULT_PATH, health_check, insert_all, list, ports, quoted_list, set_variable, variable, words,
};
use crate::error::{DockerfileError, Problem};
use crate::expand;
use crate::flags::{Mount, RunNetwork, absolute};
use crate::ignore::IgnoreRules;
use crate::instruction::{Command, CopySource, HealthCheck, InlineFile, Instruction, Located};
use crate::mode::Mode;
use crate::plan::{PlannedStage, StageSource};
use crate::read;
use crate::signal;

/// A stage in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// What is to be done, in order.
    pub steps: Vec<Step>,
    /// How a container of the stage starts.
    pub container: ContainerConfig,
    /// Who made it, where that is said.
    pub author: Option<String>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it is written.
    pub origin: Origin,
    /// The instruction as it was written, in one line.
    pub title: String,
    /// How the history of the image tells of it; of `ONBUILD` it does not.
    pub history: Option<String>,
    /// What it does to files.
    pub action: Action,
}

/// What an instruction does to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it changes the configuration.
    Settings,
    /// Makes a folder, and those on the way to it, where they are missing; they belong to `user`.
    Folder {
        /// The folder, absolute.
        path: String,
        /// `name`, `uid`, `name:group` or `uid:gid`; empty for root.
        user: String,
    },
    /// Runs a command.
    Run(RunAction),
    /// Copies files.
    Copy(CopyAction),
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAction {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its environment: arguments that were declared, over them the variables of the image.
    pub environment: Vec<(String, String)>,
    /// Proxies that were given to the build: in the environment, and in no key.
    pub unrecorded: Vec<(String, String)>,
    /// Whom it runs as: `name`, `uid`, `name:group` or `uid:gid`; empty for root.
    pub user: String,
    /// Where it starts, absolute.
    pub folder: String,
    /// The network it sees.
    pub network: RunNetwork,
    /// What it sees beside the image.
    pub mounts: Vec<Mount>,
    /// Where files of other stages and images come from, one for each of `mounts`.
    pub sources: Vec<Option<StageSource>>,
    /// A script that it runs: a file below `/dev/pipes`.
    pub script: Option<InlineFile>,
}

/// Files to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyAction {
    /// Whether archives of the context are unpacked.
    pub unpack: bool,
    /// Whether archives that are fetched are unpacked.
    pub unpack_fetched: bool,
    /// What is copied.
    pub sources: Vec<CopySource>,
    /// Where it comes from; none for the context.
    pub from: Option<StageSource>,
    /// Where it goes, absolute; a folder where it ends with `/`.
    pub destination: String,
    /// Whom it belongs to, as `name`, `uid`, `name:group`, `uid:gid`.
    pub owner: Option<String>,
    /// Its permission bits.
    pub mode: Option<Mode>,
    /// What of it is left out: paths below a folder that is copied, names of files.
    pub exclude: IgnoreRules,
    /// The digest that what is fetched must have.
    pub digest: Option<Digest>,
    /// The commit that a repository must be at: its first digits, or all.
    pub commit: Option<String>,
    /// Whether a repository comes with its `.git`.
    pub keep_git: bool,
    /// Whether links on the way to the destination are replaced rather than followed.
    pub link: bool,
}

impl PlannedStage {
    /// Lowers the stage. `base` is the configuration it begins with; an empty one for `scratch`.
    ///
    /// # Errors
    /// Names the line of what is wrong.
    pub fn lower(&self, base: &ContainerConfig) -> Result<Lowered, DockerfileError> {
        let mut container = base.clone();
        if matches!(self.base, StageSource::Scratch | StageSource::Folder(_)) {
            container.working_dir = "/".to_owned();
        }
        if variable(&container, "PATH").is_none() {
            set_variable(&mut container, "PATH", DEFAULT_PATH);
        }
        let triggers = container.extra.shift_remove("OnBuild");
        let mut lowering = Lowering {
            stage: self,
            file: self.file.clone(),
            escape: self.escape,
            container,
            author: None,
            arguments: Vec::new(),
            has_command: false,
            steps: Vec::new(),
        };
        lowering.triggers(triggers.as_ref())?;
        for located in &self.instructions {
            lowering.add(located)?;
        }
        let Lowering { steps, container, author, .. } = lowering;
        Ok(Lowered { steps, container, author })
    }
}

struct Lowering<'a> {
    stage: &'a PlannedStage,
    file: String,
    escape: char,
    container: ContainerConfig,
    author: Option<String>,
    arguments: Vec<(String, Option<String>)>,
    /// Whether this stage has said what runs.
    has_command: bool,
    steps: Vec<Step>,
}

impl Lowering<'_> {
    /// What the base wants to be done first.
    fn triggers(&mut self, triggers: Option<&Value>) -> Result<(), DockerfileError> {
        let triggers = triggers.and_then(Value::as_array).cloned().unwrap_or_default();
        for trigger in triggers.iter().filter_map(Value::as_str) {
            let file = format!("ONBUILD of the base of {}", self.stage.origin);
            let (instructions, escape) = read::instructions(&file, trigger)?;
            let outer =
                (std::mem::replace(&mut self.file, file), std::mem::replace(&mut self.escape, escape));
            for located in &instructions {
                self.add(located)?;
            }
            (self.file, self.escape) = outer;
        }
        Ok(())
    }

    fn add(&mut self, located: &Located) -> Result<(), DockerfileError> {
        let origin = Origin::line(&self.file, located.line);
        match self.lower(&located.instruction) {
            Ok((history, action)) => {
                self.steps.push(Step { origin, title: located.text.clone(), history, action });
                Ok(())
            }
            Err(problem) => Err(problem.from(origin)),
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        let argument = || self.arguments.iter().rev().find(|(known, _)| known == name)?.1.clone();
        variable(&self.container, name).map(str::to_owned).or_else(argument)
    }

    fn expand(&self, text: &str) -> Result<String, Problem> {
        expand::word(text, self.escape, &|name: &str| self.value(name)).map_err(Problem::Expansion)
    }

    fn expand_pairs(&self, pairs: &[(String, String)]) -> Result<Vec<(String, String)>, Problem> {
        pairs.iter().map(|(name, value)| Ok((self.expand(name)?, self.expand(value)?))).collect()
    }

    /// What an instruction comes to: its history and what is to be done.
    fn lower(&mut self, instruction: &Instruction) -> Result<(Option<String>, Action), Problem> {
        let history = match instruction {
            Instruction::From(_) => return Err(Problem::malformed("FROM", "may not stand here")),
            Instruction::Run(run) => return self.run(run).map(told),
            Instruction::Copy(copy) => return self.copy(copy).map(told),
            Instruction::Workdir(path) => return self.workdir(path).map(told),
            Instruction::Arg(pairs) => self.declare(pairs)?,
            Instruction::Env(pairs) => {
                let pairs = self.expand_pairs(pairs)?;
                pairs.iter().for_each(|(name, value)| set_variable(&mut self.container, name, value));
                listed("ENV", &pairs)
            }
            Instruction::Label(pairs) => {
                let pairs = self.expand_pairs(pairs)?;
                self.container.labels.extend(pairs.iter().cloned());
                listed("LABEL", &pairs)
            }
            Instruction::Maintainer(name) => {
                self.author = Some(name.clone());
                format!("MAINTAINER {name}")
            }
            Instruction::User(user) => {
                self.container.user = self.expand(user)?;
                format!("USER {}", self.container.user)
            }
            Instruction::Expose(words) => {
                let mut all = Vec::new();
                for word in words {
                    for word in self.expand(word)?.split_whitespace() {
                        all.extend(ports(word)?);
                    }
                }
                insert_all(&mut self.container.exposed_ports, all.iter().cloned());
                format!("EXPOSE {}", list(&all))
            }
            Instruction::Volume(paths) => {
                let paths: Vec<String> =
                    paths.iter().map(|path| self.expand(path)).collect::<Result<_, _>>()?;
                insert_all(&mut self.container.volumes, paths.iter().cloned());
                format!("VOLUME {}", list(&paths))
            }
            Instruction::Cmd(command) => self.command(command),
            Instruction::Entrypoint(command) => self.entrypoint(command),
            Instruction::Shell(words) => {
                self.container.extra.insert("Shell".to_owned(), json!(words));
                format!("SHELL {}", list(words))
            }
            Instruction::StopSignal(signal) => {
                let signal = self.expand(signal)?;
                if !signal::is_known(&signal) {
                    let reason =
                        format!("there is no signal `{signal}`: it is a name as SIGTERM, or a number");
                    return Err(Problem::malformed("STOPSIGNAL", reason));
                }
                let history = format!("STOPSIGNAL {signal}");
                self.container.stop_signal = Some(signal);
                history
            }
            Instruction::HealthCheck(check) => self.health(check),
            Instruction::OnBuild(trigger) => {
                let known = self.container.extra.entry("OnBuild").or_insert_with(|| json!([]));
                if !known.is_array() {
                    *known = json!([]);
                }
                known.as_array_mut().expect("it was made one just now").push(json!(trigger));
                return Ok((None, Action::Settings));
            }
        };
        Ok(told((history, Action::Settings)))
    }

    fn declare(&mut self, pairs: &[(String, Option<String>)]) -> Result<String, Problem> {
        let scope = &self.stage.scope;
        let mut declared = Vec::new();
        let mut history = "ARG".to_owned();
        for (name, default) in pairs {
            let name = self.expand(name)?;
            if name.is_empty() {
                return Err(Problem::malformed("ARG", "a name is empty"));
            }
            let default = default.as_ref().map(|text| self.expand(text)).transpose()?;
            let inherited = || match default {
                None => scope.global(&name).or_else(|| scope.automatic(&name)).map(str::to_owned),
                Some(_) => None,
            };
            let value = scope.given(&name).map(str::to_owned).or_else(inherited).or_else(|| default.clone());
            history.push(' ');
            history.push_str(&match &value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            declared.push((name, value));
        }
        self.arguments.extend(declared);
        Ok(history)
    }

    fn command(&mut self, command: &Command) -> String {
        let words = words(command, &self.container);
        let history = format!("CMD {}", quoted_list(&words));
        // `CMD []` takes away what the base runs.
        self.container.cmd = Some(words).filter(|words| !words.is_empty());
        self.has_command = true;
        history
    }

    fn entrypoint(&mut self, command: &Command) -> String {
        let words = words(command, &self.container);
        let history = format!("ENTRYPOINT {}", quoted_list(&words));
        self.container.entrypoint = Some(words).filter(|words| !words.is_empty());
        if !self.has_command {
            // The base's command was written for the base's entry point.
            self.container.cmd = None;
        }
        history
    }

    fn health(&mut self, check: &HealthCheck) -> String {
        let value = health_check(check);
        let history = format!("HEALTHCHECK {value}");
        self.container.extra.insert("Healthcheck".to_owned(), value);
        history
    }

    fn folder(&self) -> &str {
        match self.container.working_dir.as_str() {
            "" => "/",
            folder => folder,
        }
    }

    fn workdir(&mut self, path: &str) -> Result<(String, Action), Problem> {
        let path = absolute(self.folder(), &self.expand(path)?);
        self.container.working_dir.clone_from(&path);
        let history = format!("WORKDIR {path}");
        let action = match path.as_str() {
            "/" => Action::Settings,
            _ => Action::Folder { path, user: self.container.user.clone() },
        };
        Ok((history, action))
    }
}

fn listed(keyword: &str, pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("{keyword}{}", pairs.collect::<String>())
}

/// What the history tells of.
fn told((history, action): (String, Action)) -> (Option<String>, Action) {
    (Some(history), action)
}
