//! A daemon that builds, and what can be asked of it.

use std::io::{self, Read};
use std::time::Duration;

use ::http::Method;
use bollard_buildkit_proto::moby::buildkit::v1::{
    InfoRequest, InfoResponse, ListWorkersRequest, ListWorkersResponse,
};
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::address::Address;
use crate::channel::Channel;
use crate::connection::{Duplex, connect};
use crate::error::DockerError;
use crate::http;

/// How long a daemon has to say what it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that builds.
#[derive(Clone, Debug)]
pub struct Daemon {
    address: Address,
    kind: Kind,
}

/// How a daemon is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A Docker Engine, over HTTP.
    Docker,
    /// BuildKit, over gRPC.
    BuildKit,
}

/// What a daemon says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonVersion {
    /// Its version; empty where an old BuildKit does not tell.
    pub version: String,
    /// The version of Docker's interface, as major and minor; none where it is not Docker's.
    pub interface: Option<(u32, u32)>,
}

/// An image that a Docker Engine has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredImage {
    /// Its id.
    pub id: String,
    /// Bytes of its layers.
    pub size: u64,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root: StoredLayers,
}

/// The layers of an image that a Docker Engine has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StoredLayers {
    /// Their diff ids.
    pub layers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    api_version: String,
}

impl Daemon {
    /// The Docker Engine at an address.
    pub fn docker(address: Address) -> Self {
        Self { address, kind: Kind::Docker }
    }

    /// The BuildKit daemon at an address.
    pub fn buildkit(address: Address) -> Self {
        Self { address, kind: Kind::BuildKit }
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks what it is. An error says that nothing of this kind answers there.
    pub fn version(&self) -> Result<DaemonVersion, DockerError> {
        runtime()?.block_on(self.ask_version())
    }

    pub(crate) async fn ask_version(&self) -> Result<DaemonVersion, DockerError> {
        let silent = |_| DockerError::unreachable(&self.address.to_string())(io::ErrorKind::TimedOut.into());
        timeout(PATIENCE, self.answered_version()).await.map_err(silent)?
    }

    async fn answered_version(&self) -> Result<DaemonVersion, DockerError> {
        match self.kind {
            Kind::Docker => {
                let answer: Version = http::document(self.connect().await?, "/version").await?;
                let interface = answer.api_version.split_once('.');
                let interface =
                    interface.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
                Ok(DaemonVersion { version: answer.version, interface })
            }
            Kind::BuildKit => {
                let channel = self.channel().await?;
                let asked = channel.unary("/moby.buildkit.v1.Control/Info", InfoRequest {}).await;
                let version = match asked {
                    Ok(InfoResponse { buildkit_version: Some(version) }) => version.version,
                    Ok(_) => String::new(),
                    // Before 0.11 it could not be asked, and workers are what each has.
                    Err(status) if status.code() == tonic::Code::Unimplemented => {
                        let request = ListWorkersRequest::default();
                        let _: ListWorkersResponse = channel
                            .unary("/moby.buildkit.v1.Control/ListWorkers", request)
                            .await
                            .map_err(DockerError::call)?;
                        String::new()
                    }
                    Err(status) => return Err(DockerError::call(status)),
                };
                Ok(DaemonVersion { version, interface: None })
            }
        }
    }

    /// What a Docker Engine knows of an image.
    pub fn image(&self, name: &str) -> Result<StoredImage, DockerError> {
        let path = format!("/images/{name}/json");
        runtime()?.block_on(async { http::document(self.connect().await?, &path).await })
    }

    /// An image as `docker save` writes it, read while it comes.
    pub fn save_image(&self, name: &str) -> Result<impl Read + Send + use<>, DockerError> {
        let path = format!("/images/{name}/get");
        let runtime = runtime()?;
        let response = runtime.block_on(async {
            http::succeeded(
                http::request(self.connect().await?, Method::GET, &path, http::Extra::None).await?,
            )
            .await
        })?;
        Ok(BodyReader { runtime, body: response.into_body(), read: Bytes::new() })
    }

    /// The gRPC interface of its BuildKit.
    pub(crate) async fn channel(&self) -> Result<Channel, DockerError> {
        let connection = self.connect().await?;
        let connection = match self.kind {
            Kind::BuildKit => connection,
            Kind::Docker => {
                let upgraded = http::upgrade(connection, "/grpc", "h2c").await?;
                upgraded.ok_or_else(|| DockerError::NoBuildKit { daemon: self.address.to_string() })?
            }
        };
        Channel::open(connection).await
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Duplex>, DockerError> {
        match self.kind {
            Kind::Docker => connect(&self.address, Address::docker_port).await,
            Kind::BuildKit => connect(&self.address, |port, _| Address::buildkit_port(port)).await,
        }
    }
}

/// What one call runs on.
pub(crate) fn runtime() -> Result<Runtime, DockerError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DockerError::Runtime)
}

/// Reads the body of an answer; the runtime works while somebody reads.
struct BodyReader {
    runtime: Runtime,
    body: Incoming,
    read: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read.is_empty() {
            let Some(frame) = self.runtime.block_on(self.body.frame()) else { return Ok(0) };
            self.read = frame.map_err(io::Error::other)?.into_data().unwrap_or_default();
        }
        let amount = buffer.len().min(self.read.len());
        self.read.copy_to_slice(&mut buffer[..amount]);
        Ok(amount)
    }
}
