//! Builds of Dockerfiles by BuildKit: that of a Docker Engine, or a daemon of its own.
//!
//! Both are spoken to in the same way. What differs is how the connection begins: a Docker Engine is asked over HTTP for an
//! upgrade ([`Daemon::docker`]), a BuildKit daemon speaks gRPC at once ([`Daemon::buildkit`]). On it goes one
//! `Control.Solve` with the front end that the daemon has, and a *session*: a second connection inside the first, where
//! the daemon asks us for files of the context, secrets, credentials and agents, and gives us the image.
//!
//! Messages are `bollard-buildkit-proto`'s, framing is `tonic`'s, HTTP/2 is `hyper`'s. Bollard itself is not used: it takes a context as
//! bytes in memory, sends all of it each time, and knows no BuildKit daemon at an address.
//!
//! Everything here blocks for its caller. Inside there is a runtime of one thread that lives as long as the call.

mod address;
mod build;
mod channel;
mod connection;
mod context;
mod daemon;
mod error;
mod http;
mod lines;
mod push;
mod session;
mod status;
mod tls;
mod trace;

pub use address::{Address, AddressError};
pub use build::{BuildRequest, Built, Export, NamedSource, Network};
pub use daemon::{Daemon, DaemonVersion, StoredImage};
pub use error::DockerError;
pub use session::{AgentSocket, Credentials, RegistryLogin};
pub use tls::TlsFiles;
