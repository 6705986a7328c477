//! A gateway beside a Docker Engine: by compose on one host, or as a stack of a Swarm.
//!
//! Both speak one format, in dialects. The gateway gets the engine's socket, as it starts containers (or services) by it. Its token is in
//! a file, which a file of settings reads: a variable would be handed on to kernels where a client sends no variables of its own.

mod services;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};

use super::{Gateway, ShortProgram, yaml};
use crate::{Kernelspec, KernelspecError, Proxy};

/// What everything is called, where nothing else tells them apart.
const NAME: &str = "enterprise-gateway";
/// Where Jupyter reads settings of the gateway, whatever its image starts.
const SETTINGS_PATH: &str = "/etc/jupyter/jupyter_enterprise_gateway_config.py";
/// The file with settings.
const SETTINGS: &str = "gateway.py";
/// The secret that is the token, and the file that has it.
const TOKEN: &str = "gateway-token";
/// The file that is to hold the token, where there is one.
pub const TOKEN_FILE: &str = "secrets/gateway-token";

/// The settings: the token must be there, or the gateway does not start.
const READ_TOKEN: &str = "\
# Read by Enterprise Gateway. Its token is in a file and in no variable, as kernels may get all variables of the gateway.
import sys
from pathlib import Path

try:
    token = Path(\"/run/secrets/gateway-token\").read_text().strip()
except OSError as error:
    sys.exit(f\"the token of the gateway cannot be read: {error}\")
if not token:
    sys.exit(\"the token of the gateway is empty\")
c.EnterpriseGatewayApp.auth_token = token
";

/// Who runs the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orchestrator {
    /// `docker compose`, or `docker-compose` 1.28 or newer, on one host.
    Compose,
    /// `docker stack deploy`, in a Swarm.
    Swarm,
}

/// Where a gateway has its kernelspecs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernelspecs {
    /// Its own image.
    Gateway,
    /// A folder of the host; for compose it may be named relative to the manifest.
    Folder(String),
    /// A volume by its name, which somebody else fills.
    Volume(String),
}

/// A gateway that is to run beside a Docker Engine.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The gateway.
    pub gateway: Gateway,
    /// Who runs it.
    pub orchestrator: Orchestrator,
    /// Where it has its kernelspecs from.
    pub kernelspecs: Kernelspecs,
    /// Whether a token is wanted, which is then in [`TOKEN_FILE`].
    pub has_token: bool,
    /// The address of the host that clients ask at. In a Swarm it is each address of the node.
    pub address: IpAddr,
    /// The port of the host that clients ask at.
    pub port: u16,
    /// The name of the network of gateway and kernels.
    pub network: String,
    /// Its addresses in a Swarm, as 10.213.0.0/16: by them the gateway tells its own address there from others.
    pub subnet: Subnet,
    /// The engine's socket on the host.
    pub socket: String,
    /// The group that the socket belongs to; with it the gateway need not be root.
    pub socket_group: Option<u32>,
}

/// Addresses that begin alike: with one, two or three whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: Ipv4Addr,
    length: u8,
}

impl std::str::FromStr for Subnet {
    type Err = KernelspecError;

