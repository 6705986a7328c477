//! The BuildKit of a Docker daemon at an address of its own, where a BuildKit daemon would listen.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

/// Asks a Docker daemon to speak gRPC from here on.
const UPGRADE: &[u8] = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// A socket behind which a BuildKit speaks gRPC at once; nobody answers there when this value is gone.
pub struct BuildKitSocket {
    folder: TempDir,
}

impl BuildKitSocket {
    /// Opens one to the Docker daemon at this socket.
    ///
    /// # Panics
    ///
    /// When no socket can be made.
    pub fn to(docker: &Path) -> Self {
        let folder = TempDir::with_prefix("imagewright-buildkit-").expect("a temporary folder can be made");
        let listener = UnixListener::bind(folder.path().join("socket")).expect("the folder is ours");
        let docker: PathBuf = docker.to_owned();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let docker = docker.clone();
                thread::spawn(move || connect(client, &docker));
            }
        });
        Self { folder }
    }

    /// What `BUILDKIT_HOST` must be to reach it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }
}

/// Passes on what both sides say. Where one of them breaks off, the other sees it.
fn connect(client: UnixStream, docker: &Path) -> io::Result<()> {
    let mut daemon = UnixStream::connect(docker)?;
    daemon.write_all(UPGRADE)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        daemon.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    let (from_client, to_daemon) = (client.try_clone()?, daemon.try_clone()?);
    thread::spawn(move || pass_on(from_client, to_daemon));
    pass_on(daemon, client)
}

fn pass_on(mut from: UnixStream, mut to: UnixStream) -> io::Result<()> {
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}
