//! In-memory Signal stores of a phone. None of their futures ever waits.

use std::collections::{BTreeMap, HashMap, VecDeque};

use async_trait::async_trait;
use wacore_libsignal::protocol::{
    Direction, GenericSignedPreKey as _, IdentityChange, IdentityKey, IdentityKeyPair, IdentityKeyStore,
    KeyPair, PreKeyId, PreKeyRecord, PreKeyStore, ProtocolAddress, PublicKey, SenderKeyName, SenderKeyRecord,
    SenderKeyStore, SessionRecord, SessionStore, SignalProtocolError, SignedPreKeyId, SignedPreKeyRecord,
    SignedPreKeyStore,
};

type Result<T> = std::result::Result<T, SignalProtocolError>;

/// The phone's own identity; it trusts every peer.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) keys: IdentityKeyPair,
    pub(crate) registration_id: u32,
}

#[async_trait]
impl IdentityKeyStore for Identity {
    async fn get_identity_key_pair(&self) -> Result<IdentityKeyPair> {
        Ok(self.keys.clone())
    }

    async fn get_local_registration_id(&self) -> Result<u32> {
        Ok(self.registration_id)
    }

    async fn save_identity(&mut self, _: &ProtocolAddress, _: &IdentityKey) -> Result<IdentityChange> {
        Ok(IdentityChange::NewOrUnchanged)
    }

    async fn is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Result<bool> {
        Ok(true)
    }

    async fn get_identity(&self, _: &ProtocolAddress) -> Result<Option<IdentityKey>> {
        Ok(None)
    }
}

/// One-time keys in retry receipts; the ordinary bundles of a phone have none.
#[derive(Default)]
pub(crate) struct PreKeys(pub(crate) BTreeMap<u32, KeyPair>);

/// Most one-time keys kept; older ones belong to retries that nobody answered.
const MAX_PRE_KEYS: usize = 32;

impl PreKeys {
    /// A new one-time key and its id.
    pub(crate) fn issue(&mut self) -> (u32, PublicKey) {
        let id = self.0.last_key_value().map_or(1, |(id, _)| id + 1);
        let pair = KeyPair::generate(&mut rand::rng());
        let public = pair.public_key;
        self.0.insert(id, pair);
        if self.0.len() > MAX_PRE_KEYS {
            self.0.pop_first();
        }
        (id, public)
    }
}

#[async_trait]
impl PreKeyStore for PreKeys {
    async fn get_pre_key(&self, id: PreKeyId) -> Result<PreKeyRecord> {
        let pair = self.0.get(&u32::from(id)).ok_or(SignalProtocolError::InvalidPreKeyId)?;
        Ok(PreKeyRecord::new(id, pair))
    }

    async fn save_pre_key(&mut self, id: PreKeyId, record: &PreKeyRecord) -> Result<()> {
        self.0.insert(id.into(), record.key_pair()?);
        Ok(())
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> Result<()> {
        self.0.remove(&id.into());
        Ok(())
    }
}

/// The signed pre-key of the phone, and former ones that messages on their way may still be for.
pub(crate) struct SignedPreKey {
    pub(crate) current: SignedPreKeyRecord,
    /// Newest last.
    pub(crate) former: VecDeque<SignedPreKeyRecord>,
}

/// Most former signed pre-keys kept.
const MAX_FORMER: usize = 2;

impl SignedPreKey {
    /// Replaces the current key.
    pub(crate) fn rotate(&mut self, new: SignedPreKeyRecord) {
        self.former.push_back(std::mem::replace(&mut self.current, new));
        if self.former.len() > MAX_FORMER {
            self.former.pop_front();
        }
    }
}

#[async_trait]
impl SignedPreKeyStore for SignedPreKey {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> Result<SignedPreKeyRecord> {
        for record in self.former.iter().chain([&self.current]) {
            if record.id()? == id {
                return Ok(record.clone());
            }
        }
        Err(SignalProtocolError::InvalidSignedPreKeyId)
    }

    async fn save_signed_pre_key(&mut self, _: SignedPreKeyId, _: &SignedPreKeyRecord) -> Result<()> {
        Ok(())
    }
}

/// Pairwise sessions by protocol address.
#[derive(Default)]
pub(crate) struct Sessions(pub(crate) HashMap<String, SessionRecord>);

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>> {
        Ok(self.0.get(address.as_str()).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> Result<bool> {
        Ok(self.0.contains_key(address.as_str()))
    }

    async fn store_session(&mut self, address: &ProtocolAddress, record: SessionRecord) -> Result<()> {
        self.0.insert(address.as_str().to_owned(), record);
        Ok(())
    }
}

/// Sender keys of groups by group and sender device.
#[derive(Default)]
pub(crate) struct SenderKeys(pub(crate) HashMap<String, SenderKeyRecord>);

#[async_trait]
impl SenderKeyStore for SenderKeys {
    async fn store_sender_key(&mut self, name: &SenderKeyName, record: SenderKeyRecord) -> Result<()> {
        self.0.insert(name.cache_key().to_owned(), record);
        Ok(())
    }

    async fn load_sender_key(&self, name: &SenderKeyName) -> Result<Option<SenderKeyRecord>> {
        Ok(self.0.get(name.cache_key()).cloned())
    }
}
