//! Labels, which a business account puts on its chats. There is no list of them: who wants one keeps
//! the changes.

use async_trait::async_trait;

use super::Error;
use crate::domain::Jid;

/// Labels, which a business account puts on its chats.
#[async_trait]
pub trait Labels: Send + Sync {
    /// Creates a label, or changes its name and colour.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`].
    async fn edit(&self, label_id: &str, name: &str, color: i32) -> Result<(), Error>;

    /// Deletes a label.
    ///
    /// # Errors
    /// As [`Labels::edit`].
    async fn delete(&self, label_id: &str) -> Result<(), Error>;

    /// Puts a label on a chat, or takes it off.
    ///
    /// # Errors
    /// As [`Labels::edit`].
    async fn put(&self, label_id: &str, chat: &Jid, labeled: bool) -> Result<(), Error>;
}
