//! A containerd for one test, with its own socket and folders. Needs root, and containerd and runc of the distribution.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::context::Outcome;
use crate::processes::wait_until;

/// The daemon; it ends with this value.
pub struct Containerd {
    process: Child,
    folder: TempDir,
}

impl Containerd {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start() -> Self {
        // Sockets have short paths.
        let folder = TempDir::with_prefix_in("iw-", "/var/tmp").expect("a temporary folder can be made");
        let place = folder.path().display();
        let config = format!(
            "version = 2\nroot = \"{place}/root\"\nstate = \"{place}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = \"{place}/socket\"\n[ttrpc]\naddress = \"{place}/ttrpc\"\n"
        );
        let config_file = folder.path().join("config.toml");
        fs::write(&config_file, config).expect("the folder is ours");
        let log = File::create(folder.path().join("log")).expect("the folder is ours");
        let process = Command::new("containerd")
            .arg("--config")
            .arg(&config_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("containerd is installed");
        let daemon = Self { process, folder };
        wait_until("containerd answers", || daemon.ctr(["version"]).code == Some(0));
        daemon
    }

    /// Runs the client.
    pub fn ctr<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.folder.path().join("socket")).args(arguments);
        Outcome::of(&mut command)
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // By SIGTERM, so that it writes its books before they go.
        let process = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap_or_default());
        let asked = nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM);
        if asked.is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
