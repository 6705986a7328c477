//! Where a step works: the image so far with a writable directory on top, and the sandbox around it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagewright_layer::Compression;
use imagewright_model::Secret;
use imagewright_oci::{Descriptor, ImageConfig, Reference};
use imagewright_sandbox::{
    Exit, Helper, Limits, Mount, MountSource, Network, Privileges, Root, SandboxSpec, Stdio, User, spawn,
};
use imagewright_store::overlay::{self, TidyRules};
use imagewright_store::{GrowingBlob, Part, Scratch, Store};

use crate::cancel::Cancel;
use crate::draft::{Draft, DraftLayer};
use crate::error::EngineError;
use crate::outside;
use crate::partial;
use crate::remote::RemoteImages;
use crate::reporter::{OutputReporter, StepReporter};
use crate::root_view::RootView;

/// Lines of a failed program that an error shows.
const TAIL_LINES: usize = 60;
/// The longest line of output that is passed on in one piece.
const LONGEST_LINE: u64 = 64 * 1024;
/// More captured output than any question of ours has for an answer.
const LARGEST_ANSWER: usize = 64 << 20;
/// The search path of programs where an image sets none.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What all steps of a build share.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) store: &'a Store,
    pub(crate) helper: &'a Helper,
    pub(crate) cancel: &'a Cancel,
    pub(crate) threads: usize,
    pub(crate) compression: Compression,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) limits: &'a Limits,
    /// Where layers come from that are not in the store.
    pub(crate) remote: &'a dyn RemoteImages,
    /// Environment and mounts that lead out of the sandbox: proxies, certificate authorities, name resolution.
    pub(crate) outside: &'a crate::outside::Outside,
    /// Who wants the layers of the image early.
    pub(crate) layers: LayerWatch<'a>,
}

/// Takes layers before the image is finished; must not block for long. The same layer may come more than once, and
/// layers may come that the image does not have in the end.
#[derive(Clone, Copy)]
pub struct LayerWatch<'a> {
    /// Told of each new layer that the image will have, as soon as it is in the store.
    pub done: &'a (dyn Fn(&Descriptor) + Sync),
    /// Told of such a layer that may be large when it begins.
    pub begun: &'a (dyn Fn(GrowingBlob) + Sync),
    /// Where the image goes when it is finished. A layer that is there already need not be here.
    pub target: Option<&'a Reference>,
}

impl LayerWatch<'_> {
    /// For whoever does not care.
    pub fn none() -> Self {
        Self { done: &|_| {}, begun: &|_| {}, target: None }
    }
}

/// A root to work in. What is not sealed into a layer is thrown away.
pub(crate) struct Workbench<'a> {
    site: Site<'a>,
    lower: Vec<PathBuf>,
    scratch: Scratch,
    environment: Vec<(String, String)>,
    epoch: i64,
    stubs: Vec<PathBuf>,
}

/// A program to run on a workbench.
pub(crate) struct Command {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    mounts: Vec<Mount>,
    network: Network,
    keep_output: bool,
    inside: Option<Inside>,
    secrets: Vec<Secret>,
}

/// How a container starts a program: not as a step that this program thought out itself, but as others expect it.
pub(crate) struct Inside {
    pub(crate) user: User,
    pub(crate) folder: PathBuf,
    /// All of it.
    pub(crate) environment: Vec<(String, String)>,
}

