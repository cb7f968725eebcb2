//! Who may see what of the account, and who may not write to it.

use async_trait::async_trait;
use futures::TryFutureExt as _;
use wacore::iq::privacy::{PrivacyCategory, PrivacyValue};

use super::address::to_wire;
use super::connection::Connection;
use super::refusal::Untyped;
use crate::channel::{Error, Privacy};
use crate::domain::Jid;
use crate::domain::address::JidKind;

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
        let wrong = |reason: &str| Error::Invalid { field: "number", reason: reason.to_owned() };
        if !matches!(contact.kind(), JidKind::Phone | JidKind::Lid) {
            return Err(wrong("is not a phone number, a JID or a LID"));
        }
        let (client, contact) = (self.client()?, to_wire(contact)?);
        let pair = || client.get_lid_pn_entry(&contact).map_err(Untyped::from);
        if self.answer(pair()).await?.is_none() {
            // WhatsApp blocks hidden identities: the library remembers the one of who exists.
            let found = self.answer(client.contacts().is_on_whatsapp(std::slice::from_ref(&contact))).await?;
            if !found.iter().any(|found| found.is_registered) {
                return Err(wrong("is not on WhatsApp"));
            }
            // To end it, the hidden identity is enough.
            if (blocked || !contact.is_lid()) && self.answer(pair()).await?.is_none() {
                return Err(wrong("is of somebody whose other address WhatsApp does not tell"));
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
