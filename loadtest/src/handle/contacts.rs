//! Contacts: creation, behaviour, what they received.

use serde::{Deserialize, Serialize};

use super::Handle;
use crate::{
    error::{Error, Result},
    pairing::qr::digits,
    phone::{
        agent::{Behaviour, Received, Signalled},
        content::Quoted,
    },
    world::account::Account,
};

/// A contact to create.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewContact {
    /// Phone number; a free one when absent. An existing account becomes a contact.
    pub phone: Option<String>,
    /// Push name.
    pub name: Option<String>,
    /// Automatic behaviour.
    #[serde(flatten)]
    pub behaviour: Behaviour,
}

/// A contact.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactInfo {
    /// Phone number.
    pub phone: String,
    /// Phone-number JID.
    pub jid: String,
    /// LID JID.
    pub lid: String,
    /// Push name.
    pub name: String,
    /// Automatic behaviour.
    #[serde(flatten)]
    pub behaviour: Behaviour,
    /// Messages received since it was created.
    pub received: u64,
}

/// Messages to send from a contact.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Send {
    /// Phone number of an account or JID of a group that the contact is a member of.
    pub to: String,
    /// Text; `{n}` is the number of the message, from 1.
    pub text: String,
    /// How many to send; 0 counts as 1.
    pub count: u32,
    /// Messages per second; 0 is as fast as the receiver takes them.
    pub rate: f64,
    /// Message that each one quotes.
    pub quoted: Option<Quoted>,
    /// Sends an `extendedTextMessage` even without a quote.
    pub extended: bool,
}

/// A sent message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    /// Message id.
    pub id: String,
}

/// The ids of a sent stream, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendReport {
    /// Message ids.
    pub ids: Vec<String>,
}

impl Handle {
    /// Creates a contact, or changes the behaviour and name of an existing account.
    ///
    /// # Errors
    ///
    /// When `phone` is not a phone number.
    pub fn create_contact(&self, contact: NewContact) -> Result<ContactInfo> {
        let phone = match &contact.phone {
            Some(phone) => digits(phone)?,
            None => self.world.directory.free_phone(),
        };
        let name = contact.name.clone().unwrap_or_else(|| format!("Contact {phone}"));
        let (account, created) = self.world.directory.ensure(&phone, &name)?;
        {
            let mut state = account.state();
            state.contact = true;
            if created || contact.name.is_some() {
                state.name = name;
            }
        }
        account.agent().behaviour = Some(contact.behaviour);
        account.set_active(true);
        self.world.touch();
        contact_info(&account).ok_or(Error::NotFound(phone))
    }

    /// All contacts ordered by number.
    pub fn contacts(&self) -> Vec<ContactInfo> {
        self.world.directory.all().iter().filter_map(|account| contact_info(account)).collect()
    }

    /// Messages that a phone decrypted with a number above `after`, oldest first, and the total ever received.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn received(&self, phone: &str, after: u64) -> Result<(Vec<Received>, u64)> {
        let account = self.account(phone)?;
        let agent = account.agent();
        let messages = agent.received.iter().filter(|message| message.seq > after).cloned().collect();
        Ok((messages, agent.received_total))
    }

    /// Receipts, chat states and call actions that reached a phone, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn signals(&self, phone: &str) -> Result<Vec<Signalled>> {
        let account = self.account(phone)?;
        let agent = account.agent();
        Ok(agent.signals.iter().cloned().collect())
    }
}

fn contact_info(account: &Account) -> Option<ContactInfo> {
    let name = {
        let state = account.state();
        if !state.contact {
            return None;
        }
        state.name.clone()
    };
    let agent = account.agent();
    Some(ContactInfo {
        phone: account.phone.clone(),
        jid: account.pn().to_string(),
        lid: account.lid().to_string(),
        name,
        behaviour: agent.behaviour.clone().unwrap_or_default(),
        received: agent.received_total,
    })
}
