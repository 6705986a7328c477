//! Custom resources of Kubernetes, whose kind the gateway's class says. There is a template for the one of Enterprise Gateway itself.

use super::{Layout, scripts, spark_operator};
use crate::NewKernelspec;

pub(super) const SCRIPT: scripts::Script =
    ("launch_custom_resource.py", include_str!("../../scripts/launch_custom_resource.py"));

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    let files = scripts::for_kubernetes(SCRIPT, &[spark_operator::TEMPLATE]);
    Layout { command: scripts::command(SCRIPT, new), files, ..Layout::default() }
}
