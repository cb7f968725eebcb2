//! Files of messages that were sent or received.

use async_trait::async_trait;

use super::Error;
use crate::domain::MessageKey;
use crate::media;

/// The file of a message, decrypted, and what the message says of it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The name of the field of the message that describes it, for example `imageMessage`.
    pub media_type: String,
    /// Its mimetype.
    pub mimetype: String,
    /// The name that its sender gave it: not to be trusted.
    pub file_name: Option<String>,
    /// The text below it.
    pub caption: Option<String>,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    /// Its bytes.
    pub file: media::File,
}

/// Getting the files of messages.
#[async_trait]
pub trait Files: Send + Sync {
    /// Makes files ready for the account: it fetches them by the account's way out.
    fn handle(&self) -> &media::Handle;

    /// Downloads and decrypts the file of a message, whose content is JSON text in the form of the
    /// API. When WhatsApp's host has it no more, the sender's phone is asked to upload it again.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the message has no file or it is too large, [`Error::Refused`] when
    /// it cannot be had any more, [`Error::NotConnected`].
    async fn open(&self, key: &MessageKey, message: &str) -> Result<Opened, Error>;

    /// The file of a message, from bytes that were kept; no connection is needed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the message has no file, or another one.
    async fn recognise(&self, message: &str, file: media::File) -> Result<Opened, Error>;
}
