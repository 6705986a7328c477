//! A spec from the command line.

use std::str::FromStr;

use imagewright_oci::{Platform, Reference};

use super::address::check_address;
use super::container::{check_absolute, check_signal, parse_assignment, parse_command, parse_label};
use super::kernel::check_language;
use super::partial::set_variable;
use super::pip::check_exclude_newer;
use super::python::check_interpreter;
use super::{
    AptPackage, CondaChannel, CondaPackage, Launcher, NamedFile, Origin, PartialSpec, PipRequirement,
    Problem, PythonChoice, SpecError,
};

/// The flags of `build` that say what the image holds, as they were typed.
#[derive(Clone, Debug, Default)]
pub struct SpecFlags {
    /// `--base`
    pub base: Option<String>,
    /// `--platform`
    pub platform: Option<String>,
    /// `--apt`: packages, separated by blanks or commas.
    pub apt: Vec<String>,
    /// `--apt-recommends`
    pub apt_recommends: bool,
    /// `--conda`: one match specification each.
    pub conda: Vec<String>,
    /// `--conda-channel`
    pub conda_channel: Vec<String>,
    /// `--conda-lock`: the path of a list of exact packages.
    pub conda_lock: Option<String>,
    /// `--pip`: one requirement each.
    pub pip: Vec<String>,
    /// `--pip-index`
    pub pip_index: Option<String>,
    /// `--pip-pre`
    pub pip_pre: bool,
    /// `--exclude-newer`: a day or a time.
    pub exclude_newer: Option<String>,
    /// `--python`: path of the interpreter.
    pub python: Option<String>,
    /// `--python-environment`: `system` or a path.
    pub python_environment: Option<String>,
    /// `--bytecode`: `full` or `none`.
    pub bytecode: Option<String>,
    /// `--kernel`: the language of a kernel.
    pub kernel: Option<String>,
    /// `--launcher`: what starts it.
    pub launcher: Option<String>,
    /// `--env`: `NAME=VALUE`.
    pub env: Vec<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--workdir`
    pub workdir: Option<String>,
    /// `--label`: `NAME=VALUE`.
    pub label: Vec<String>,
    /// `--entrypoint`: a JSON list, or a line for the shell.
    pub entrypoint: Option<String>,
    /// `--cmd`: a JSON list, or a line for the shell.
    pub cmd: Option<String>,
    /// `--port`
    pub port: Vec<String>,
    /// `--volume`
    pub volume: Vec<String>,
    /// `--stop-signal`
    pub stop_signal: Option<String>,
    /// `--compression`
    pub compression: Option<String>,
    /// `--tag`
    pub tag: Vec<String>,
}

impl SpecFlags {
    /// The names of those that were typed.
    pub fn given(&self) -> Vec<&'static str> {
        let single = [
            ("--base", &self.base),
            ("--platform", &self.platform),
            ("--conda-lock", &self.conda_lock),
            ("--pip-index", &self.pip_index),
            ("--exclude-newer", &self.exclude_newer),
            ("--python", &self.python),
            ("--python-environment", &self.python_environment),
            ("--bytecode", &self.bytecode),
            ("--kernel", &self.kernel),
            ("--launcher", &self.launcher),
            ("--user", &self.user),
            ("--workdir", &self.workdir),
            ("--entrypoint", &self.entrypoint),
            ("--cmd", &self.cmd),
            ("--stop-signal", &self.stop_signal),
            ("--compression", &self.compression),
        ];
        let lists = [
            ("--apt", &self.apt),
            ("--conda", &self.conda),
            ("--conda-channel", &self.conda_channel),
            ("--pip", &self.pip),
            ("--env", &self.env),
            ("--label", &self.label),
            ("--port", &self.port),
            ("--volume", &self.volume),
            ("--tag", &self.tag),
        ];
        let switches = [("--apt-recommends", self.apt_recommends), ("--pip-pre", self.pip_pre)];
        let single = single.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name);
        let lists = lists.into_iter().filter(|(_, values)| !values.is_empty()).map(|(name, _)| name);
        let switches = switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name);
        single.chain(lists).chain(switches).collect()
    }
}

impl PartialSpec {
    /// Reads the flags of the command line.
    ///
    /// # Errors
    /// Names the flag that is not valid.
    pub fn from_flags(flags: &SpecFlags) -> Result<Self, SpecError> {
        let mut spec = Self {
            base: one("--base", flags.base.as_deref(), str::parse)?,
            platform: one("--platform", flags.platform.as_deref(), parse_platform)?,
            apt_recommends: flags.apt_recommends.then_some(true),
            user: one("--user", flags.user.as_deref(), str::parse)?,
            working_directory: one("--workdir", flags.workdir.as_deref(), check_absolute)?,
            entrypoint: one("--entrypoint", flags.entrypoint.as_deref(), parse_command)?,
            command: one("--cmd", flags.cmd.as_deref(), parse_command)?,
            stop_signal: one("--stop-signal", flags.stop_signal.as_deref(), check_signal)?,
            compression: one("--compression", flags.compression.as_deref(), str::parse)?,
            labels: all("--label", &flags.label, parse_label)?,
            ports: all("--port", &flags.port, str::parse)?,
            volumes: all("--volume", &flags.volume, check_absolute)?,
            tags: all("--tag", &flags.tag, parse_tag)?,
            ..Self::default()
        };
        for text in &flags.apt {
            spec.apt.extend(AptPackage::parse_line(text, true, &Origin::flag("--apt"))?);
        }
        for text in &flags.conda {
            spec.conda.push(CondaPackage::parse(text, Origin::flag("--conda"))?);
        }
        spec.conda_channels = all("--conda-channel", &flags.conda_channel, |text| {
            CondaChannel::parse(text, Origin::flag("--conda-channel"))
        })?;
        if let Some(text) = &flags.conda_lock {
            spec.conda_lock = Some(NamedFile::parse(text, Origin::flag("--conda-lock"))?);
        }
        for text in &flags.pip {
            spec.pip.push(PipRequirement::parse(text, Origin::flag("--pip"))?);
        }
        let variables: Vec<_> = all("--env", &flags.env, parse_assignment)?;
        for (name, value) in variables {
            set_variable(&mut spec.environment, name, value);
        }
        spec.pip_options.index = one("--pip-index", flags.pip_index.as_deref(), check_address)?;
        spec.pip_options.exclude_newer =
            one("--exclude-newer", flags.exclude_newer.as_deref(), check_exclude_newer)?;
        spec.pip_options.pre = flags.pip_pre.then_some(true);
        spec.python = python(flags)?;
        let placed = |flag| move |value| (value, Origin::flag(flag));
        let language = one("--kernel", flags.kernel.as_deref(), check_language)?;
        spec.kernel.language = language.map(placed("--kernel"));
        let launcher: Option<Launcher> = one("--launcher", flags.launcher.as_deref(), str::parse)?;
        spec.kernel.launcher = launcher.map(|launcher| (launcher, Origin::flag("--launcher")));
        Ok(spec)
    }
}

fn python(flags: &SpecFlags) -> Result<Option<PythonChoice>, SpecError> {
    let choice = PythonChoice {
        interpreter: one("--python", flags.python.as_deref(), check_interpreter)?,
        environment: one("--python-environment", flags.python_environment.as_deref(), str::parse)?,
        bytecode: one("--bytecode", flags.bytecode.as_deref(), str::parse)?,
    };
    Ok(Some(choice).filter(|choice| *choice != PythonChoice::default()))
}

fn one<T, E: Into<Problem>>(
    flag: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, SpecError> {
    text.map(|text| parse(text).map_err(|error| SpecError::new(Origin::flag(flag), error))).transpose()
}

fn all<T, E: Into<Problem>, C: FromIterator<T>>(
    flag: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<C, SpecError> {
    texts.iter().map(|text| parse(text).map_err(|error| SpecError::new(Origin::flag(flag), error))).collect()
}

/// Reads a platform that images can be built for.
pub(super) fn parse_platform(text: &str) -> Result<Platform, Problem> {
    let platform = Platform::from_str(text)?;
    if platform.os == "linux" { Ok(platform) } else { Err(Problem::NotLinux(text.to_owned())) }
}

/// Reads a name for the result.
pub(super) fn parse_tag(text: &str) -> Result<Reference, Problem> {
    let reference = Reference::from_str(text)?;
    if reference.digest().is_some() { Err(Problem::PinnedTag(text.to_owned())) } else { Ok(reference) }
}
