//! Takes images from a Docker daemon through its socket (Engine API: image inspect, image export).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use imagewright_store::transfer::ImportSource;
use serde::Deserialize;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use crate::error::EngineError;

/// The most of an error message that is read.
const LONGEST_MESSAGE: u64 = 64 * 1024;

/// Why a daemon did not give an image.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// It cannot be talked to.
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    /// It has no such image.
    #[error("{0}")]
    NotFound(String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// It answered with something else than an image.
    #[error("its answer is not understood")]
    Answer(#[source] serde_json::Error),
}

/// A Docker daemon on this machine.
pub(crate) struct DockerDaemon {
    socket: PathBuf,
    agent: ureq::Agent,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl DockerDaemon {
    pub(crate) fn new(socket: PathBuf) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = ureq::Agent::with_parts(config, UnixConnector { socket: socket.clone() }, Nowhere);
        Self { socket, agent }
    }

    /// The id of an image: it changes whenever the image does.
    pub(crate) fn image_id(&self, reference: &str) -> Result<String, EngineError> {
        let body = self.get(reference, "json")?;
        let inspected: Result<Inspected, _> = serde_json::from_reader(body);
        Ok(inspected.map_err(|source| self.failed(reference, DaemonError::Answer(source)))?.id)
    }

    /// The image as `docker save` writes it.
    pub(crate) fn stream(&self, reference: &str) -> Result<ImportSource, EngineError> {
        let reader = Box::new(self.get(reference, "get")?);
        Ok(ImportSource::DockerStream { origin: format!("docker-daemon:{reference}"), reader })
    }

    fn get(&self, reference: &str, what: &str) -> Result<impl Read + Send + use<>, EngineError> {
        let address = format!("http://docker/images/{reference}/{what}");
        let response = self.agent.get(address).call().map_err(|error| {
            let error = match error {
                ureq::Error::Io(error) => error,
                other => io::Error::other(other),
            };
            self.failed(reference, DaemonError::Unreachable(error))
        })?;
        let status = response.status();
        let body = response.into_body().into_reader();
        if status.is_success() {
            return Ok(body);
        }
        let mut text = String::new();
        // What cannot be read of an error message is missing from it.
        let _ = body.take(LONGEST_MESSAGE).read_to_string(&mut text);
        let message = serde_json::from_str(&text).map_or(text, |refusal: Refusal| refusal.message);
        let refused = if status.as_u16() == 404 { DaemonError::NotFound } else { DaemonError::Refused };
        Err(self.failed(reference, refused(message)))
    }

    fn failed(&self, reference: &str, source: DaemonError) -> EngineError {
        EngineError::Daemon { socket: self.socket.clone(), reference: reference.to_owned(), source }
    }
}

/// Connects to the socket whatever the address says.
#[derive(Debug)]
struct UnixConnector {
    socket: PathBuf,
}

impl<In: Transport> Connector<In> for UnixConnector {
    type Out = UnixTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<In>,
    ) -> Result<Option<UnixTransport>, ureq::Error> {
        let stream = UnixStream::connect(&self.socket)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers }))
    }
}

struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for UnixTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnixTransport").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let input = self.buffers.input_append_buf();
        let amount = loop {
            match self.stream.read(input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

/// The connector needs no address, yet one must be given.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Ok(addresses)
    }
}
