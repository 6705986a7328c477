//! The services: the gateway, and one for each kernel image, which has it pulled.

use serde_json::{Map, Value, json};

use super::{Deployment, Kernelspecs, NAME, Orchestrator, SETTINGS, SETTINGS_PATH, TOKEN, short_command};
use crate::{AllowedKernels, KernelspecName};

/// Where clients ask, inside the container.
const PORT: u16 = 8888;
/// Where kernels say how they are reached.
const RESPONSE_PORT: u16 = 8877;
/// Where the gateway looks for kernelspecs.
const FOLDER: &str = "/usr/local/share/jupyter/kernels";
const SOCKET: &str = "/var/run/docker.sock";

impl Deployment {
    pub(super) fn service(&self) -> Value {
        let swarm = self.orchestrator == Orchestrator::Swarm;
        let mut service = Map::new();
        let mut set = |key: &str, value: Value| drop(service.insert(key.to_owned(), value));
        set("image", self.gateway.image.to_string().into());
        // Without the group of the socket nobody but root may use it.
        let user = self.socket_group.map_or("root".to_owned(), |group| format!("1000:{group}"));
        set("user", user.into());
        set("environment", self.variables());
        set("networks", json!(["kernels"]));
        set("ports", json!([self.published()]));
        set("volumes", self.volumes());
        if self.has_token {
            // Who the gateway is may read it, and nobody else in its container.
            let id = if self.socket_group.is_some() { "1000" } else { "0" };
            match swarm {
                true => {
                    set("secrets", json!([{"source": TOKEN, "target": TOKEN, "uid": id, "mode": 0o400}]));
                    set("configs", json!([{"source": "settings", "target": SETTINGS_PATH}]));
                }
                false => set("secrets", json!([TOKEN])),
            }
        }
        set("labels", json!({"app": NAME, "component": NAME}));
        match swarm {
            // It makes services, which only managers can; and it knows its kernels in memory only, so there is one of it.
            true => set(
                "deploy",
                json!({
                    "replicas": 1,
                    "endpoint_mode": "dnsrr",
                    "placement": {"constraints": ["node.role == manager"]},
                    "update_config": {"order": "stop-first"},
                    "restart_policy": {"condition": "any", "delay": "2s"},
                }),
            ),
            false => set("restart", json!("unless-stopped")),
        }
        service.into()
    }

    /// The port of the host. In a Swarm it is that of the node: a mesh would give the gateway one more network, with one more address.
    fn published(&self) -> Value {
        match self.orchestrator {
            Orchestrator::Swarm => {
                json!({"target": PORT, "published": self.port, "protocol": "tcp", "mode": "host"})
            }
            Orchestrator::Compose if self.address.is_ipv6() => {
                format!("[{}]:{}:{PORT}", self.address, self.port).into()
            }
            Orchestrator::Compose => format!("{}:{}:{PORT}", self.address, self.port).into(),
        }
    }

    fn volumes(&self) -> Value {
        let mut volumes = vec![json!({"type": "bind", "source": self.socket, "target": SOCKET})];
        let read_only = |kind: &str, source: &str, target: &str| json!({"type": kind, "source": source, "target": target, "read_only": true});
        match &self.kernelspecs {
            Kernelspecs::Gateway => {}
            Kernelspecs::Folder(path) => {
                let is_named = path.starts_with(['/', '.']);
                let path = if is_named { path.clone() } else { format!("./{path}") };
                volumes.push(read_only("bind", &path, FOLDER));
            }
            Kernelspecs::Volume(_) => volumes.push(read_only("volume", "kernelspecs", FOLDER)),
        }
        if self.has_token && self.orchestrator == Orchestrator::Compose {
            volumes.push(read_only("bind", &format!("./{SETTINGS}"), SETTINGS_PATH));
        }
        volumes.into()
    }

    fn variables(&self) -> Value {
        let gateway = &self.gateway;
        let swarm = self.orchestrator == Orchestrator::Swarm;
        let settings = [
            ("EG_IP", "0.0.0.0".to_owned()),
            ("EG_PORT", PORT.to_string()),
            ("EG_PORT_RETRIES", "0".to_owned()),
            ("EG_RESPONSE_PORT", RESPONSE_PORT.to_string()),
            ("EG_DOCKER_NETWORK", self.network.clone()),
            ("EG_DOCKER_MODE", if swarm { "swarm" } else { "docker" }.to_owned()),
            ("EG_MIRROR_WORKING_DIRS", "False".to_owned()),
            ("EG_LIST_KERNELS", "True".to_owned()),
            ("EG_LOG_LEVEL", "INFO".to_owned()),
            ("EG_KERNEL_LAUNCH_TIMEOUT", gateway.launch_timeout.to_string()),
            ("EG_CULL_IDLE_TIMEOUT", gateway.idle_timeout.to_string()),
            ("EG_CULL_INTERVAL", "60".to_owned()),
            ("EG_CULL_CONNECTED", "False".to_owned()),
            // The scripts that start containers need it, and it is not handed on to them otherwise.
            ("EG_INHERITED_ENVS", "PATH".to_owned()),
            // Without any it hides all values in its log, and helps nobody.
            ("EG_SENSITIVE_ENV_KEYS", "token,secret,password,credential,access_key".to_owned()),
        ];
        let only_swarm = [
            // It takes its first address that is not prohibited, and has one on the node's own bridge, too.
            ("EG_PROHIBITED_LOCAL_IPS", self.subnet.pattern_of_others()),
            // Seconds that an interrupt may take to reach another node; its own 0.005 are few. But it waits as long for replies ten times
            // a second, and does nothing else meanwhile: with 0.5 all is slow.
            ("EG_SOCKET_TIMEOUT", "0.02".to_owned()),
        ];
        let allowed = match &gateway.allowed {
            AllowedKernels::All => None,
            some @ AllowedKernels::Only(_) => Some(("EG_ALLOWED_KERNELS", some.to_string())),
        };
        let default = gateway.default_kernel.as_ref().map(KernelspecName::to_string);
        let default = default.map(|name| ("EG_DEFAULT_KERNEL_NAME", name));
        let all = settings
            .into_iter()
            .chain(only_swarm.into_iter().filter(|_| swarm))
            .chain(allowed)
            .chain(default);
        all.map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
    }

    /// A service for each kernel image: by compose for who asks for the profile, in a Swarm on each node, once, and on nodes that come.
    pub(super) fn pullers(&self) -> impl Iterator<Item = (String, Value)> + '_ {
        self.gateway.kernels.iter().enumerate().map(|(at, kernel)| {
            let mut service = json!({
                "image": kernel.reference.to_string(),
                "entrypoint": short_command(kernel.program),
                "command": [],
                "labels": {"app": NAME, "component": "kernel-image-puller"},
            });
            match self.orchestrator {
                Orchestrator::Compose => {
                    service["network_mode"] = json!("none");
                    service["profiles"] = json!(["kernels"]);
                    service["restart"] = json!("no");
                }
                Orchestrator::Swarm => {
                    service["networks"] = json!(["kernels"]);
                    service["deploy"] = json!({
                        "mode": "global", "endpoint_mode": "dnsrr", "restart_policy": {"condition": "none"},
                    });
                }
            }
            (format!("kernel-image-{}", at + 1), service)
        })
    }
}
