//! TLS: one configuration for the process. Building one per connection costs a copy of the root
//! store each (measured: 8 kB and a fifth of the message rate).

use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Makes `ring` the process's cryptography, for libraries that ask for the default one. Call it
/// once at start; later calls change nothing.
pub fn install_crypto() {
    // Err means that one is installed already, which is as good.
    let _ = ring::default_provider().install_default();
}

/// The client configuration: Mozilla's roots, TLS 1.2 and 1.3, sessions resumed.
///
/// # Errors
/// The library's, if `ring` should lose its default protocol versions.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The connector that all sockets share.
///
/// # Errors
/// As [`client_config`].
pub fn connector() -> Result<TlsConnector, rustls::Error> {
    static SHARED: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(connector) = SHARED.get() {
        return Ok(connector.clone());
    }
    let fresh = TlsConnector::from(Arc::new(client_config()?));
    Ok(SHARED.get_or_init(|| fresh).clone())
}
