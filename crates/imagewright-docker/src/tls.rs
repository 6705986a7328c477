//! TLS to daemons that are reached over a network, with the files that Docker keeps for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::DockerError;

/// The folder of a daemon's certificates, as `DOCKER_CERT_PATH` names it: `ca.pem`, `cert.pem` and `key.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The folder.
    pub folder: PathBuf,
}

impl TlsFiles {
    /// Greets the daemon at the other end, and proves each side to the other.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, DockerError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| self.wrong(Path::new("ca.pem")))?;
        let connector = TlsConnector::from(Arc::new(self.configuration()?));
        connector.connect(name, stream).await.map_err(DockerError::unreachable(host))
    }

    fn configuration(&self) -> Result<ClientConfig, DockerError> {
        let (ca, certificate, key) =
            (self.folder.join("ca.pem"), self.folder.join("cert.pem"), self.folder.join("key.pem"));
        let mut roots = RootCertStore::empty();
        for authority in self.certificates(&ca)? {
            roots.add(authority).map_err(|_| self.wrong(&ca))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| self.wrong(&ca))?
            .with_root_certificates(roots);
        if !certificate.exists() {
            return Ok(builder.with_no_client_auth());
        }
        let chain = self.certificates(&certificate)?;
        let private = PrivateKeyDer::from_pem_file(&key).map_err(|_| self.wrong(&key))?;
        builder.with_client_auth_cert(chain, private).map_err(|_| self.wrong(&key))
    }

    fn certificates(&self, file: &Path) -> Result<Vec<CertificateDer<'static>>, DockerError> {
        let certificates = CertificateDer::pem_file_iter(file).map_err(|_| self.wrong(file))?;
        certificates.collect::<Result<_, _>>().map_err(|_| self.wrong(file))
    }

    fn wrong(&self, file: &Path) -> DockerError {
        DockerError::Certificate { file: self.folder.join(file) }
    }
}
