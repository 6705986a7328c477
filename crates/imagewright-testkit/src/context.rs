//! A place to run a program in: folders that go away, an environment that holds nothing of the machine's, and
//! filters for what differs from run to run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use insta::internals::SettingsBindDropGuard;
use serde_json::Value;
use tempfile::TempDir;

/// How the folders of a context are called, and one more thing by which what is left of them can be found.
const PREFIX: &str = "imagewright-test-";

/// What a test on a machine without a network may find.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// By these variables a machine says how to get out and where packages are.
const MACHINE_VARIABLES: [&str; 14] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "PIP_CONFIG_FILE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_FIND_LINKS",
];

/// What is unlike in two runs, and what stands for it in snapshots.
const FILTERS: [(&str, &str); 8] = [
    (r"solving for Python [0-9.]+", "solving for Python [VERSION]"),
    (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
    (r"\b[0-9a-f]{12}\b", "[ID]"),
    (r"\b\d+(\.\d+)? (B|kB|MB|GB)\b", "[SIZE]"),
    (r"\b\d+\.\d s\b", "[TIME]"),
    (r"\b\d+ (second|minute|hour|day|week|month|year)s? ago\b", "[AGE]"),
    (r"127\.0\.0\.1:\d+", "[SERVER]"),
    // Columns are as wide as what was just replaced.
    (r"\b(DIGEST|IMAGE ID|CREATED|SIZE|LAYER) {3,}", "$1   "),
];

/// Runs one program; what it leaves in its folders goes away with the context.
///
/// While the context lives, its filters hold for the snapshots of the thread that made it.
pub struct TestContext {
    program: PathBuf,
    folder: TempDir,
    root: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    _filters: SettingsBindDropGuard,
}

impl TestContext {
    /// With a store of its own.
    pub fn new(program: &str) -> Self {
        Self::in_folder(program, TempDir::with_prefix(PREFIX).expect("a temporary folder can be made"))
    }

    /// With folders below `parent`, for a store that shares a file system with something there.
    pub fn within(program: &str, parent: &Path) -> Self {
        Self::in_folder(
            program,
            TempDir::with_prefix_in(PREFIX, parent).expect("a temporary folder can be made"),
        )
    }

    fn in_folder(program: &str, folder: TempDir) -> Self {
        let root = folder.path().join("store");
        for name in ["home", "work", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("the folder is empty");
        }
        let path = |name: &str| folder.path().join(name).into_os_string();
        let environment = [
            ("PATH", SEARCH_PATH.into()),
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("IMAGEWRIGHT_ROOT", root.clone().into_os_string()),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let _filters = filters(folder.path(), &root).bind_to_scope();
        Self { program: PathBuf::from(program), folder, root, environment, _filters }
    }

    /// Lets the program know the machine's proxies, certificate authorities and package indexes.
    #[must_use]
    pub fn with_machine_network(mut self) -> Self {
        let known =
            MACHINE_VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        self.environment.extend(known);
        self
    }

    /// Sets a variable for every command from now on.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Has the store elsewhere from now on.
    #[must_use]
    pub fn at_root(mut self, root: PathBuf) -> Self {
        self.root = root.clone();
        self.env("IMAGEWRIGHT_ROOT", root)
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that commands start in.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The folder of all folders here; its name is unlike any other.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The home folder that commands see.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file below [`TestContext::work`], with the folders above it.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// The program with these arguments, in these surroundings, not started yet.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        Outcome::of(&mut self.command(arguments))
    }

    /// Demands that the store holds nothing of unfinished work.
    #[track_caller]
    pub fn assert_nothing_unfinished(&self) {
        let entries = fs::read_dir(self.root.join("tmp")).into_iter().flatten();
        let left: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        assert!(left.is_empty(), "unfinished work is left: {left:?}");
    }
}

fn filters(folder: &Path, root: &Path) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    // The store first: it may lie in the folder.
    for (path, name) in [(root, "[ROOT]"), (folder, "[TEMP]")] {
        settings.add_filter(&path.display().to_string().replace('.', "\\."), name);
    }
    for (pattern, name) in FILTERS {
        settings.add_filter(pattern, name);
    }
    settings
}

/// How a program ended and what it said.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        command.output().map(Self::from).unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"))
    }

    /// Demands that the program succeeded.
    #[must_use]
    #[track_caller]
    pub fn success(self) -> Self {
        self.exits(0)
    }

    /// Demands an exit code.
    #[must_use]
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }

    /// Standard error as events, one on each line that holds one.
    pub fn events(&self) -> Vec<Value> {
        self.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// The form that snapshots have.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        writeln!(formatter, "exit: {code}")?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(formatter, "----- {name} -----\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}