impl Command {
    pub(crate) fn new<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self {
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            mounts: Vec::new(),
            network: Network::Host,
            keep_output: false,
            inside: None,
            secrets: Vec::new(),
        }
    }

    /// Runs it as a container would. Set-uid programs and file capabilities count then, as `sudo` needs it.
    pub(crate) fn inside(mut self, inside: Inside) -> Self {
        self.inside = Some(inside);
        self
    }

    /// Keeps these texts out of what it prints.
    pub(crate) fn hiding(mut self, secrets: Vec<Secret>) -> Self {
        self.secrets = secrets;
        self
    }

    pub(crate) fn arguments<S: Into<String>>(mut self, more: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(more.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    pub(crate) fn mounts(mut self, mounts: impl IntoIterator<Item = Mount>) -> Self {
        self.mounts.extend(mounts);
        self
    }

    pub(crate) fn without_network(mut self) -> Self {
        self.network = Network::None;
        self
    }

    /// Keeps standard output for the caller instead of passing it on line by line.
    pub(crate) fn keep_output(mut self) -> Self {
        self.keep_output = true;
        self
    }
}

/// How a program ended that was not stopped from outside.
pub(crate) struct Finished {
    /// Its exit code; 128 and the number of the signal that ended it.
    pub(crate) code: i32,
    /// Its standard output, where it was kept.
    pub(crate) output: String,
    /// The last lines it printed.
    pub(crate) tail: Vec<String>,
}

impl Finished {
    pub(crate) fn succeeded(&self) -> bool {
        self.code == 0
    }

    /// The last lines as one text.
    pub(crate) fn tail_text(&self) -> String {
        self.tail.join("\n")
    }
}

impl<'a> Workbench<'a> {
    /// A workbench on the image so far. Layers that are not in the store are brought there.
    pub(crate) fn on(
        site: Site<'a>,
        draft: &Draft,
        epoch: i64,
        step: &StepReporter<'_>,
    ) -> Result<Self, EngineError> {
        let lower = partial::whole(site, draft, step)?;
        Self::new(site, lower, environment_of(&draft.config), epoch)
    }

    /// A workbench on a part of the image so far.
    pub(crate) fn on_part(
        site: Site<'a>,
        draft: &Draft,
        part: Part,
        epoch: i64,
        step: &StepReporter<'_>,
    ) -> Result<Self, EngineError> {
        let lower = partial::part(site, draft, part, step)?;
        Self::new(site, lower, environment_of(&draft.config), epoch)
    }

    /// A workbench on nothing at all.
    pub(crate) fn bare(site: Site<'a>) -> Result<Self, EngineError> {
        let environment = vec![("PATH".to_owned(), DEFAULT_PATH.to_owned())];
        Self::new(site, Vec::new(), environment, 0)
    }

    fn new(
        site: Site<'a>,
        lower: Vec<PathBuf>,
        environment: Vec<(String, String)>,
        epoch: i64,
    ) -> Result<Self, EngineError> {
        let scratch = site.store.scratch(&lower)?;
        Ok(Self { site, lower, scratch, environment, epoch, stubs: Vec::new() })
    }

    /// Whether all files of the image so far are here, and not those of a part alone.
    pub(crate) fn is_whole(&self) -> bool {
        !self.lower.iter().any(|layer| self.site.store.is_of_part(layer))
    }

    /// The writable directory on top.
    pub(crate) fn upper(&self) -> PathBuf {
        self.scratch.upper()
    }

    /// A directory of the host that lasts as long as the workbench, for what is mounted into a sandbox.
    pub(crate) fn room(&self, name: &str) -> Result<PathBuf, EngineError> {
        Ok(self.scratch.room(name)?)
    }

    /// Sets the latest date of what is sealed here.
    pub(crate) fn set_epoch(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    /// Looks at files of the image so far.
    pub(crate) fn view(&self) -> RootView {
        let layers = self.absolute_lower();
        RootView::new(std::iter::once(self.upper()).chain(layers).collect())
    }

    /// The `PATH` that programs here start with.
    pub(crate) fn search_path(&self) -> &str {
        let path = self.environment.iter().rev().find(|(name, _)| name == "PATH");
        path.map_or(DEFAULT_PATH, |(_, value)| value)
    }

    fn absolute_lower(&self) -> Vec<PathBuf> {
        let base = self.site.store.snapshots_dir();
        self.lower.iter().map(|layer| base.join(layer)).collect()
    }

    /// Runs a program to its end as root of the image.
    pub(crate) fn run(&mut self, command: Command, step: &StepReporter<'_>) -> Result<Finished, EngineError> {
        let Command { arguments, environment, mounts, network, keep_output, inside, secrets } = command;
        let privileges = Privileges { no_new_privileges: inside.is_none(), ..Privileges::default() };
        let inside = inside.unwrap_or_else(|| Inside {
            user: User::default(),
            folder: PathBuf::from("/"),
            environment: self.full_environment(environment),
        });
        let network = if self.site.outside.offline { Network::None } else { network };
        let program = arguments.first().cloned().unwrap_or_default();
        let spec = SandboxSpec {
            root: Root::Overlay {
                base: self.site.store.snapshots_dir(),
                lower: self.lower.clone(),
                upper: self.scratch.upper(),
                work: self.scratch.work(),
            },
            command: arguments,
            environment: inside.environment,
            working_directory: inside.folder,
            user: inside.user,
            mounts: self.site.outside.mounts().into_iter().chain(mounts).collect(),
            network,
            hostname: "build".to_owned(),
            privileges,
            time_limit: self.site.time_limit,
            limits: self.site.limits.clone(),
        };
        let mut running = spawn(self.site.helper, &spec, Stdio::Piped)?;
        let _guard = self.site.cancel.guard(running.killer());
        let (stdout, stderr) = (running.take_stdout(), running.take_stderr());
        let redact = |line: &str| outside::hidden(&secrets, &self.site.outside.redacted(line)).into_owned();
        let (output, tail) = read_output(stdout, stderr, keep_output, redact, step.output());
        let outcome = running.wait()?;
        self.stubs.extend(outcome.stubs);
        for note in outcome.notes {
            step.warn(note);
        }
        if let Some(hit) = outcome.limited {
            return Err(EngineError::limited(program, hit));
        }
        let code = match outcome.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
            Exit::Cancelled => return Err(EngineError::Cancelled),
            Exit::TimedOut => {
                let limit = self.site.time_limit.unwrap_or_default();
                return Err(EngineError::TimedOut { program, limit });
            }
        };
        Ok(Finished { code, output, tail })
    }

    /// Later values win: the image's, then what leads outside, then the command's own.
    fn full_environment(&self, own: Vec<(String, String)>) -> Vec<(String, String)> {
        let fixed = [
            ("HOME", "/root".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("SOURCE_DATE_EPOCH", self.epoch.to_string()),
            ("PYTHONHASHSEED", "0".to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value));
        let mut all: Vec<(String, String)> = Vec::new();
        let sources = self.environment.iter().cloned().chain(fixed);
        for (name, value) in sources.chain(self.site.outside.environment()).chain(own) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        all
    }

    /// Makes the layer of what was written here, and the snapshot that later steps work on.
    ///
    /// Gives none where nothing was written.
    pub(crate) fn seal(self, draft: &Draft, mut rules: TidyRules) -> Result<Option<DraftLayer>, EngineError> {
        if self.site.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let lower = self.absolute_lower();
        rules.source_date_epoch = self.epoch;
        rules.stubs.clone_from(&self.stubs);
        let Site { store, compression, threads, .. } = self.site;
        let upper = self.upper();
        overlay::tidy(&upper, &lower, &rules)?;
        let mut out = store.digested_blob_writer()?;
        let unreadable = |source| EngineError::Io { action: "read", path: upper.clone(), source };
        (self.site.layers.begun)(out.watch().map_err(unreadable)?);
        let captured = overlay::capture(&upper, &lower, compression, threads, out)?;
        if captured.entries == 0 {
            return Ok(None);
        }
        let layer = DraftLayer {
            descriptor: captured.digests.descriptor(),
            diff_id: captured.digests.diff_id.clone(),
        };
        let chain = match draft.chain() {
            Some(below) => below.with(&layer.diff_id),
            None => imagewright_oci::ChainId::bottom(&layer.diff_id),
        };
        self.scratch.commit_as(&chain)?;
        Ok(Some(layer))
    }
}

/// A directory of the host inside the sandbox.
pub(crate) fn bind(host: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        target: PathBuf::from(target),
        source: MountSource::Directory { path: host.to_path_buf(), read_only },
    }
}

/// A small file made for the sandbox.
pub(crate) fn contents(text: impl Into<Vec<u8>>, target: &str, mode: u32) -> Mount {
    Mount {
        target: PathBuf::from(target),
        source: MountSource::Contents { bytes: text.into(), mode, owner: (0, 0) },
    }
}

fn environment_of(config: &ImageConfig) -> Vec<(String, String)> {
    let entries = config.config.iter().flat_map(|config| &config.env);
    let mut environment: Vec<(String, String)> = entries
        .filter_map(|entry| entry.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    if !environment.iter().any(|(name, _)| name == "PATH") {
        environment.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
    }
    environment
}

/// Reads both streams to their ends at once: a program that fills one pipe while we read the other would hang.
pub(crate) fn read_output(
    stdout: Option<impl Read + Send>,
    stderr: Option<impl Read + Send>,
    keep: bool,
    redact: impl Fn(&str) -> String + Sync,
    report: OutputReporter<'_>,
) -> (String, Vec<String>) {
    let tail = std::sync::Mutex::new(VecDeque::with_capacity(TAIL_LINES));
    let pass_on = |line: &str| {
        let line = redact(line);
        report.line(&line);
        let mut tail = tail.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    };
    let kept = std::thread::scope(|scope| {
        scope.spawn(|| for_each_line(stderr, pass_on));
        let mut kept = String::new();
        for_each_line(stdout, |line| {
            if !keep {
                pass_on(line);
            } else if kept.len() + line.len() < LARGEST_ANSWER {
                kept.push_str(line);
                kept.push('\n');
            }
        });
        kept
    });
    let tail = tail.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    (kept, tail.into_iter().collect())
}

/// Calls `line` for each line, split also at the carriage returns of progress bars.
fn for_each_line(stream: Option<impl Read>, mut line: impl FnMut(&str)) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        // A read error means the other end is gone: the exit code tells the rest.
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&bytes);
                let last = text.trim_end_matches(['\n', '\r']).rsplit('\r').next().unwrap_or_default();
                line(last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_ends_them() {
        let mut lines = Vec::new();
        let long = "x".repeat(LONGEST_LINE as usize + 5);
        let text = format!("a\nb\r\n1%\r2%\n\n{long}");
        for_each_line(Some(text.as_bytes()), |line| lines.push(line.to_owned()));
        assert_eq!(&lines[..3], ["a", "b", "2%"]);
        assert_eq!(lines[4].len(), LONGEST_LINE as usize);
        assert_eq!(lines[5], "xxxxx");
    }
}
