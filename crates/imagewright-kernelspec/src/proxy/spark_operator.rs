//! Applications of the Spark operator for Kubernetes.

use super::{Layout, custom_resource, scripts};
use crate::NewKernelspec;

/// The gateway's class says group and version, by which the script finds it.
pub(super) const TEMPLATE: scripts::Script = (
    "sparkoperator.k8s.io-v1beta2.yaml.j2",
    include_str!("../../scripts/sparkoperator.k8s.io-v1beta2.yaml.j2"),
);

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    custom_resource::lay_out(new)
}
