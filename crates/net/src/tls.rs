//! TLS for HTTP and sockets: a client configuration with the ring provider and the web's roots compiled
//! in. One for all sinks of the process that trust nobody else: it holds a hundred roots and a cache of
//! sessions.

use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The configuration, with the certificates of `ca_file` (PEM) trusted besides the web's.
///
/// The provider is named here because a process-wide default may be absent, or ambiguous when
/// another library brings its own; rustls panics in both cases.
///
/// # Errors
/// What is wrong with the file.
pub fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    static COMMON: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    match (ca_file, COMMON.get()) {
        (Some(_), _) => make(ca_file),
        (None, Some(common)) => Ok(common.clone()),
        (None, None) => make(None).map(|made| COMMON.get_or_init(|| made).clone()),
    }
}

fn make(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |error| format!("{}: {error}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(bad)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(bad)?;
    if found.is_empty() { Err(format!("{} holds no certificate", path.display())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_ones_own_are_read_and_what_is_none_is_refused_by_name() {
        assert!(client(None).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        assert!(client(Some(&file)).unwrap_err().contains("ca.pem"));
        std::fs::write(&file, "no certificate").unwrap();
        assert!(client(Some(&file)).unwrap_err().contains("ca.pem"));
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&file, own.cert.pem()).unwrap();
        assert!(client(Some(&file)).is_ok());
    }

    #[test]
    fn who_trusts_nobody_else_shares_one_configuration() {
        let (one, other) = (client(None).unwrap(), client(None).unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }
}
