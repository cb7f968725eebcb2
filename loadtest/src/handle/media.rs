//! The media host: what it holds, and its failures on demand.

use super::Handle;
use crate::{
    error::{Error, Result},
    phone::attach,
    world::media::MediaStats,
};

impl Handle {
    /// What the media host holds and has done.
    pub fn media_stats(&self) -> MediaStats {
        self.world.media.stats()
    }

    /// Downloads of the direct path `path` fail with `status` (404 or 410) from now on. The phones still
    /// have the file: a client that asks for a re-upload gets a new path.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such file.
    pub fn expire_media(&self, path: &str, status: u16) -> Result<()> {
        match self.world.media.expire(path, status) {
            true => Ok(()),
            false => Err(Error::NotFound(path.to_owned())),
        }
    }

    /// Drops a file everywhere: downloads are 404 and re-uploads are refused.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such file.
    pub fn forget_media(&self, path: &str) -> Result<()> {
        match self.world.media.forget(path) {
            true => Ok(()),
            false => Err(Error::NotFound(path.to_owned())),
        }
    }

    /// Refuses the credential that clients have for the media host (403), so that they fetch a new one.
    pub fn renew_media_auth(&self) {
        self.world.media.renew_auth();
    }

    /// Makes the next upload break off with 503 after `bytes` bytes, which a resumed upload need not repeat.
    pub fn cut_next_upload(&self, bytes: usize) {
        self.world.media.cut_next(bytes);
    }

    /// The decrypted file of a message that a phone received.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such message, it has no file, or the file is not on the media
    /// host any more; [`Error::Crypto`] when it does not decrypt.
    pub fn received_media(&self, phone: &str, id: &str) -> Result<Vec<u8>> {
        let account = self.account(phone)?;
        let media = {
            let agent = account.agent();
            let message = agent.received.iter().rev().find(|message| message.id == id);
            message.and_then(|message| message.media.clone())
        };
        let media = media.ok_or_else(|| Error::NotFound(format!("file of message {id}")))?;
        attach::open(&self.world, &media)
    }
}
