//! TLS for both REST and socket: one client configuration with the ring provider and the web's
//! roots compiled in. Made once per sink.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The configuration. The provider is named here because a process-wide default may be absent, or
/// ambiguous when another library brings its own; rustls panics in both cases.
pub(crate) fn client() -> Result<Arc<ClientConfig>, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
