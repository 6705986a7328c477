//! A Docker daemon for one test, with its own socket and folders. Needs root and the distribution's Docker.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::context::Outcome;
use crate::processes::wait_until;

/// The distribution's client: another one, earlier on the search path, may lack what the daemon speaks.
const CLIENT: &str = "/usr/bin/docker";

/// The daemon; it ends with this value.
pub struct DockerDaemon {
    process: Child,
    folder: TempDir,
}

impl DockerDaemon {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("imagewright-docker-").expect("a temporary folder can be made");
        let path = |name: &str| folder.path().join(name).into_os_string();
        let log = std::fs::File::create(folder.path().join("log")).expect("the folder is ours");
        let process = Command::new("dockerd")
            .args(["--iptables=false", "--bridge=none", "--host"])
            .arg(format!("unix://{}", folder.path().join("socket").display()))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd is installed");
        let daemon = Self { process, folder };
        wait_until("the Docker daemon answers", || daemon.docker(["version"]).code == Some(0));
        daemon
    }

    /// What `DOCKER_HOST` must be to reach it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs the client; it builds with BuildKit.
    pub fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        let mut command = Command::new(CLIENT);
        // Debian's client is made of plugins that look for the user's configuration.
        command.args(arguments).env("DOCKER_HOST", self.host()).env("HOME", self.folder.path());
        command.env("DOCKER_BUILDKIT", "1");
        Outcome::of(&mut command)
    }
}

impl Drop for DockerDaemon {
    fn drop(&mut self) {
        // By SIGTERM, so that it unmounts what it has mounted.
        let process = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap_or_default());
        let asked = nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM);
        if asked.is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
