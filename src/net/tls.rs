//! TLS: one configuration for the process. Building one per connection costs a copy of the root
//! store each (measured: 8 kB and a fifth of the message rate).

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

/// Whose certificates a client accepts.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that Mozilla's roots vouch for.
    #[default]
    PublicRoots,
    /// This one, under any name: a server on this machine, whose certificate is for its public name.
    Exactly(CertificateDer<'static>),
}

/// Makes `ring` the process's cryptography, for libraries that ask for the default one. Call it
/// once at start; later calls change nothing.
pub fn install_crypto() {
    // Err means that one is installed already, which is as good.
    let _ = ring::default_provider().install_default();
}

/// The client configuration: TLS 1.2 and 1.3, sessions resumed.
///
/// # Errors
/// The library's, if `ring` should lose its default protocol versions.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::PublicRoots => {
            let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
            builder.with_root_certificates(RootCertStore { roots })
        }
        Trust::Exactly(certificate) => {
            let only = Only { certificate: certificate.clone(), provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(only))
        }
    };
    Ok(builder.with_no_client_auth())
}

/// The connector that all sockets share.
///
/// # Errors
/// As [`client_config`].
pub fn connector() -> Result<TlsConnector, Error> {
    static SHARED: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(connector) = SHARED.get() {
        return Ok(connector.clone());
    }
    let fresh = TlsConnector::from(Arc::new(client_config(&Trust::PublicRoots)?));
    Ok(SHARED.get_or_init(|| fresh).clone())
}

/// Accepts one certificate, byte for byte; that the server has its key is checked as always.
#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
