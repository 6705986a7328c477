//! The gateway itself: its kernelspecs, its pod, and the address it has in the cluster.

use serde_json::{Value, json};

use super::{Deployment, KERNEL_ROLE, Kernelspecs, NAME, restricted, user};
use crate::KernelspecName;

/// Where clients ask.
const PORT: u16 = 8888;
/// Where kernels say how they are reached.
const RESPONSE_PORT: u16 = 8877;
const FOLDER: &str = "/usr/local/share/jupyter/kernels";
/// The volume of the kernelspecs.
const KERNELSPECS: &str = "kernelspecs";

impl Deployment {
    /// The claim of a volume for kernelspecs.
    pub(super) fn storage(&self) -> Option<(String, Value)> {
        let Kernelspecs::Claim(name) = &self.kernelspecs else { return None };
        let claim = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": self.metadata(name, NAME),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}},
        });
        let told = "The kernelspecs. Where several nodes write them, its mode must be ReadWriteMany.";
        Some((told.to_owned(), claim))
    }

    pub(super) fn deployment(&self) -> (String, Value) {
        let labels = json!({"gateway-selector": NAME, "app": NAME, "component": NAME});
        let document = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(NAME, NAME),
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"gateway-selector": NAME}},
                "template": {"metadata": {"labels": labels}, "spec": self.pod()},
            },
        });
        ("It knows its kernels in memory only, so there is one of it, and never two.".to_owned(), document)
    }

    pub(super) fn service(&self) -> (String, Value) {
        let port = |name: &str, port: u16| json!({"name": name, "port": port, "targetPort": name});
        let document = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(NAME, NAME),
            "spec": {
                "selector": {"gateway-selector": NAME},
                "sessionAffinity": "ClientIP",
                "ports": [port("http", PORT), port("http-response", RESPONSE_PORT)],
            },
        });
        let told = format!("Notebook servers reach it as http://{NAME}.{}:{PORT}.", self.namespace);
        (told, document)
    }

    fn pod(&self) -> Value {
        let mut pod = json!({
            "serviceAccountName": NAME,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 30,
            "securityContext": user(),
        });
        if let Kernelspecs::Image(image) = &self.kernelspecs {
            pod["initContainers"] = json!([{
                "name": KERNELSPECS,
                "image": image.to_string(),
                "command": ["cp", "-r", "/kernels/.", FOLDER],
                "securityContext": restricted(),
                "volumeMounts": [{"name": KERNELSPECS, "mountPath": FOLDER}],
            }]);
        }
        pod["containers"] = json!([self.container()]);
        let source = match &self.kernelspecs {
            Kernelspecs::Gateway => return pod,
            Kernelspecs::Claim(name) => ("persistentVolumeClaim", json!({"claimName": name})),
            Kernelspecs::Image(_) => ("emptyDir", json!({})),
        };
        pod["volumes"] = json!([{"name": KERNELSPECS, source.0: source.1}]);
        pod
    }

    fn container(&self) -> Value {
        // The gateway answers nothing without its token, so probes only see whether it listens.
        let listens = |period: u32, failures: u32| json!({"tcpSocket": {"port": "http"}, "periodSeconds": period, "failureThreshold": failures});
        let mut container = json!({
            "name": NAME,
            "image": self.gateway.image.to_string(),
            "env": self.variables(),
            "ports": [
                {"name": "http", "containerPort": PORT},
                {"name": "http-response", "containerPort": RESPONSE_PORT},
            ],
            "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
            "securityContext": restricted(),
            "startupProbe": listens(2, 60),
            "readinessProbe": listens(5, 2),
            "livenessProbe": listens(20, 3),
        });
        if !matches!(self.kernelspecs, Kernelspecs::Gateway) {
            container["volumeMounts"] = json!([{"name": KERNELSPECS, "mountPath": FOLDER, "readOnly": true}]);
        }
        container
    }

    fn variables(&self) -> Value {
        let field =
            |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let gateway = &self.gateway;
        let default = gateway.default_kernel.as_ref().map(KernelspecName::to_string);
        let settings = [
            ("EG_IP", "0.0.0.0".to_owned()),
            ("EG_PORT", PORT.to_string()),
            ("EG_PORT_RETRIES", "0".to_owned()),
            ("EG_RESPONSE_PORT", RESPONSE_PORT.to_string()),
            ("EG_KERNEL_CLUSTER_ROLE", KERNEL_ROLE.to_owned()),
            ("EG_DEFAULT_KERNEL_SERVICE_ACCOUNT_NAME", "default".to_owned()),
            ("EG_SHARED_NAMESPACE", "False".to_owned()),
            ("EG_MIRROR_WORKING_DIRS", "False".to_owned()),
            ("EG_LIST_KERNELS", "True".to_owned()),
            ("EG_LOG_LEVEL", "INFO".to_owned()),
            ("EG_KERNEL_LAUNCH_TIMEOUT", gateway.launch_timeout.to_string()),
            ("EG_KERNEL_INFO_TIMEOUT", "60".to_owned()),
            ("EG_CULL_IDLE_TIMEOUT", gateway.idle_timeout.to_string()),
            ("EG_CULL_INTERVAL", "60".to_owned()),
            ("EG_CULL_CONNECTED", "False".to_owned()),
            ("EG_ALLOWED_KERNELS", gateway.allowed.to_string()),
            // The scripts that start pods need it, and it is not handed on to them otherwise.
            ("EG_INHERITED_ENVS", "PATH".to_owned()),
            // Seconds that an interrupt may take to reach another node; its own 0.005 are few. But it waits as long for replies ten times
            // a second, and does nothing else meanwhile: with 0.5 all is slow.
            ("EG_SOCKET_TIMEOUT", "0.02".to_owned()),
            // Without any it hides all values in its log, and helps nobody.
            ("EG_SENSITIVE_ENV_KEYS", "token,secret,password,credential,access_key".to_owned()),
        ];
        let default = default.map(|name| ("EG_DEFAULT_KERNEL_NAME", name));
        let mut variables =
            vec![field("EG_NAMESPACE", "metadata.namespace"), field("EG_RESPONSE_IP", "status.podIP")];
        variables.extend(
            settings.into_iter().chain(default).map(|(name, value)| json!({"name": name, "value": value})),
        );
        variables.extend(self.token_secret.iter().map(|secret| {
            json!({"name": "EG_AUTH_TOKEN", "valueFrom": {"secretKeyRef": {"name": secret, "key": "token"}}})
        }));
        variables.into()
    }
}
