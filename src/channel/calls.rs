//! Calls.

use async_trait::async_trait;

use super::Error;
use crate::domain::Jid;

/// Placing and declining calls.
#[async_trait]
pub trait Calls: Send + Sync {
    /// Rings somebody, and answers the call's id.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the provider cannot ring; [`Error::NotConnected`].
    async fn offer(&self, to: &Jid, video: bool) -> Result<String, Error>;

    /// Declines an incoming call. `from` is who calls; it may be left out for a call that rang on
    /// this connection.
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing is known of the call and `from` is missing;
    /// [`Error::NotConnected`].
    async fn reject(&self, call_id: &str, from: Option<&Jid>) -> Result<(), Error>;
}
