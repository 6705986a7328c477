//! A registry of Debian's package `docker-registry` for one test, with its own port and folders.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use imagewright_oci::Reference;
use tempfile::TempDir;

use crate::processes::wait_until;

/// Marks the lines for the section `http` of a registry's configuration.
pub const HTTP: &str = "# http\n";

/// Where it keeps repositories, below its store.
const REPOSITORIES: &str = "store/docker/registry/v2/repositories";

/// The registry; it ends with this value.
pub struct DebianRegistry {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl DebianRegistry {
    /// Starts one with more lines in its configuration; `prepare` writes what they name into the folder.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(prepare: impl FnOnce(&Path) -> String) -> Self {
        let folder = TempDir::with_prefix("imagewright-registry-").expect("a temporary folder can be made");
        let port = free_port();
        let more = prepare(folder.path());
        // The section `http` is there already; lines for it follow the mark.
        let (sections, http) = more.split_once(HTTP).unwrap_or((&more, ""));
        let store = folder.path().join("store");
        let configuration = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             {sections}http:\n  addr: 127.0.0.1:{port}\n{http}",
            store.display()
        );
        let path = folder.path().join("config.yml");
        fs::write(&path, configuration).expect("the folder is ours");
        let log = File::create(folder.path().join("log")).expect("the folder is ours");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("docker-registry is installed");
        let registry = Self { folder, port, process };
        wait_until("the registry answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        registry
    }

    /// One that lets everybody in, over plain HTTP.
    pub fn plain() -> Self {
        Self::start(|_| String::new())
    }

    /// Where it listens on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its name in references: host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A reference to something in it.
    ///
    /// # Panics
    ///
    /// When that is no reference.
    pub fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.host()).parse().expect("it is a reference")
    }

    /// The folder with its configuration, its log, and what was prepared.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The digest that a tag of a repository stands for, seen past its interface.
    pub fn tagged(&self, repository: &str, tag: &str) -> Option<String> {
        let link = self.repository(repository).join("_manifests/tags").join(tag).join("current/link");
        fs::read_to_string(link).ok().filter(|digest| !digest.is_empty())
    }

    /// How many blobs a repository has or is getting, seen past its interface.
    pub fn begun_blobs(&self, repository: &str) -> usize {
        let folder = self.repository(repository);
        let count = |path: PathBuf| fs::read_dir(path).map_or(0, Iterator::count);
        count(folder.join("_layers/sha256")) + count(folder.join("_uploads"))
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.folder.path().join(REPOSITORIES).join(name)
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
