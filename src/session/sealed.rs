//! Values encrypted at rest, over any store. Keys of records stay readable: they are looked up.
//!
//! A sealed value is the byte `0xE5`, 4 bytes that name the key (the beginning of its SHA-256),
//! a random nonce of 12 bytes, and AES-256-GCM's ciphertext with its tag. Each instance has a key
//! of its own, derived from the configured one by HMAC-SHA-256, so that the number of random
//! nonces under one key stays far below what GCM allows. Instance, kind and key of the record are
//! associated data: a value cannot be moved to another record.

use std::sync::Arc;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{Batch, Change, Error, Kind, Owner, Store};
use crate::domain::InstanceId;

/// The first byte of a sealed value. No record of this house begins with it: they are protocol
/// buffers, JSON, times (high byte 0) or shorter than [`SHORTEST`] (keys and MACs).
const SEAL: u8 = 0xe5;
const ID: usize = 4;
const NONCE: usize = 12;
const HEADER: usize = 1 + ID + NONCE;
/// The header and the tag around an empty value.
const SHORTEST: usize = HEADER + 16;

/// A key, 256 random bits.
#[derive(Clone)]
pub struct Key {
    id: [u8; ID],
    secret: [u8; 32],
}

impl Key {
    /// Takes the key's bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        let mut id = [0; ID];
        id.copy_from_slice(&Sha256::digest(secret)[..ID]);
        Self { id, secret }
    }

    fn cipher(&self, instance: InstanceId) -> Result<Aes256Gcm, Error> {
        let mut derive = <Hmac<Sha256>>::new_from_slice(&self.secret).map_err(|_| corrupt("no key"))?;
        derive.update(b"waggle session");
        derive.update(instance.0.as_bytes());
        Aes256Gcm::new_from_slice(&derive.finalize().into_bytes()).map_err(|_| corrupt("no key"))
    }
}

/// Which keys seal and open.
#[derive(Clone)]
pub struct Keys {
    /// Seals; opens.
    pub current: Key,
    /// Opens only: the key before a rotation. A record gets the current key when it is next
    /// written.
    pub previous: Option<Key>,
    /// Whether values that are not sealed are read as they are. For an installation that had no
    /// key at first; without it such a value is damage, so that nobody can plant one.
    pub accept_unsealed: bool,
}

/// Seals what goes into a store and opens what comes out.
pub struct Sealed {
    inner: Arc<dyn Store>,
    keys: Keys,
}

impl Sealed {
    /// Seals the values of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, keys: Keys) -> Self {
        Self { inner, keys }
    }

    fn seal(&self, instance: InstanceId, kind: Kind, key: &[u8], value: &[u8]) -> Result<Bytes, Error> {
        let nonce: [u8; NONCE] = rand::random();
        let aad = associated(instance, kind, key);
        let payload = Payload { msg: value, aad: &aad };
        let sealed = self.keys.current.cipher(instance)?.encrypt(Nonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| corrupt("the value is too large to seal"))?;
        Ok([&[SEAL], &self.keys.current.id[..], &nonce, &sealed].concat().into())
    }

    fn open(&self, instance: InstanceId, kind: Kind, key: &[u8], value: Bytes) -> Result<Bytes, Error> {
        if value.first() != Some(&SEAL) || value.len() < SHORTEST {
            return if self.keys.accept_unsealed {
                Ok(value)
            } else {
                Err(corrupt("the value is not sealed"))
            };
        }
        let (id, nonce) = (&value[1..=ID], &value[1 + ID..HEADER]);
        let keys = [Some(&self.keys.current), self.keys.previous.as_ref()];
        let Some(found) = keys.into_iter().flatten().find(|key| key.id == id) else {
            return Err(corrupt("the value is sealed with a key that is not configured"));
        };
        let aad = associated(instance, kind, key);
        let payload = Payload { msg: &value[HEADER..], aad: &aad };
        let opened = found.cipher(instance)?.decrypt(Nonce::from_slice(nonce), payload);
        opened.map(Bytes::from).map_err(|_| corrupt("the value was changed, or belongs to another record"))
    }
}

/// Instance (16 bytes), length of the kind, kind, key.
fn associated(instance: InstanceId, kind: Kind, key: &[u8]) -> Vec<u8> {
    let length = u8::try_from(kind.len()).unwrap_or(u8::MAX);
    [instance.0.as_bytes(), &[length][..], kind.as_bytes(), key].concat()
}

fn corrupt(text: &str) -> Error {
    Error::Corrupt(text.to_owned())
}

#[async_trait]
impl Store for Sealed {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let value = self.inner.get(owner, kind, key).await?;
        value.map(|value| self.open(owner.instance, kind, key, value)).transpose()
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let values = self.inner.get_many(owner, kind, keys).await?;
        let open = |(key, value): (&Vec<u8>, Option<Bytes>)| {
            value.map(|value| self.open(owner.instance, kind, key, value)).transpose()
        };
        keys.iter().zip(values).map(open).collect()
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        let rows = self.inner.scan(owner, kind, prefix).await?;
        let open = |(key, value): (Vec<u8>, Bytes)| {
            let value = self.open(owner.instance, kind, &key, value)?;
            Ok((key, value))
        };
        rows.into_iter().map(open).collect()
    }

    async fn apply(&self, owner: Owner, mut batch: Batch) -> Result<(), Error> {
        for change in &mut batch.changes {
            if let Change::Put { kind, key, value, .. } = change {
                *value = self.seal(owner.instance, kind, key, value)?;
            }
        }
        self.inner.apply(owner, batch).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        self.inner.destroy(owner).await
    }
}
