//! The network of a sandbox that has none: its own, with a loopback interface that works.

use std::net::UdpSocket;

use crate::protocol::{Attempt, Failure};
use crate::sys;

/// Brings the loopback interface of this network namespace up. The kernel gives it its addresses.
pub(crate) fn start_loopback() -> Result<(), Failure> {
    let socket = UdpSocket::bind("0.0.0.0:0").attempt("open a socket")?;
    sys::raise_loopback(&socket).attempt("start the loopback interface")
}
