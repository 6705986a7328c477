//! `imagewright kernelspec deploy`

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::eprintln;
use clap::{Args, ValueEnum};
use imagewright_model::{ErrorKind, Secret};
use imagewright_oci::Reference;
use imagewright_service::kernelspec::{
    AllowedKernels, DeployGateway, Deployment, Gateway, KernelspecName, Orchestrator, Subnet, by_docker,
    in_kubernetes,
};
use serde_json::json;

use super::FolderFlags;
use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::settings::Settings;

/// Digits of a token.
const TOKEN_BYTES: usize = 32;

const EXAMPLES: &str = "\
Examples:
  imagewright kernelspec deploy --to compose --gateway-image team/gateway:1 --output gateway
  imagewright kernelspec deploy --to swarm --gateway-image registry.example/team/gateway:1 --kernelspecs gateway --output gateway
  imagewright kernelspec deploy --to kubernetes --gateway-image registry.example/team/gateway:1 --token-secret gateway-token
  imagewright kernelspec verify team-py --gateway http://localhost:8888 --token-file gateway/secrets/gateway-token";

/// Write what runs a gateway: for compose, a Docker Swarm or Kubernetes
///
/// The manifest has the gateway, the network or the roles that it needs, its kernelspecs, and what pulls the images of its kernels to each
/// host before somebody waits for one. Nothing is started. It is printed, or written into a folder with --output: for compose and Swarm
/// settings and a token are written beside it then; a token that is there already is kept.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DeployArguments {
    /// What runs it
    #[arg(long, value_enum, value_name = "WHERE")]
    to: Target,
    /// The image of Enterprise Gateway, of your own or its project's
    #[arg(long, value_name = "IMAGE")]
    gateway_image: Reference,
    #[command(flatten)]
    folder: FolderFlags,
    /// Where the gateway has kernelspecs from: `folder` (that of --folder, mounted), `gateway` (its own image, see `kernelspec publish`),
    /// `volume:NAME` (in Kubernetes a claim), `image:IMAGE` (Kubernetes; its folder /kernels) [default: folder; in Kubernetes: gateway]
    #[arg(long, value_name = "WHERE", value_parser = kernelspecs)]
    kernelspecs: Option<Kernelspecs>,
    /// Folder to write it into
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The kernels it shows, as `imagewright kernelspec create` tells [default: all]
    #[arg(long, value_name = "LIST")]
    allowed: Option<AllowedKernels>,
    /// The kernel of those who name none
    #[arg(long, value_name = "NAME")]
    default_kernel: Option<KernelspecName>,
    /// How long a kernel may take to start
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    launch_timeout: u32,
    /// After how long a kernel that nobody uses is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    idle_timeout: u32,
    /// No token: whoever reaches the gateway may use it
    #[arg(long, conflicts_with = "token_secret")]
    no_token: bool,
    #[command(flatten)]
    docker: DockerFlags,
    #[command(flatten)]
    kubernetes: KubernetesFlags,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// For compose and Swarm.
#[derive(Debug, Args)]
#[command(next_help_heading = "Docker")]
struct DockerFlags {
    /// Port of the host that clients ask at
    #[arg(long, value_name = "PORT", default_value_t = 8888, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Address of the host that clients ask at, with compose; in a Swarm it is each of its node
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,
    /// Name of the network of gateway and kernels
    #[arg(long, value_name = "NAME", default_value = "enterprise-gateway")]
    network: String,
    /// Addresses of that network in a Swarm
    #[arg(long, value_name = "ADDRESS/LENGTH", default_value = "10.213.0.0/16")]
    subnet: Subnet,
    /// The Docker Engine's socket on the host
    #[arg(long, value_name = "PATH", default_value = "/var/run/docker.sock")]
    socket: String,
    /// Number of the group that the socket belongs to (`stat --format %g PATH`): the gateway is not root then
    #[arg(long, value_name = "GID", value_parser = clap::value_parser!(u32).range(1..))]
    socket_group: Option<u32>,
}

/// For Kubernetes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
struct KubernetesFlags {
    /// Namespace of the gateway
    #[arg(long, value_name = "NAME", default_value = "enterprise-gateway")]
    namespace: String,
    /// Secret of the namespace that has the token as `token`
    #[arg(long, value_name = "NAME", default_value = "enterprise-gateway-token")]
    token_secret: String,
    /// Secret of the namespace that images are pulled by; may be given several times
    #[arg(long, value_name = "NAME")]
    pull_secret: Vec<String>,
    /// Kernels may start workers of Spark
    #[arg(long)]
    spark: bool,
    /// Image of a container that waits and does nothing else, which each node has [default: the gateway's]
    #[arg(long, value_name = "IMAGE")]
    pause: Option<Reference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Docker Compose, on one host
    Compose,
    /// A stack of a Docker Swarm
    Swarm,
    /// A Kubernetes cluster
    Kubernetes,
}

#[derive(Clone, Debug)]
enum Kernelspecs {
    Folder,
    Gateway,
    Volume(String),
    Image(Reference),
}

