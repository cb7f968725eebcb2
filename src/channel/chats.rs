//! What the account's devices agree on about its chats.

use async_trait::async_trait;

use super::Error;
use crate::domain::{Jid, MessageKey};

/// The newest message that a change of a whole chat covers: devices that know later ones do not apply
/// the change to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its identity.
    pub key: MessageKey,
    /// Its time in unix seconds.
    pub timestamp: i64,
}

/// For how long a chat is mute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mute {
    /// Not at all.
    Off,
    /// Until a time in unix milliseconds.
    Until(i64),
    /// Until it is ended.
    Forever,
}

/// What the account's devices agree on about its chats. All of them learn of each change.
#[async_trait]
pub trait Chats: Send + Sync {
    /// Puts a chat away, or takes it back.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`].
    async fn archive(&self, chat: &Jid, archived: bool, newest: Option<&Newest>) -> Result<(), Error>;

    /// Marks a chat as read or unread, without receipts.
    ///
    /// # Errors
    /// As [`Chats::archive`].
    async fn mark(&self, chat: &Jid, read: bool, newest: Option<&Newest>) -> Result<(), Error>;

    /// Makes a chat mute, or ends that.
    ///
    /// # Errors
    /// As [`Chats::archive`]; [`Error::Invalid`] for a time that is over.
    async fn mute(&self, chat: &Jid, mute: Mute) -> Result<(), Error>;

    /// Keeps a chat on top, or ends that.
    ///
    /// # Errors
    /// As [`Chats::archive`].
    async fn pin(&self, chat: &Jid, pinned: bool) -> Result<(), Error>;
}
