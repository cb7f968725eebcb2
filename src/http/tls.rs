//! The TLS files that the server reads when it starts.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::server::Tls;

/// TLS 1.2 and 1.3 with the certificate chain and key of the configuration.
///
/// # Errors
/// When a file cannot be read, is not PEM, or the key is not the certificate's; the error names the file.
pub fn server_config(files: &Tls) -> io::Result<ServerConfig> {
    let key =
        PrivateKeyDer::from_pem_file(&files.private_key).map_err(|e| unusable(&files.private_key, &e))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain(&files.chain)?, key)
        .map_err(|e| unusable(&files.chain, &e))
}

/// The certificates of a PEM file, the server's own first.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| unusable(path, &e))?.collect();
    let certificates = certificates.map_err(|e| unusable(path, &e))?;
    if certificates.is_empty() {
        return Err(unusable(path, &"it holds no certificate"));
    }
    Ok(certificates)
}

fn unusable(path: &Path, why: &dyn Display) -> io::Error {
    io::Error::other(format!("{} cannot be used: {why}", path.display()))
}