fn kernelspecs(text: &str) -> Result<Kernelspecs, String> {
    match text.split_once(':') {
        None if text == "folder" => Ok(Kernelspecs::Folder),
        None if text == "gateway" => Ok(Kernelspecs::Gateway),
        Some(("volume", name)) => Ok(Kernelspecs::Volume(name.to_owned())),
        Some(("image", name)) => name.parse().map(Kernelspecs::Image).map_err(|error| format!("{error}")),
        _ => Err("write `folder`, `gateway`, `volume:NAME` or `image:IMAGE`".to_owned()),
    }
}

pub(super) fn run(global: &Global, arguments: DeployArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let as_json = arguments.json;
    let deployed = service.deploy_gateway(&arguments.into_command()?)?;
    if !global.quiet {
        deployed.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    }
    if as_json {
        output::json(&json!({
            "manifest": deployed.manifest,
            "name": deployed.name,
            "files": deployed.files,
            "kernel_images": deployed.kernels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "warnings": deployed.warnings,
        }))?;
    } else if deployed.files.is_empty() {
        output::text(&deployed.manifest)?;
    } else {
        output::lines(deployed.files.iter().map(|file| file.display().to_string()))?;
        global.say(&format!("the first lines of {} say how it is started", deployed.name));
    }
    Ok(ExitCode::SUCCESS)
}

impl DeployArguments {
    fn into_command(self) -> Result<DeployGateway, Failure> {
        let folder = self.folder.folder.clone();
        let output = self.output.clone();
        let orchestrator = match self.to {
            Target::Compose => Some(Orchestrator::Compose),
            Target::Swarm => Some(Orchestrator::Swarm),
            Target::Kubernetes => None,
        };
        let token = (orchestrator.is_some() && !self.no_token).then(random_token).transpose()?;
        let deployment = match orchestrator {
            Some(orchestrator) => Deployment::Docker(self.by_docker(orchestrator)?),
            None => Deployment::Kubernetes(self.in_kubernetes()?),
        };
        Ok(DeployGateway { deployment, folder, output, token })
    }

    fn gateway(&self) -> Gateway {
        let mut gateway = Gateway::new(self.gateway_image.clone());
        gateway.allowed = self.allowed.clone().unwrap_or(AllowedKernels::All);
        gateway.default_kernel = self.default_kernel.clone();
        gateway.launch_timeout = self.launch_timeout;
        gateway.idle_timeout = self.idle_timeout;
        gateway
    }

    fn by_docker(self, orchestrator: Orchestrator) -> Result<by_docker::Deployment, Failure> {
        let gateway = self.gateway();
        let kernelspecs = match self.kernelspecs.unwrap_or(Kernelspecs::Folder) {
            Kernelspecs::Folder => by_docker::Kernelspecs::Folder(from_root(&self.folder.folder)?),
            Kernelspecs::Gateway => by_docker::Kernelspecs::Gateway,
            Kernelspecs::Volume(name) => by_docker::Kernelspecs::Volume(name),
            Kernelspecs::Image(_) => {
                let text = "with Docker kernelspecs cannot come from an image of their own";
                return Err(Failure::new(ErrorKind::Usage, text)
                    .with_hint("put them onto the gateway's image: `imagewright kernelspec publish`"));
            }
        };
        Ok(by_docker::Deployment {
            gateway,
            orchestrator,
            kernelspecs,
            has_token: !self.no_token,
            address: self.docker.address,
            port: self.docker.port,
            network: self.docker.network,
            subnet: self.docker.subnet,
            socket: self.docker.socket,
            socket_group: self.docker.socket_group,
        })
    }

    fn in_kubernetes(self) -> Result<in_kubernetes::Deployment, Failure> {
        let mut deployment = in_kubernetes::Deployment::new(self.gateway(), &self.kubernetes.namespace);
        deployment.kernelspecs = match self.kernelspecs.unwrap_or(Kernelspecs::Gateway) {
            Kernelspecs::Gateway => in_kubernetes::Kernelspecs::Gateway,
            Kernelspecs::Volume(name) => in_kubernetes::Kernelspecs::Claim(name),
            Kernelspecs::Image(image) => in_kubernetes::Kernelspecs::Image(image),
            Kernelspecs::Folder => {
                let text = "a cluster cannot mount a folder of this machine";
                return Err(Failure::new(ErrorKind::Usage, text)
                    .with_hint("publish it: `imagewright kernelspec publish`, or name a volume"));
            }
        };
        deployment.token_secret = (!self.no_token).then_some(self.kubernetes.token_secret);
        deployment.pull_secrets = self.kubernetes.pull_secret;
        deployment.has_spark = self.kubernetes.spark;
        deployment.pause = self.kubernetes.pause;
        Ok(deployment)
    }
}

/// A path from the root: the manifest may be carried elsewhere on this host.
fn from_root(folder: &Path) -> Result<String, Failure> {
    let path = folder.canonicalize().or_else(|_| std::path::absolute(folder))?;
    path.into_os_string().into_string().map_err(|path| {
        let text = format!("`{}` cannot be written into a manifest", path.display());
        Failure::new(ErrorKind::Usage, text)
    })
}

fn random_token() -> Result<Secret, Failure> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
