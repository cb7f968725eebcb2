//! The protocol itself, for integrations that speak parts of it. Addresses are the protocol's own
//! here, with their device part.

use async_trait::async_trait;
use serde_json::Value;

use super::Error;

/// The protocol itself.
#[async_trait]
pub trait LowLevel: Send + Sync {
    /// The address of somebody's picture, small or whole; `None` when there is none to see.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no address; [`Error::NotConnected`], [`Error::Timeout`].
    async fn picture_url(&self, jid: &str, preview: bool) -> Result<Option<String>, Error>;

    /// Makes sure that messages to these devices can be encrypted; whether keys had to be fetched.
    ///
    /// # Errors
    /// As [`LowLevel::picture_url`].
    async fn assert_sessions(&self, jids: &[String]) -> Result<bool, Error>;

    /// A message encrypted for every device of these users: the stanzas, and whether the device's
    /// identity has to go along. The message is JSON text in the form of the API.
    ///
    /// # Errors
    /// As [`LowLevel::picture_url`].
    async fn participant_nodes(&self, jids: &[String], message: &str) -> Result<(Vec<Value>, bool), Error>;

    /// The devices of users.
    ///
    /// # Errors
    /// As [`LowLevel::picture_url`].
    async fn devices(&self, jids: &[String]) -> Result<Vec<Value>, Error>;

    /// An id for a stanza, unused so far on this connection.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    fn message_tag(&self) -> Result<String, Error>;

    /// Sends a stanza, given as `{tag, attrs, content}`; content is a list of stanzas, a text, or
    /// bytes as `{type: "Buffer", data}`. What WhatsApp answers is not waited for.
    ///
    /// # Errors
    /// As [`LowLevel::picture_url`].
    async fn send_node(&self, stanza: &Value) -> Result<(), Error>;

    /// Who the account is; no key material.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    fn identity(&self) -> Result<Value, Error>;
}
