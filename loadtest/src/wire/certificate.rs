//! The Noise certificate chain of the simulated server.
//!
//! Signatures are zero: a client built with `danger-skip-cert-chain-verify` checks everything but them
//! (whatsapp-rust 0.7.0, `wacore_noise::HandshakeUtils::verify_server_cert`).

use buffa::{Message as _, MessageField};
use waproto::whatsapp::{CertChain, cert_chain::NoiseCertificate, cert_chain::noise_certificate::Details};

use crate::clock::unix_seconds;

const INTERMEDIATE_SERIAL: u32 = 1;
const LEAF_SERIAL: u32 = 2;
const DAY_SECONDS: u64 = 24 * 3600;

fn certificate(serial: u32, issuer_serial: u32, key: &[u8]) -> NoiseCertificate {
    let now = unix_seconds();
    let details = Details {
        serial: Some(serial),
        issuer_serial: Some(issuer_serial),
        key: Some(key.to_vec()),
        not_before: Some(now.saturating_sub(DAY_SECONDS)),
        not_after: Some(now + 3650 * DAY_SECONDS),
    };
    NoiseCertificate { details: Some(details.encode_to_vec()), signature: Some(vec![0; 64]) }
}

/// Encodes the chain for the server's static public key (32 bytes), valid for ten years from now.
pub(crate) fn chain(static_public: &[u8]) -> Vec<u8> {
    CertChain {
        leaf: MessageField::some(certificate(LEAF_SERIAL, INTERMEDIATE_SERIAL, static_public)),
        intermediate: MessageField::some(certificate(INTERMEDIATE_SERIAL, 0, static_public)),
    }
    .encode_to_vec()
}
