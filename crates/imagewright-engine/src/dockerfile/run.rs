//! `RUN`: a command in the sandbox, as a container would run it.

use std::path::PathBuf;

use imagewright_dockerfile::{IgnoreRules, InlineFile, MountKind, RunAction, RunNetwork};
use imagewright_oci::Digest;
use imagewright_sandbox::User;
use imagewright_store::overlay::TidyRules;

use super::mounts::Mounted;
use super::source::FilesOf;
use super::stages::{Rechecked, Surroundings};
use super::write::{Look, Writer};
use super::{DockerfileRequest, StageError};
use crate::apt::Redirected;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::passwd;
use crate::root_view::RootView;
use crate::step::{self, Step, StepResult};
use crate::workbench::{Command, Inside, contents};

const HOSTS: &str = "/etc/hosts";
/// Where scripts lie that stand in the Dockerfile.
const SCRIPTS: &str = "/dev/pipes";

/// Runs a command on the image so far.
pub(super) struct RunStep<'a> {
    surroundings: Surroundings<'a>,
    action: &'a RunAction,
    /// Where the files of each mount come from, if it shows files.
    sources: Vec<Option<FilesOf<'a>>>,
}

impl<'a> RunStep<'a> {
    pub(super) fn new(
        surroundings: Surroundings<'a>,
        action: &'a RunAction,
        sources: Vec<Option<FilesOf<'a>>>,
    ) -> Self {
        Self { surroundings, action, sources }
    }
}

impl Rechecked for RunStep<'_> {
    fn is_looked_at_again(&self) -> bool {
        self.sources.iter().flatten().any(FilesOf::may_change)
    }
}

impl Step for RunStep<'_> {
    const KIND: &'static str = "dockerfile-run";
    /// Digests of the files that mounts show.
    type Solution = Vec<Digest>;

    fn question(&self) -> Digest {
        let RunAction { command, environment, user, folder, mounts, script, .. } = self.action;
        let network = match self.network() {
            RunNetwork::Default | RunNetwork::Host => "host",
            RunNetwork::None => "none",
        };
        let script = script.as_ref().map(|script| (&script.name, &script.contents));
        let from: Vec<Option<Digest>> =
            self.sources.iter().map(|source| source.as_ref().and_then(FilesOf::identity)).collect();
        // What is mounted says itself by its words; secrets by their names alone.
        let mounts: Vec<String> = mounts.iter().map(|mount| format!("{mount:?}")).collect();
        let hosts = &self.surroundings.request.hosts;
        let what = (command, environment, user, folder, network, script, hosts);
        step::key("dockerfile-run", &(self.surroundings.context.parent(), what, mounts, from))
    }

    fn solve(&mut self) -> Result<Vec<Digest>, EngineError> {
        let Surroundings { context, origin, .. } = self.surroundings;
        let mut all = Vec::new();
        for (mount, source) in self.action.mounts.iter().zip(&self.sources) {
            if let (MountKind::Bind { source: path, .. }, Some(source)) = (&mount.kind, source)
                && source.may_change()
            {
                let root = source.open(context.site, context.report)?;
                for path in root.matches(origin, path)? {
                    all.push(root.digest(origin, &path, &IgnoreRules::default())?);
                }
            }
        }
        Ok(all)
    }

    fn identity(&self, solution: &Vec<Digest>) -> Digest {
        let context = &self.surroundings.context;
        let times = self.surroundings.request.source_date_epoch;
        step::key("dockerfile-ran", &(self.question(), solution, times, context.site.compression.to_string()))
    }

    fn run(&mut self, _: &Vec<Digest>) -> Result<StepResult, EngineError> {
        let Surroundings { context, request, origin, .. } = self.surroundings;
        let mut bench = context.bench()?;
        let view = bench.view();
        let account = passwd::find(&self.action.user, &view)?;
        if !view.is_directory(&self.action.folder) {
            // The base says so, and nobody has made it.
            let look = Look { mode: 0o755, uid: 0, gid: 0, time: context.epoch };
            let mut writer = Writer::new(bench.upper(), bench.view(), origin);
            let place = writer.place(&self.action.folder)?;
            writer.folders(&place, look)?;
            writer.finish()?;
        }
        let mut mounted = Mounted::prepare(&self.surroundings, self.action, &self.sources, &bench)?;
        let mut environment = self.environment(&mounted);
        if !environment.iter().any(|(name, _)| name == "HOME") {
            environment.push(("HOME".to_owned(), account.home.clone()));
        }
        let mut command = Command::new(self.action.command.iter().cloned())
            .inside(Inside {
                user: User { uid: account.uid, gid: account.gid, groups: account.groups },
                folder: PathBuf::from(&self.action.folder),
                environment,
            })
            .mounts(self.ways_out(&view)?)
            .mounts(std::mem::take(&mut mounted.mounts))
            .hiding(std::mem::take(&mut mounted.secrets));
        if !request.hosts.is_empty() {
            command = command.mount(hosts(request));
        }
        if let Some(InlineFile { name, contents: text }) = &self.action.script {
            command = command.mount(contents(text.as_str(), &format!("{SCRIPTS}/{name}"), 0o755));
        }
        if self.network() == RunNetwork::None {
            command = command.without_network();
        }
        let finished = bench.run(command, context.report)?;
        drop(mounted);
        if !finished.succeeded() {
            let (origin, code, tail) = (origin.clone(), finished.code, finished.tail_text());
            return Err(StageError::Command { origin, code, tail }.into());
        }
        context.report.status("writing the layer");
        // Commands may rely on the times of what they wrote, as Python's bytecode does, so these stay unless a date is
        // asked for.
        bench.set_epoch(request.source_date_epoch.unwrap_or(i64::MAX));
        let rules = TidyRules {
            drop_timestamped_bytecode: request.source_date_epoch.is_some(),
            ..TidyRules::default()
        };
        Ok(StepResult::of(bench.seal(context.draft, rules)?))
    }
}

