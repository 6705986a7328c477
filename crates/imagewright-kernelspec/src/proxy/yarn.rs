//! Applications of a YARN cluster. Driver and workers are containers of the image, where the cluster's nodes have Docker as a runtime.

use super::{Layout, spark};
use crate::NewKernelspec;

/// The gateway finds the application by its name. A driver without a session is given up after `waitTime`, and a kernel may well make none.
const SPARK_OPTS: &str = "--master yarn --deploy-mode cluster --name ${KERNEL_ID:-ERROR__NO__KERNEL_ID} \
     --conf spark.yarn.submit.waitAppCompletion=false --conf spark.yarn.maxAppAttempts=1 --conf spark.yarn.am.waitTime=30d \
     --conf spark.yarn.appMasterEnv.YARN_CONTAINER_RUNTIME_TYPE=docker \
     --conf spark.yarn.appMasterEnv.YARN_CONTAINER_RUNTIME_DOCKER_IMAGE=${KERNEL_IMAGE} \
     --conf spark.executorEnv.YARN_CONTAINER_RUNTIME_TYPE=docker \
     --conf spark.executorEnv.YARN_CONTAINER_RUNTIME_DOCKER_IMAGE=${KERNEL_IMAGE} ${KERNEL_EXTRA_SPARK_OPTS}";

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    spark::lay_out_with_image("yarn", SPARK_OPTS, "yarn_endpoint", new)
}
