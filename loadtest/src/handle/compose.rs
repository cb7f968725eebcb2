//! Messages of all kinds from a contact.

use super::{Handle, contacts::Sent, messaging::Target};
use crate::{
    error::Result,
    phone::{compose, content::Content, kinds::Compose},
};

impl Handle {
    /// Sends a message of any kind from a contact. A file is encrypted and uploaded first.
    ///
    /// # Errors
    ///
    /// When the contact, the target or the poll of a vote does not exist, or encryption fails.
    pub async fn compose(&self, contact: &str, order: Compose) -> Result<Sent> {
        let from = self.account(contact)?;
        let target = Target::find(&self.world, &order.to)?;
        target.room().await;
        let message = compose::message(&self.world, &from, &target.chat(), &order)?;
        let id = self.world.message_id();
        target.send(&self.world, &from, &id, &Content::of(message))?;
        Ok(Sent { id })
    }
}
