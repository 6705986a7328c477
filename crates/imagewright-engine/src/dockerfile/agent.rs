//! An SSH agent inside the sandbox: a socket of its own, with the owner and mode that were asked for, whose connections are
//! passed on to the agent outside.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long nobody may come before it is looked whether anybody still can.
const PATIENCE_MILLISECONDS: u16 = 50;
const NAME: &str = "agent";

/// A socket that leads to an agent, as long as this lives.
pub(super) struct Agent {
    socket: PathBuf,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// Listens in `folder` for who wants to talk to `outside`.
    pub(super) fn listen(
        folder: &Path,
        outside: &Path,
        mode: u32,
        (uid, gid): (u32, u32),
    ) -> io::Result<Self> {
        // Addresses of sockets are short, folders of stores need not be.
        let held = File::open(folder)?;
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/{NAME}", held.as_raw_fd()))?;
        listener.set_nonblocking(true)?;
        let socket = folder.join(NAME);
        chown(&socket, Some(uid), Some(gid))?;
        fs::set_permissions(&socket, Permissions::from_mode(mode & 0o777))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, outside) = (Arc::clone(&is_over), outside.to_path_buf());
        let thread = thread::spawn(move || serve(&listener, &outside, &over));
        Ok(Self { socket, is_over, thread: Some(thread) })
    }

    /// Where it lies on the host.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            drop(thread.join());
        }
    }
}

fn serve(listener: &UnixListener, outside: &Path, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let mut waited = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut waited, PollTimeout::from(PATIENCE_MILLISECONDS));
        if let Ok((inside, _)) = listener.accept()
            && let Ok(outside) = UnixStream::connect(outside)
        {
            // Each ends when either side does; the sandbox's end with the sandbox.
            drop(pass_on(inside, outside));
        }
    }
}

fn pass_on(inside: UnixStream, outside: UnixStream) -> io::Result<()> {
    inside.set_nonblocking(false)?;
    for (mut from, mut to) in [(inside.try_clone()?, outside.try_clone()?), (outside, inside)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_is_said_inside_is_answered_outside() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than an address of a socket may be.
        let deep = folder.path().join("x".repeat(120));
        fs::create_dir(&deep).unwrap();
        let outside = folder.path().join("real");
        let listener = UnixListener::bind(&outside).unwrap();
        let real = thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 4];
                stream.read_exact(&mut asked).unwrap();
                stream.write_all(&asked.map(|byte| byte.to_ascii_uppercase())).unwrap();
            }
        });
        let owner = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
        let agent = Agent::listen(&deep, &outside, 0o640, owner).unwrap();
        assert_eq!(fs::metadata(agent.socket()).unwrap().mode() & 0o777, 0o640);
        for _ in 0..2 {
            let held = File::open(&deep).unwrap();
            let mut stream =
                UnixStream::connect(format!("/proc/self/fd/{}/{NAME}", held.as_raw_fd())).unwrap();
            stream.write_all(b"keys").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "KEYS");
        }
        real.join().unwrap();
        drop(agent);
    }
}
