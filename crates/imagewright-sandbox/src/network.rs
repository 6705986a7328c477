//! The network of a sandbox that has none: its own, with a loopback interface that works.

use std::fs::File;
use std::net::UdpSocket;

use nix::sched::CloneFlags;

use crate::protocol::{Attempt, Failure};
use crate::sys;

/// Brings the loopback interface of this network namespace up. The kernel gives it its addresses.
pub(crate) fn start_loopback() -> Result<(), Failure> {
    let socket = UdpSocket::bind("0.0.0.0:0").attempt("open a socket")?;
    sys::raise_loopback(&socket).attempt("start the loopback interface")
}

/// Enters a network that another process holds open.
pub(crate) fn join(process: u32, descriptor: i32) -> Result<(), Failure> {
    let path = format!("/proc/{process}/fd/{descriptor}");
    let namespace = File::open(&path).attempt_on("open the network", &path)?;
    nix::sched::setns(&namespace, CloneFlags::CLONE_NEWNET).attempt("enter the network")
}
