//! Signal operations of a phone. They are synchronous: the stores are in memory and never wait.
//!
//! Sessions are keyed by the peer's LID whatever address form a stanza used, as the client mixes both
//! forms for one session (whatsapp-rust 0.7.0).

use std::collections::VecDeque;

use futures::FutureExt as _;
use wacore_libsignal::protocol::{
    CiphertextMessage, DeviceId, GenericSignedPreKey as _, IdentityKey, IdentityKeyPair, KeyPair,
    PreKeyBundle, PreKeySignalMessage, ProtocolAddress, PublicKey, SenderKeyDistributionMessage,
    SenderKeyName, SignalMessage, SignalProtocolError, SignedPreKeyId, SignedPreKeyRecord, Timestamp,
    UsePQRatchet, create_sender_key_distribution_message, group_decrypt, group_encrypt, message_decrypt,
    message_encrypt, process_prekey_bundle, process_sender_key_distribution_message,
};

use super::stores::{Identity, PreKeys, SenderKeys, Sessions, SignedPreKey};
use crate::{clock::unix_millis, error::Result, world::device::Bundle};

/// Id of the phone's first signed pre-key.
const SIGNED_PRE_KEY_ID: u32 = 1;

/// Keys and sessions of one phone.
pub(crate) struct Signal {
    pub(crate) identity: Identity,
    pub(crate) signed: SignedPreKey,
    pub(crate) one_time: PreKeys,
    pub(crate) sessions: Sessions,
    pub(crate) sender_keys: SenderKeys,
}

/// A ciphertext and its `enc` type.
pub(crate) struct Sealed {
    pub(crate) kind: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Polls a future of the in-memory stores to its end.
fn ready<T>(future: impl Future<Output = Result<T, SignalProtocolError>>) -> Result<T> {
    match future.now_or_never() {
        Some(result) => Ok(result?),
        None => Err(crate::Error::Crypto("an in-memory store waited".into())),
    }
}

/// The protocol address of device `device` of the user with LID number `lid`.
pub(crate) fn address(lid: &str, device: u16) -> ProtocolAddress {
    let name = if device == 0 { format!("{lid}@lid") } else { format!("{lid}:{device}@lid") };
    ProtocolAddress::new(&name, DeviceId::new(0))
}

fn signed_pre_key(identity: &IdentityKeyPair, id: u32) -> Result<SignedPreKeyRecord> {
    let pair = KeyPair::generate(&mut rand::rng());
    let signature =
        identity.private_key().calculate_signature(&pair.public_key.serialize(), &mut rand::rng())?;
    Ok(SignedPreKeyRecord::new(
        SignedPreKeyId::from(id),
        Timestamp::from_epoch_millis(unix_millis()),
        &pair,
        &signature,
    ))
}

impl Signal {
    /// A phone with fresh keys.
    pub(crate) fn generate() -> Result<Self> {
        let keys = IdentityKeyPair::generate(&mut rand::rng());
        let registration_id = rand::random_range(1..0x3FFF);
        let record = signed_pre_key(&keys, SIGNED_PRE_KEY_ID)?;
        Ok(Self::restore(Identity { keys, registration_id }, record))
    }

    /// Makes a new signed pre-key; messages for the former one can still be decrypted.
    pub(crate) fn rotate_signed_pre_key(&mut self) -> Result<()> {
        let id = u32::from(self.signed.current.id()?) + 1;
        self.signed.rotate(signed_pre_key(&self.identity.keys, id)?);
        Ok(())
    }

    /// A phone with stored keys and no sessions.
    pub(crate) fn restore(identity: Identity, signed: SignedPreKeyRecord) -> Self {
        Self {
            identity,
            signed: SignedPreKey { current: signed, former: VecDeque::new() },
            one_time: PreKeys::default(),
            sessions: Sessions::default(),
            sender_keys: SenderKeys::default(),
        }
    }

    /// The public bundle of the phone, without a one-time key.
    pub(crate) fn bundle(&self) -> Result<Bundle> {
        Ok(Bundle {
            registration_id: self.identity.registration_id,
            identity: self.identity.keys.public_key().public_key_bytes().to_vec(),
            signed_id: self.signed.current.id()?.into(),
            signed_public: self.signed.current.public_key()?.public_key_bytes().to_vec(),
            signed_signature: self.signed.current.signature()?.to_vec(),
            one_time: None,
            device_identity: None,
        })
    }

