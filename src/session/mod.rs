//! Owns the durable protocol key material of every instance, as a small key-value contract;
//! must not know what the keys and values mean. To add a store: one file that implements
//! [`Store`], and one line in the conformance suite.

#[cfg(test)]
pub mod conformance;
pub mod memory;
pub mod mirrored;
pub mod object;
mod overlay;
mod records;
pub mod redis;
pub mod sealed;
pub mod sql;
#[cfg(test)]
mod tests;
pub mod write_behind;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::{Fence, InstanceId};

/// Whose records, and under which claim they are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The instance; no call can reach records of another one.
    pub instance: InstanceId,
    /// The claim. A write under an older fence than the newest known one is refused.
    pub fence: Fence,
}

/// Separates the key spaces of one instance; a short lower-case word, for example `session`.
pub type Kind = &'static str;

/// One change of a [`Batch`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Store, replacing what was there. `expires_at` is in unix milliseconds; a record past it is
    /// as if absent, and may be removed at any time.
    Put {
        /// Key space.
        kind: Kind,
        /// Key, at most 255 bytes.
        key: Vec<u8>,
        /// Value.
        value: Bytes,
        /// When it may be forgotten; `None` is never.
        expires_at: Option<i64>,
    },
    /// Remove; removing what is absent is fine.
    Delete {
        /// Key space.
        kind: Kind,
        /// Key.
        key: Vec<u8>,
    },
    /// Remove every record of a kind.
    Clear {
        /// Key space.
        kind: Kind,
    },
}

/// How much of a batch may be lost when the process dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Nothing: [`Store::apply`] returns after it is durable.
    #[default]
    Durable,
    /// The last moments: `apply` may return before it is durable, but later reads see the batch,
    /// and no later batch of the instance becomes durable before it.
    Relaxed,
}

/// Changes that happen together or not at all, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<Change>,
    /// When `apply` may return.
    pub durability: Durability,
}

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer claim exists: the caller does not own the instance any more and must stop it.
    #[error("the instance has a newer owner")]
    Fenced,
    /// The store cannot be reached now; trying again may help.
    #[error("the session store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record cannot be read: wrong key of the seal, or damage.
    #[error("a session record cannot be read: {0}")]
    Corrupt(String),
}

/// A key-value store scoped by instance and fence.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// The values of several keys, in the order of the keys.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn get_many(&self, owner: Owner, kind: Kind, keys: &[Vec<u8>])
    -> Result<Vec<Option<Bytes>>, Error>;

    /// Every record of a kind whose key begins with `prefix`, in the order of the keys.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error>;

    /// Applies a batch: all of it or nothing, durable as the batch asks.
    ///
    /// # Errors
    /// [`Error::Fenced`] under an old claim, [`Error::Unavailable`].
    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error>;

    /// Removes every record of the instance.
    ///
    /// # Errors
    /// As [`Store::apply`].
    async fn destroy(&self, owner: Owner) -> Result<(), Error>;
}
