//! A network of its own that is there before a sandbox is, and after it: whoever holds it reaches what listens in it.
//!
//! A socket belongs to the network in which it was opened, whichever thread uses it. So a thread goes there, opens one and
//! brings it back.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use nix::sched::CloneFlags;

use crate::protocol::Failure;
use crate::{Network, SandboxError, network};

/// A network with a loopback interface and nothing else. It is gone when this is, and all who run in it.
#[derive(Debug)]
pub struct PrivateNetwork {
    namespace: File,
}

impl PrivateNetwork {
    /// Makes one.
    ///
    /// # Errors
    /// Where this process may not make namespaces.
    pub fn new() -> Result<Self, SandboxError> {
        let make = || -> Result<File, Failure> {
            use crate::protocol::Attempt as _;
            nix::sched::unshare(CloneFlags::CLONE_NEWNET).attempt("enter a new network")?;
            network::start_loopback()?;
            File::open("/proc/thread-self/ns/net").attempt("open the new network")
        };
        Ok(Self { namespace: elsewhere(make)? })
    }

    /// What a sandbox is told that is to run in it.
    pub fn network(&self) -> Network {
        Network::Joined { process: std::process::id(), descriptor: self.namespace.as_raw_fd() }
    }

    /// Connects to a port inside.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub fn connect(&self, port: u16, patience: Duration) -> io::Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.inside(|| TcpStream::connect_timeout(&address, patience))
    }

    /// Listens at a port inside.
    ///
    /// # Errors
    /// Where somebody else does.
    pub fn listen(&self, port: u16) -> io::Result<TcpListener> {
        self.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
    }

    fn inside<T: Send>(&self, open: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        elsewhere(|| {
            nix::sched::setns(&self.namespace, CloneFlags::CLONE_NEWNET)?;
            open()
        })
    }
}

/// Does something on a thread of its own, whose namespaces are its own.
fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