impl RunStep<'_> {
    fn network(&self) -> RunNetwork {
        match self.action.network {
            RunNetwork::Default => self.surroundings.request.network,
            named => named,
        }
    }

    /// What leads out, below what the image and the build say.
    fn environment(&self, mounted: &Mounted) -> Vec<(String, String)> {
        let outside = self.surroundings.context.site.outside;
        let python = outside.python_environment().chain(outside.pip_environment());
        let mut all: Vec<(String, String)> = Vec::new();
        let apt = [("APT_CONFIG".to_owned(), apt_configuration())];
        let ways_out = outside.environment().chain(python.map(|(name, value)| (name.to_owned(), value)));
        let own = self.action.unrecorded.iter().chain(&self.action.environment).chain(&mounted.variables);
        for (name, value) in ways_out.chain(apt).chain(own.cloned()) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        all
    }

    /// Mounts that let apt and pip find the machine's mirrors and indexes.
    fn ways_out(&self, view: &RootView) -> Result<Vec<imagewright_sandbox::Mount>, EngineError> {
        let Surroundings { context, settings, .. } = &self.surroundings;
        let outside = context.site.outside;
        let redirected = Redirected::of(view, &settings.apt, &context.draft.config.platform.architecture)?;
        let sources = redirected.as_ref().map(|_| Redirected::configuration()).unwrap_or_default();
        let apt = contents(outside.apt_configuration() + &sources, &apt_configuration(), 0o644);
        let mirrors = redirected.iter().flat_map(Redirected::mounts).collect::<Vec<_>>();
        Ok(std::iter::once(apt).chain(mirrors).chain(outside.python_mounts()).collect())
    }
}

/// The machine's list of hosts with those that were given.
fn hosts(request: &DockerfileRequest) -> imagewright_sandbox::Mount {
    let mut text = std::fs::read_to_string(HOSTS).unwrap_or_default();
    for (name, address) in &request.hosts {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    contents(text, HOSTS, 0o644)
}

fn apt_configuration() -> String {
    format!("{INSIDE}/apt.conf")
}
