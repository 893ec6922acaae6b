//! TLS for a simulator: a certificate and its key from PEM files. Read once, at the start.

use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The settings of a server with that certificate chain and key.
///
/// # Errors
///
/// `InvalidInput`, naming the file.
pub(crate) fn server(certificate: &Path, key: &Path) -> io::Result<Arc<ServerConfig>> {
    let wrong = |file: &Path, problem: String| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {problem}", file.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong(certificate, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let versions =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = versions.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    config.map(Arc::new).map_err(|error| wrong(certificate, error.to_string()))
}