    fn from_str(text: &str) -> Result<Self, KernelspecError> {
        let wrong = || KernelspecError::Subnet { text: text.to_owned() };
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let length: u8 = length.parse().map_err(|_| wrong())?;
        let mask = match length {
            8 | 16 | 24 => u32::MAX << (32 - u32::from(length)),
            _ => return Err(wrong()),
        };
        if u32::from(address) & !mask != 0 || !(address.is_private()) {
            return Err(wrong());
        }
        Ok(Self { address, length })
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Subnet {
    /// A pattern of Python's for all addresses that are none of these.
    fn pattern_of_others(self) -> String {
        let numbers = self.address.octets();
        let begin: String =
            numbers.iter().take(usize::from(self.length / 8)).map(|it| format!("{it}[.]")).collect();
        format!("(?!{begin})")
    }
}

impl Deployment {
    /// A gateway with its own kernelspecs and a token, for this host alone.
    pub fn new(gateway: Gateway, orchestrator: Orchestrator) -> Self {
        Self {
            gateway,
            orchestrator,
            kernelspecs: Kernelspecs::Gateway,
            has_token: true,
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8888,
            network: NAME.to_owned(),
            subnet: Subnet { address: Ipv4Addr::new(10, 213, 0, 0), length: 16 },
            socket: "/var/run/docker.sock".to_owned(),
            socket_group: None,
        }
    }

    /// The name of the manifest, as its orchestrator looks for it.
    pub fn manifest_name(&self) -> &'static str {
        match self.orchestrator {
            Orchestrator::Compose => "compose.yaml",
            Orchestrator::Swarm => "stack.yaml",
        }
    }

    /// The files: the manifest, and settings of the gateway beside it. The token is the only one that is missing ([`TOKEN_FILE`]).
    ///
    /// # Errors
    /// Where the network has no name that Docker takes, or a path is none from the root where it must be.
    pub fn files(&self) -> Result<BTreeMap<String, String>, KernelspecError> {
        self.check()?;
        let manifest = yaml::documents(&[(self.heading(), literal(self.manifest()))]);
        let mut files = BTreeMap::from([(self.manifest_name().to_owned(), manifest)]);
        if self.has_token {
            files.insert(SETTINGS.to_owned(), READ_TOKEN.to_owned());
        }
        Ok(files)
    }

    /// What will not work, or not as one may think, in sentences.
    pub fn warnings(&self, kernelspecs: &[Kernelspec]) -> Vec<String> {
        let mut warnings = vec![
            "the gateway has the socket of the Docker Engine: whoever controls it is root on its host"
                .to_owned(),
        ];
        if !self.has_token {
            warnings.push("the gateway has no token: whoever reaches it runs code".to_owned());
        }
        if self.orchestrator == Orchestrator::Swarm || !self.address.is_loopback() {
            warnings.push(format!(
                "port {} can be reached from other hosts, and nothing is encrypted on it: put a proxy with TLS before it",
                self.port
            ));
        }
        if self.orchestrator == Orchestrator::Swarm && matches!(self.kernelspecs, Kernelspecs::Folder(_)) {
            warnings.push(
                "the folder of kernelspecs must be on each manager node, and the same there".to_owned(),
            );
        }
        warnings.extend(kernelspecs.iter().filter_map(|spec| self.warning_of(spec)));
        warnings
    }

    fn warning_of(&self, spec: &Kernelspec) -> Option<String> {
        let name = &spec.name;
        let swarm = self.orchestrator == Orchestrator::Swarm;
        match spec.proxy() {
            Some(Proxy::Docker) if swarm => {
                Some(format!("`{name}` is for Docker: all its kernels run on the node of the gateway"))
            }
            Some(Proxy::DockerSwarm) if !swarm => {
                Some(format!("`{name}` is for Docker Swarm, and does not start where there is none"))
            }
            Some(Proxy::DockerSwarm) if has_spark(spec) => Some(format!(
                "`{name}` uses Spark: executors do not reach its driver, as services of a Swarm have no ports of their own on hosts"
            )),
            Some(Proxy::Docker | Proxy::DockerSwarm) => None,
            Some(Proxy::Distributed) => Some(format!(
                "`{name}` is for hosts: the image of the gateway must have what its command runs, and ssh to them"
            )),
            Some(other) => Some(format!("`{name}` is for {other}, and does not start here")),
            None => Some(format!(
                "`{name}` names no process proxy that is known: its kernel starts in the gateway's own container, if at all"
            )),
        }
    }

    fn check(&self) -> Result<(), KernelspecError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.chars().all(allowed)
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let volume = match &self.kernelspecs {
            Kernelspecs::Volume(name) => Some(name),
            _ => None,
        };
        for name in [&self.network].into_iter().chain(volume) {
            if !is_name(name) {
                return Err(KernelspecError::DockerName { name: name.clone() });
            }
        }
        let folder = match (&self.kernelspecs, self.orchestrator) {
            (Kernelspecs::Folder(path), Orchestrator::Swarm) => Some(path),
            _ => None,
        };
        for path in [&self.socket].into_iter().chain(folder) {
            // Options of a mount follow a colon.
            if !path.starts_with('/') || path.contains([':', '\n']) {
                return Err(KernelspecError::HostPath { path: path.clone() });
            }
        }
        Ok(())
    }

