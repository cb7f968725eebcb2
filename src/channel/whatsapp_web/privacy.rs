//! Who may see what of the account, and who may not write to it.

use async_trait::async_trait;
use wacore::iq::privacy::{PrivacyCategory, PrivacyValue};

use super::address::to_wire;
use super::connection::Connection;
use crate::channel::{Error, Privacy};
use crate::domain::Jid;

#[async_trait]
impl Privacy for Connection {
    async fn settings(&self) -> Result<Vec<(String, String)>, Error> {
        let found = self.answer(self.client()?.fetch_privacy_settings()).await?;
        let text = |setting: &wacore::iq::privacy::PrivacySetting| {
            (setting.category.as_str().to_owned(), setting.value.as_str().to_owned())
        };
        Ok(found.settings.iter().map(text).collect())
    }

    async fn set(&self, setting: &'static str, value: &str) -> Result<(), Error> {
        let (category, value) = (PrivacyCategory::from(setting), PrivacyValue::from(value));
        if !category.is_valid_value(&value) {
            return Err(Error::Invalid { field: setting, reason: "does not have this value".to_owned() });
        }
        self.answer(self.client()?.set_privacy_setting(category, value)).await.map(drop)
    }

    async fn block(&self, contact: &Jid, blocked: bool) -> Result<(), Error> {
        let (client, contact) = (self.client()?, to_wire(contact)?);
        let known = self.answer(client.get_lid_pn_entry(&contact)).await?;
        if known.is_none() {
            // WhatsApp blocks hidden identities: the library remembers the one of who exists.
            let found = self.answer(client.contacts().is_on_whatsapp(std::slice::from_ref(&contact))).await?;
            if !found.iter().any(|found| found.is_registered) {
                return Err(Error::Invalid { field: "number", reason: "is not on WhatsApp".to_owned() });
            }
        }
        let blocking = client.blocking();
        if blocked {
            self.answer(blocking.block(&contact)).await
        } else {
            self.answer(blocking.unblock(&contact)).await
        }
    }
}
