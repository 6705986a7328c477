//! A stand-in for a Kubernetes cluster, and an Enterprise Gateway that takes it for the one it is in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use imagewright_kernelspec::Kernelspec;
use imagewright_kernelspec::deploy::Gateway;
use imagewright_kernelspec::deploy::kubernetes::Deployment;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shared::{install, python, script, shared};

/// Where the gateway is.
pub(crate) const HOME: &str = "enterprise-gateway";
/// What the image of kernels is pulled by.
const LOGIN: &str = "e30=";

/// A cluster in which a gateway starts kernels.
pub(crate) struct Cluster {
    pub(crate) folder: TempDir,
    api: Child,
    port: String,
}

impl Cluster {
    /// A cluster with images, where the gateway may do what `rules` say, as they stand in a cluster role.
    pub(crate) fn start(images: &Value, rules: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, kind: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": HOME}, "type": kind, "data": {".dockerconfigjson": LOGIN}});
        let settings = json!({
            "tokens": {"token-of-gateway": "gateway"},
            "rules": rules,
            "images": images,
            "objects": [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}},
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bob-0f0e"}},
                secret("registry", "kubernetes.io/dockerconfigjson"),
                secret("other", "Opaque"),
            ],
            "resources": {"sparkapplications": spark_applications()},
        });
        fs::write(folder.path().join("cluster.json"), settings.to_string()).unwrap();
        let mut command = python();
        command.arg(script("cluster/api.py")).arg(folder.path());
        let api = command.spawn().unwrap();
        let mut cluster = Self { folder, api, port: String::new() };
        let end = Instant::now() + Duration::from_secs(30);
        while cluster.port.is_empty() {
            assert!(cluster.api.try_wait().unwrap().is_none() && Instant::now() < end, "there is no cluster");
            cluster.port = fs::read_to_string(cluster.path().join("port")).unwrap_or_default();
            thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a kernelspec where the gateway sees it.
    pub(crate) fn install(&self, spec: &Kernelspec) {
        install(self.path(), spec);
    }

    /// Runs a program where the gateway would be: in a container with an account of the cluster.
    pub(crate) fn inside(&self, program: &Path) -> Command {
        // The account lies where it lies in all containers. In a mount namespace of its own nobody else sees it.
        let set_up = r#"mount -t tmpfs none /var/run && cd "$0" && account=/var/run/secrets/kubernetes.io/serviceaccount &&
            mkdir -p $account && cp certificate.pem $account/ca.crt && printf token-of-gateway >$account/token &&
            printf enterprise-gateway >$account/namespace && exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", set_up]).arg(self.path()).arg(program);
        command.envs([("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", &self.port)]);
        command.stdin(Stdio::null());
        command
    }

    /// Has a gateway do something, and says what came of it.
    pub(crate) fn gateway(&self, words: &[&str]) -> Vec<Value> {
        let mut command = self.inside(&shared().join("kernel/gateway/bin/python"));
        let tools = script("../../../imagewright-launcher/tests/it/needs_kernels");
        command.arg(script("cluster/gateway.py")).arg(tools).arg(self.path()).args(words);
        command.envs([
            ("EG_NAMESPACE", HOME),
            ("EG_KERNEL_CLUSTER_ROLE", "kernel-controller"),
            ("EG_INHERITED_ENVS", "PATH"),
            ("EG_UNAUTHORIZED_USERS", "nobody"),
            ("SECRET_OF_GATEWAY", "hunter2"),
        ]);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}\n{}", text(&output.stderr), self.logs());
        let lines = text(&output.stdout);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was asked of the cluster.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join("calls.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was made, of a kind.
    pub(crate) fn made(&self, kind: &str) -> Vec<Value> {
        let calls = self.calls().into_iter().map(|call| call["made"].clone());
        calls.filter(|made| made["kind"] == kind).collect()
    }

    /// The ends of the logs of gateway and pods.
    pub(crate) fn logs(&self) -> String {
        let entries = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs = entries.filter(|path| path.extension().is_some_and(|end| end == "log"));
        let end = |path: &Path| {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(60)..].join("\n")
        };
        logs.map(|path| format!("== {}\n{}\n", path.display(), end(&path))).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It ends its pods when it is asked to end.
        let _ = Command::new("kill").arg(self.api.id().to_string()).status();
        let _ = self.api.wait();
    }
}

/// Images that are this machine, with our launcher and the kernel that tests share.
pub(crate) fn images() -> Value {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", shared().join("kernel/python/bin").display());
    let launcher = "/usr/local/bin/imagewright-kernel-launcher";
    let image = |secret: Value| {
        json!({
            "env": {"PATH": path, "HOME": "/nonexistent"}, "command": [launcher], "entrypoint": ["python"], "pullSecret": secret,
            "files": {launcher: shared().join("tools/imagewright-kernel-launcher")},
        })
    };
    json!({"registry.example/kernel-py:1": image(Value::Null), "registry.example/private/kernel-py:1": image(LOGIN.into())})
}

/// What the manifests for clusters let gateway and kernels do, as rules of roles; with the namespace where they hold in one only.
pub(crate) fn rules() -> Value {
    let gateway = Gateway::new("registry.example/gateway:1".parse().unwrap());
    let deployment = Deployment {
        pull_secrets: vec!["registry".to_owned(), "other".to_owned()],
        has_spark: true,
        ..Deployment::new(gateway, HOME)
    };
    let mut rules = json!({"gateway": [], "kernel": []});
    for document in documents(&deployment.manifest().unwrap()) {
        let is_kernels = document["metadata"]["labels"]["component"] == "kernel";
        let who = rules[if is_kernels { "kernel" } else { "gateway" }].as_array_mut().unwrap();
        for mut rule in document["rules"].as_array().cloned().unwrap_or_default() {
            if document["kind"] == "Role" {
                rule["namespace"] = document["metadata"]["namespace"].clone();
            }
            who.push(rule);
        }
    }
    rules
}

/// The documents of a manifest, none of which a cluster would refuse.
pub(crate) fn documents(manifest: &str) -> Vec<Value> {
    let mut command = python();
    command.arg(script("cluster/check.py")).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The fields of `v1beta2` that our template uses, as its definition has them.
fn spark_applications() -> Value {
    let labels = json!({"*": ""});
    let pod = json!({
        "cores": 1, "memory": "", "labels": labels, "annotations": labels, "env": ["V1EnvVar"], "volumeMounts": ["V1VolumeMount"],
        "podSecurityContext": "V1PodSecurityContext", "nodeSelector": labels, "tolerations": ["V1Toleration"], "serviceAccount": "",
        "image": "", "instances": 1,
    });
    let spec = json!({
        "type": "", "mode": "", "image": "", "imagePullPolicy": "", "imagePullSecrets": [""], "mainClass": "", "mainApplicationFile": "",
        "arguments": [""], "sparkConf": labels, "sparkConfigMap": "", "sparkVersion": "", "pythonVersion": "", "volumes": ["V1Volume"],
        "restartPolicy": {"type": ""}, "driver": pod, "executor": pod,
    });
    json!({"group": "sparkoperator.k8s.io", "version": "v1beta2", "kind": "SparkApplication", "spec": spec})
}
