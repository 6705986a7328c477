//! A sandbox to be varied, and what came of it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use imagewright_sandbox::{
    Exit, Helper, LimitHit, Limits, Mount, MountSource, Network, Outcome, Privileges, Root, SandboxError,
    SandboxSpec, Stdio, User, spawn,
};
use tempfile::TempDir;

/// In the environment where the helper lies, if not where cargo has put it.
pub(crate) const HELPER: &str = "IMAGEWRIGHT_TEST_HELPER";

/// In the environment the lowest layer, if it is not the machine's root file system.
pub(crate) const LAYER: &str = "IMAGEWRIGHT_TEST_LAYER";

pub(crate) fn helper() -> Helper {
    let built = env!("CARGO_BIN_EXE_imagewright-sandbox-helper");
    let program = std::env::var_os(HELPER).unwrap_or_else(|| built.into());
    Helper { program: program.into(), arguments: Vec::new() }
}

/// A folder with layers, and a specification that says to run something on them.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) spec: SandboxSpec,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) stubs: Vec<PathBuf>,
    pub(crate) limited: Option<LimitHit>,
    pub(crate) notes: Vec<String>,
}

impl Bench {
    /// The machine's root file system with an upper directory in memory: the kernel does not let an overlay
    /// write below one of its own layers.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let [upper, work] = ["upper", "work"].map(|name| folder.path().join(name));
        fs::create_dir(&upper).unwrap();
        fs::create_dir(&work).unwrap();
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let base = std::env::var_os(LAYER).map_or_else(|| "/".into(), PathBuf::from);
        let spec = SandboxSpec {
            root: Root::Overlay { base, lower: vec![".".into()], upper, work },
            command: vec!["true".to_owned()],
            environment: vec![("PATH".to_owned(), path.to_owned())],
            working_directory: "/".into(),
            user: User::default(),
            mounts: Vec::new(),
            network: Network::None,
            hostname: "sandbox".to_owned(),
            privileges: Privileges::default(),
            time_limit: None,
            limits: Limits::default(),
        };
        Self { folder, spec }
    }

    /// Has a shell run `script`.
    pub(crate) fn script(script: &str) -> Self {
        Self::new().with_script(script)
    }

    pub(crate) fn with_script(mut self, script: &str) -> Self {
        self.spec.command = ["/bin/sh", "-c", script].map(str::to_owned).into();
        self
    }

    pub(crate) fn with_mount(mut self, target: impl Into<PathBuf>, source: MountSource) -> Self {
        self.spec.mounts.push(Mount { target: target.into(), source });
        self
    }

    pub(crate) fn with_file(self, target: &str, text: &str) -> Self {
        self.with_mount(target, MountSource::Contents { bytes: text.into(), mode: 0o644, owner: (0, 0) })
    }

    pub(crate) fn with_user(mut self, uid: u32, gid: u32, groups: &[u32]) -> Self {
        self.spec.user = User { uid, gid, groups: groups.to_vec() };
        self
    }

    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        self.spec.limits = limits;
        self
    }

    /// Puts a layer on top of the others and lets `fill` write into it.
    pub(crate) fn with_layer(mut self, fill: impl FnOnce(&Path)) -> Self {
        let Root::Overlay { lower, .. } = &mut self.spec.root;
        let layer = self.folder.path().join(format!("layer-{}", lower.len()));
        fs::create_dir(&layer).unwrap();
        fill(&layer);
        lower.insert(0, layer);
        self
    }

    /// A directory of the host, beside the layers.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.folder.path().join("upper")
    }

    /// What the upper directory holds, as sorted relative paths.
    pub(crate) fn changes(&self) -> Vec<String> {
        fn collect(directory: &Path, top: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(top).unwrap().to_str().unwrap().to_owned());
                if path.is_dir() && !path.is_symlink() {
                    collect(&path, top, found);
                }
            }
        }
        let mut found = Vec::new();
        collect(&self.upper(), &self.upper(), &mut found);
        found.sort();
        found
    }

    pub(crate) fn try_run(&self) -> Result<Finished, SandboxError> {
        let mut running = spawn(&helper(), &self.spec, Stdio::Piped)?;
        let mut stderr = running.take_stderr().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut stdout = String::new();
        running.take_stdout().unwrap().read_to_string(&mut stdout).unwrap();
        let stderr = errors.join().unwrap().unwrap();
        let Outcome { exit, stubs, limited, notes } = running.wait()?;
        Ok(Finished { exit, stdout, stderr, stubs, limited, notes })
    }

    /// A process that runs the command on its own streams.
    pub(crate) fn caller(&self) -> Command {
        let file = self.folder.path().join("spec.json");
        serde_json::to_writer(fs::File::create(&file).unwrap(), &self.spec).unwrap();
        let mut command = Command::new(helper().program);
        command.arg("run").arg(file);
        command
    }

    pub(crate) fn run(&self) -> Finished {
        self.try_run().unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Runs a command that succeeds, and returns what it wrote.
    pub(crate) fn output(&self) -> String {
        let finished = self.run();
        assert_eq!(finished.exit, Exit::Code(0), "{finished:?}");
        finished.stdout
    }

    /// Fails to run the command, and returns why, causes included.
    pub(crate) fn failure(&self) -> String {
        chain(&self.try_run().expect_err("the command ran"))
    }
}

fn chain(error: &SandboxError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Whether a process of the machine has `word` among its arguments.
pub(crate) fn is_running(word: &str) -> bool {
    !processes_with(word).is_empty()
}

/// Processes of the machine with `word` among their arguments.
pub(crate) fn processes_with(word: &str) -> Vec<u32> {
    let has_word = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    processes().filter(has_word).collect()
}

/// The process, started by this one, that led to `process`.
pub(crate) fn child_above(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap().parse().unwrap();
    if parent == std::process::id() { process } else { child_above(parent) }
}

/// Whether a process of the machine sees something mounted that lies below `path`, which has an unusual name.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap();
    processes().any(|process| {
        fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default().contains(name)
    })
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
}

/// Waits until `condition` holds and returns how long that took.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}