    /// The bundle with a new one-time key, which clients insist on in retry receipts.
    pub(crate) fn retry_bundle(&mut self) -> Result<Bundle> {
        let (id, key) = self.one_time.issue();
        Ok(Bundle { one_time: Some((id, key.public_key_bytes().to_vec())), ..self.bundle()? })
    }

    /// Whether a session with the peer exists.
    pub(crate) fn has_session(&self, peer: &ProtocolAddress) -> bool {
        self.sessions.0.contains_key(peer.as_str())
    }

    /// Starts a session from the peer's bundle, replacing an older one.
    pub(crate) fn start_session(&mut self, peer: &ProtocolAddress, bundle: &Bundle) -> Result<()> {
        let one_time = match &bundle.one_time {
            Some((id, key)) => Some(((*id).into(), PublicKey::from_djb_public_key_bytes(key)?)),
            None => None,
        };
        let bundle = PreKeyBundle::new(
            bundle.registration_id,
            DeviceId::new(0),
            one_time,
            bundle.signed_id.into(),
            PublicKey::from_djb_public_key_bytes(&bundle.signed_public)?,
            bundle.signed_signature.clone(),
            IdentityKey::new(PublicKey::from_djb_public_key_bytes(&bundle.identity)?),
        )?;
        ready(process_prekey_bundle(
            peer,
            &mut self.sessions,
            &mut self.identity,
            &bundle,
            &mut rand::rng(),
            UsePQRatchet::No,
        ))?;
        Ok(())
    }

    /// Encrypts for a peer with a session.
    pub(crate) fn encrypt(&mut self, peer: &ProtocolAddress, plaintext: &[u8]) -> Result<Sealed> {
        let message = ready(message_encrypt(plaintext, peer, &mut self.sessions, &mut self.identity))?;
        let kind = match message {
            CiphertextMessage::PreKeySignalMessage(_) => "pkmsg",
            _ => "msg",
        };
        Ok(Sealed { kind, bytes: message.serialize().to_vec() })
    }

    /// Decrypts a pairwise message of `enc` type `kind`.
    pub(crate) fn decrypt(&mut self, peer: &ProtocolAddress, kind: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let message = match kind {
            "pkmsg" => CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(bytes)?),
            _ => CiphertextMessage::SignalMessage(SignalMessage::try_from(bytes)?),
        };
        let opened = ready(message_decrypt(
            &message,
            peer,
            &mut self.sessions,
            &mut self.identity,
            &mut self.one_time,
            &self.signed,
            &mut rand::rng(),
            UsePQRatchet::No,
        ))?;
        if let Some(used) = opened.consumed_prekey_id {
            self.one_time.0.remove(&used.into());
        }
        Ok(opened.plaintext)
    }

    /// Learns the sender key that `sender` uses in `group`.
    pub(crate) fn learn_sender_key(&mut self, group: &str, sender: &str, distribution: &[u8]) -> Result<()> {
        let distribution = SenderKeyDistributionMessage::try_from(distribution)?;
        let name = SenderKeyName::from_parts(group, sender);
        ready(process_sender_key_distribution_message(&name, &distribution, &mut self.sender_keys))
    }

    /// Forgets the sender key that `sender` uses in `group`.
    pub(crate) fn forget_sender_key(&mut self, group: &str, sender: &str) {
        self.sender_keys.0.remove(SenderKeyName::from_parts(group, sender).cache_key());
    }

    /// Decrypts a group message (`skmsg`).
    pub(crate) fn decrypt_group(&mut self, group: &str, sender: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        ready(group_decrypt(bytes, &mut self.sender_keys, &SenderKeyName::from_parts(group, sender)))
    }

    /// Encrypts with the phone's own sender key; returns the distribution message and the ciphertext.
    pub(crate) fn encrypt_group(
        &mut self,
        group: &str,
        own: &str,
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let name = SenderKeyName::from_parts(group, own);
        let distribution =
            ready(create_sender_key_distribution_message(&name, &mut self.sender_keys, &mut rand::rng()))?;
        let message = ready(group_encrypt(&mut self.sender_keys, &name, plaintext, &mut rand::rng()))?;
        Ok((distribution.serialized().to_vec(), message.serialized().to_vec()))
    }
}
