//! Kernel images on every node, before somebody waits for one.
//!
//! Pods on each node name all of them, so the kubelet pulls them, by whatever runtime it has and with the secrets of the pods; none of
//! the runtime's sockets is needed. A container runs of each image, for a moment and one after the other, and then one waits.

use serde_json::{Value, json};

use super::super::{KernelImage, ShortProgram};
use super::{Deployment, NAME, restricted, user};

const PULLER: &str = "kernel-image-puller";
const WAIT: &str = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done";

impl Deployment {
    pub(super) fn puller(&self) -> Option<(String, Value)> {
        let kernels = &self.gateway.kernels;
        if kernels.is_empty() {
            return None;
        }
        let numbered =
            || kernels.iter().enumerate().map(|(at, kernel)| (format!("kernel-{}", at + 1), kernel));
        let runs = numbered().filter_map(|(name, kernel)| container(&name, kernel));
        let volumes: Vec<Value> = numbered()
            .filter(|(_, kernel)| kernel.program == ShortProgram::None)
            .map(|(name, kernel)| json!({"name": name, "image": {"reference": kernel.reference.to_string(), "pullPolicy": "IfNotPresent"}}))
            .collect();
        let mut pod = json!({
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 5,
            "securityContext": user(),
            "initContainers": runs.collect::<Vec<_>>(),
            "containers": [self.waiting()],
        });
        if !self.pull_secrets.is_empty() {
            pod["imagePullSecrets"] = self.named_pull_secrets();
        }
        if !volumes.is_empty() {
            pod["volumes"] = volumes.into();
        }
        let document = json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": self.metadata(PULLER, PULLER),
            "spec": {
                "selector": {"matchLabels": {"name": PULLER}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
                "template": {"metadata": {"labels": {"name": PULLER, "app": NAME, "component": PULLER}}, "spec": pod},
            },
        });
        let told = "Has the kernel images on every node: the kubelet pulls what a pod names, whatever its runtime is. Another list of images\n\
                    starts it again.";
        Some((told.to_owned(), document))
    }

    /// What keeps the pod running: a controller starts pods that end again and again.
    fn waiting(&self) -> Value {
        let resources = json!({"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}});
        let image = self.pause.as_ref().unwrap_or(&self.gateway.image).to_string();
        let mut container = json!({"name": "pause", "image": image});
        if self.pause.is_none() {
            container["command"] = json!(["/bin/sh", "-c", WAIT]);
        }
        container["resources"] = resources;
        container["securityContext"] = restricted();
        container
    }
}

fn container(name: &str, kernel: &KernelImage) -> Option<Value> {
    let command = match kernel.program {
        ShortProgram::Launcher => json!(["/usr/local/bin/imagewright-kernel-launcher", "--version"]),
        ShortProgram::Shell => json!(["/bin/sh", "-c", "exit 0"]),
        ShortProgram::None => return None,
    };
    Some(json!({
        "name": name,
        "image": kernel.reference.to_string(),
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": restricted(),
    }))
}
