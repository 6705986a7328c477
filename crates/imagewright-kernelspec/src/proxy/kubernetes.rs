//! Pods of Kubernetes. Those of kernels without Spark are made by a script; of those with Spark spark-submit makes the pod, the driver's,
//! by a template that the script writes.

use super::{Layout, scripts, spark};
use crate::NewKernelspec;

/// The master, and what a driver and its workers are called. What the gateway looks for are `kernel_id` and `component`.
const SPARK_OPTS: &str = "--master k8s://https://${KUBERNETES_SERVICE_HOST}:${KUBERNETES_SERVICE_PORT} --deploy-mode cluster \
     --name ${KERNEL_USERNAME}-${KERNEL_ID} \
     --conf spark.kubernetes.namespace=${KERNEL_NAMESPACE} \
     --conf spark.kubernetes.driver.pod.name=${KERNEL_POD_NAME} \
     --conf spark.kubernetes.driver.label.app=enterprise-gateway \
     --conf spark.kubernetes.driver.label.kernel_id=${KERNEL_ID} \
     --conf spark.kubernetes.driver.label.component=kernel \
     --conf spark.kubernetes.executor.label.app=enterprise-gateway \
     --conf spark.kubernetes.executor.label.kernel_id=${KERNEL_ID} \
     --conf spark.kubernetes.executor.label.component=worker \
     --conf spark.kubernetes.driver.container.image=${KERNEL_IMAGE} \
     --conf spark.kubernetes.executor.container.image=${KERNEL_EXECUTOR_IMAGE} \
     --conf spark.kubernetes.authenticate.driver.serviceAccountName=${KERNEL_SERVICE_ACCOUNT_NAME} \
     --conf spark.kubernetes.submission.waitAppCompletion=false ${KERNEL_EXTRA_SPARK_OPTS}";

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    let mut files = scripts::for_kubernetes(scripts::LAUNCH_KUBERNETES, &[]);
    if new.spark.is_none() {
        return Layout {
            command: scripts::command(scripts::LAUNCH_KUBERNETES, new),
            files,
            ..Layout::default()
        };
    }
    let Layout { command, mut variables, files: run, .. } = spark::lay_out("kubernetes", SPARK_OPTS, new);
    // Spark's client for Kubernetes gets stuck with HTTP/2 on some versions of Java.
    variables.push(("HTTP2_DISABLE".to_owned(), "true".to_owned()));
    files.extend(run);
    Layout { command, variables, files, ..Layout::default() }
}
