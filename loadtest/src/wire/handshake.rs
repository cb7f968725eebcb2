//! The responder's side of Noise XX, IK and XXfallback.
//!
//! The order of operations mirrors the initiator in whatsapp-rust 0.7.0 (`wacore_noise::handshake`). The
//! prologue is the four-byte connection header without the optional edge-routing part before it.

use buffa::{Message as _, MessageField};
use wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::{HandshakeError, NoiseCipher, NoiseHandshake};
use waproto::whatsapp::{ClientPayload, HandshakeMessage, handshake_message::ServerHello};

/// What the client proved and said in a completed handshake.
pub(crate) struct Peer {
    /// Its static public key (32 bytes).
    pub(crate) static_public: Vec<u8>,
    /// Registration or login data.
    pub(crate) payload: ClientPayload,
    /// Seals frames to the client.
    pub(crate) seal: NoiseCipher,
    /// Opens frames of the client.
    pub(crate) open: NoiseCipher,
}

/// What to do after the client hello.
pub(crate) enum Step {
    /// IK: send this hello, the handshake is complete.
    Done(Vec<u8>, Box<Peer>),
    /// XX or XXfallback: send this hello and feed the client's finish to [`Finish::read`].
    Finish(Vec<u8>, Box<Finish>),
}

/// An XX handshake waiting for the client's last message.
pub(crate) struct Finish {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
}

/// Failure of a handshake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("malformed handshake message")]
    Malformed,
    #[error(transparent)]
    Decode(#[from] buffa::DecodeError),
    #[error(transparent)]
    Noise(#[from] HandshakeError),
}

/// Answers the client's first handshake message.
pub(crate) fn read_hello(message: &[u8], server: &KeyPair, certificate: &[u8]) -> Result<Step, Failure> {
    let hello =
        HandshakeMessage::decode_from_slice(message)?.client_hello.into_option().ok_or(Failure::Malformed)?;
    let client_ephemeral = hello.ephemeral.ok_or(Failure::Malformed)?;
    let pattern = match (hello.r#static, hello.payload) {
        (Some(key), Some(payload)) => {
            match answer_ik(&client_ephemeral, &key, &payload, server, certificate) {
                Ok((hello, peer)) => return Ok(Step::Done(hello, Box::new(peer))),
                // The client cached another server key (fresh state): XXfallback replaces it.
                Err(_) => NOISE_PATTERN_XXFALLBACK,
            }
        }
        _ => NOISE_PATTERN_XX,
    };
    answer_xx(pattern, &client_ephemeral, server, certificate)
}

fn answer_xx(
    pattern: &str,
    client_ephemeral: &[u8],
    server: &KeyPair,
    certificate: &[u8],
) -> Result<Step, Failure> {
    let ephemeral = KeyPair::generate(&mut rand::rng());
    let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER)?;
    noise.authenticate(client_ephemeral);
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    noise.mix_shared_secret(ephemeral.private_key.serialize(), client_ephemeral)?;
    let sealed_static = noise.encrypt(server.public_key.public_key_bytes())?;
    noise.mix_shared_secret(server.private_key.serialize(), client_ephemeral)?;
    let sealed_certificate = noise.encrypt(certificate)?;
    let hello = server_hello(&ephemeral, Some(sealed_static), sealed_certificate);
    Ok(Step::Finish(hello, Box::new(Finish { noise, ephemeral })))
}

fn answer_ik(
    client_ephemeral: &[u8],
    sealed_static: &[u8],
    sealed_payload: &[u8],
    server: &KeyPair,
    certificate: &[u8],
) -> Result<(Vec<u8>, Peer), Failure> {
    let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
    noise.authenticate(server.public_key.public_key_bytes());
    noise.authenticate(client_ephemeral);
    noise.mix_shared_secret(server.private_key.serialize(), client_ephemeral)?;
    let static_public = noise.decrypt(sealed_static)?;
    noise.mix_shared_secret(server.private_key.serialize(), &static_public)?;
    let payload = ClientPayload::decode_from_slice(&noise.decrypt(sealed_payload)?)?;

    let ephemeral = KeyPair::generate(&mut rand::rng());
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    noise.mix_shared_secret(ephemeral.private_key.serialize(), client_ephemeral)?;
    noise.mix_shared_secret(ephemeral.private_key.serialize(), &static_public)?;
    let sealed_certificate = noise.encrypt(certificate)?;
    let hello = server_hello(&ephemeral, None, sealed_certificate);
    Ok((hello, complete(noise, static_public, payload)?))
}

impl Finish {
    /// Completes the handshake with the client's finish message.
    pub(crate) fn read(mut self, message: &[u8]) -> Result<Peer, Failure> {
        let finish = HandshakeMessage::decode_from_slice(message)?
            .client_finish
            .into_option()
            .ok_or(Failure::Malformed)?;
        let static_public = self.noise.decrypt(&finish.r#static.ok_or(Failure::Malformed)?)?;
        self.noise.mix_shared_secret(self.ephemeral.private_key.serialize(), &static_public)?;
        let payload = self.noise.decrypt(&finish.payload.ok_or(Failure::Malformed)?)?;
        complete(self.noise, static_public, ClientPayload::decode_from_slice(&payload)?)
    }
}

/// `NoiseHandshake::finish` names the keys from the initiator's view; the responder swaps them.
fn complete(noise: NoiseHandshake, static_public: Vec<u8>, payload: ClientPayload) -> Result<Peer, Failure> {
    let (open, seal) = noise.finish()?;
    Ok(Peer { static_public, payload, seal, open })
}

fn server_hello(ephemeral: &KeyPair, sealed_static: Option<Vec<u8>>, payload: Vec<u8>) -> Vec<u8> {
    HandshakeMessage {
        server_hello: MessageField::some(ServerHello {
            ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
            r#static: sealed_static,
            payload: Some(payload),
            ..Default::default()
        }),
        ..Default::default()
    }
    .encode_to_vec()
}
