//! Applications of an IBM Spectrum Conductor cluster. The gateway adds the master and the credential; which image containers are of is said
//! in the cluster's instance group.

use super::{Layout, spark};
use crate::NewKernelspec;

const SPARK_OPTS: &str =
    "--name ${KERNEL_ID:-ERROR__NO__KERNEL_ID} --conf spark.yarn.maxAppAttempts=1 ${KERNEL_EXTRA_SPARK_OPTS}";

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    spark::lay_out_with_image("conductor", SPARK_OPTS, "conductor_endpoint", new)
}
