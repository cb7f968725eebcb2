//! What the account's devices agree on about its chats.

use async_trait::async_trait;

use super::Error;
use crate::domain::{Jid, MessageKey};

/// A message by which a part of a chat is named: the newest that a change covers, since devices may
/// know later ones, or the oldest that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
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
    async fn archive(&self, chat: &Jid, archived: bool, newest: Option<&Anchor>) -> Result<(), Error>;

    /// Marks a chat as read or unread, without receipts.
    ///
    /// # Errors
    /// As [`Chats::archive`].
    async fn mark(&self, chat: &Jid, read: bool, newest: Option<&Anchor>) -> Result<(), Error>;

    /// Makes a chat mute, or ends that.
    ///
    /// # Errors
    /// As [`Chats::archive`]; [`Error::Invalid`] for a time that is over.
    async fn mute(&self, chat: &Jid, mute: Mute) -> Result<(), Error>;

    /// Asks the phone for messages of a chat that are older than one; answers the id of the request.
    /// They come as history, later or never: the phone may be off.
    ///
    /// # Errors
    /// As [`Chats::archive`].
    async fn fetch_older(&self, chat: &Jid, than: &Anchor, count: u32) -> Result<String, Error>;

    /// Keeps a chat on top, or ends that.
    ///
    /// # Errors
    /// As [`Chats::archive`].
    async fn pin(&self, chat: &Jid, pinned: bool) -> Result<(), Error>;
}
