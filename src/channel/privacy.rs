//! Who may see what of the account, and who may not write to it.

use async_trait::async_trait;

use super::Error;
use crate::domain::Jid;

/// Who may see what of the account, and who may not write to it.
#[async_trait]
pub trait Privacy: Send + Sync {
    /// Every setting and its value, in WhatsApp's words.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`].
    async fn settings(&self) -> Result<Vec<(String, String)>, Error>;

    /// Changes one setting, in WhatsApp's words.
    ///
    /// # Errors
    /// As [`Privacy::settings`]; [`Error::Invalid`] for a value that the setting does not have.
    async fn set(&self, setting: &'static str, value: &str) -> Result<(), Error>;

    /// Blocks a contact, or ends that.
    ///
    /// # Errors
    /// As [`Privacy::settings`]; [`Error::Invalid`] for an address without an account.
    async fn block(&self, contact: &Jid, blocked: bool) -> Result<(), Error>;
}