    fn heading(&self) -> String {
        let name = self.manifest_name();
        let how = match self.orchestrator {
            Orchestrator::Compose => format!(
                "  docker compose --profile kernels --file {name} up --detach    (has the kernel images pulled as well)\n  docker compose \
                 --file {name} down"
            ),
            Orchestrator::Swarm => format!(
                "  docker stack deploy --with-registry-auth --compose-file {name} {NAME}\n  docker stack rm {NAME}"
            ),
        };
        let token = match self.has_token {
            true => format!("\n\nThe token is not in here, but in {TOKEN_FILE} beside this file."),
            false => String::new(),
        };
        let to = match self.orchestrator {
            Orchestrator::Compose => "compose",
            Orchestrator::Swarm => "swarm",
        };
        format!(
            "Jupyter Enterprise Gateway, made by `imagewright kernelspec deploy --to {to}`.\n\n{how}{token}"
        )
    }

    fn manifest(&self) -> Value {
        let mut manifest = Map::new();
        if self.orchestrator == Orchestrator::Swarm {
            manifest.insert("version".to_owned(), json!("3.8"));
        }
        let mut services = Map::from_iter([(NAME.to_owned(), self.service())]);
        services.extend(self.pullers());
        manifest.insert("services".to_owned(), services.into());
        manifest.insert("networks".to_owned(), json!({"kernels": self.network_of_kernels()}));
        if let Kernelspecs::Volume(name) = &self.kernelspecs {
            manifest.insert("volumes".to_owned(), json!({"kernelspecs": {"name": name, "external": true}}));
        }
        if self.has_token {
            manifest.insert("secrets".to_owned(), json!({TOKEN: {"file": format!("./{TOKEN_FILE}")}}));
            if self.orchestrator == Orchestrator::Swarm {
                manifest.insert("configs".to_owned(), json!({"settings": {"file": format!("./{SETTINGS}")}}));
            }
        }
        manifest.into()
    }

    fn network_of_kernels(&self) -> Value {
        match self.orchestrator {
            Orchestrator::Compose => json!({"name": self.network, "driver": "bridge"}),
            Orchestrator::Swarm => json!({
                "name": self.network, "driver": "overlay", "attachable": true,
                "ipam": {"config": [{"subnet": self.subnet.to_string()}]},
            }),
        }
    }
}

/// Whether kernels open sessions of Spark.
fn has_spark(spec: &Kernelspec) -> bool {
    let mode = |word: &str| matches!(word, "lazy" | "eager");
    let words = spec.command();
    let asked =
        words.windows(2).any(|pair| pair[0].ends_with("spark-context-initialization-mode") && mode(pair[1]));
    asked
        || spec.variable("KERNEL_SPARK_CONTEXT_INIT_MODE").is_some_and(mode)
        || spec.variable("SPARK_OPTS").is_some()
}

/// Dollar signs begin variables there, and are written twice where they do not.
fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace('$', "$$").into(),
        Value::Array(values) => values.into_iter().map(literal).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, literal(value))).collect(),
        other => other,
    }
}

/// What is run of an image to have it pulled.
fn short_command(program: ShortProgram) -> Value {
    match program {
        ShortProgram::Launcher => json!(["/usr/local/bin/imagewright-kernel-launcher", "--version"]),
        ShortProgram::Shell => json!(["/bin/sh", "-c", "exit 0"]),
        // If there is none, the service fails, and the image is there all the same.
        ShortProgram::None => json!(["true"]),
    }
}

#[cfg(test)]
mod tests;
