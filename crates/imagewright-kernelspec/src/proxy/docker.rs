//! Containers of a Docker Engine, and services of a Swarm: one script, which the gateway tells what it is to make.

use super::{Layout, scripts};
use crate::NewKernelspec;

const SCRIPT: &str = "launch_docker.py";

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    let files = scripts::with_request(SCRIPT, include_str!("../../scripts/launch_docker.py"));
    Layout { command: scripts::command(SCRIPT, new), files, ..Layout::default() }
}
