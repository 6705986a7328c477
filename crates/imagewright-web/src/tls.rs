//! TLS from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key, in files (PEM).
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those up to the authority.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why connections cannot be secured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as what it should hold.
    #[error("`{file}` does not hold {what}")]
    File {
        /// Which file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why not.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificates and the key do not go together.
    #[error("the certificate and the key cannot be used")]
    Pair(#[source] rustls::Error),
}

impl TlsFiles {
    /// What a server shows and proves.
    pub(crate) fn read(&self) -> Result<ServerConfig, TlsError> {
        let certificates = read(&self.certificates, "certificates (PEM)", |file| {
            CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()
        })?;
        let key = read(&self.key, "a private key (PEM)", |file| PrivateKeyDer::from_pem_file(file))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read<T>(
    file: &Path,
    what: &'static str,
    read: impl FnOnce(&Path) -> Result<T, rustls::pki_types::pem::Error>,
) -> Result<T, TlsError> {
    read(file).map_err(|source| TlsError::File { file: file.to_owned(), what, source })
}
