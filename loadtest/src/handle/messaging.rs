//! What contacts send when asked to.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use wacore_binary::{Jid, Server};

use super::{
    Handle,
    contacts::{Send, SendReport, Sent},
};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    pairing::qr::digits,
    phone::{
        broadcast,
        content::{self, Content},
        publish, send,
    },
    relay::presence,
    world::{World, account::Account, groups::Group},
};

/// A stream waits while a receiving device has this many unconfirmed stanzas and is online.
const WINDOW: usize = 1_024;
/// How often a waiting stream looks again.
const WINDOW_POLL: Duration = Duration::from_millis(2);

/// Where a contact sends to.
pub(super) enum Target {
    Account(Arc<Account>),
    Group(Arc<Group>),
    Newsletter(Jid),
}

impl Target {
    pub(super) fn find(world: &World, to: &str) -> Result<Self> {
        if let Ok(jid) = to.parse::<Jid>() {
            if jid.server == Server::Group {
                let group = world.groups.get(jid.user.as_str()).map(|group| group.value().clone());
                return group.map(Self::Group).ok_or_else(|| Error::NotFound(format!("group {to}")));
            }
            if jid.server == Server::Newsletter {
                return Ok(Self::Newsletter(jid));
            }
            if jid.is_lid() {
                let account = world.directory.find(&jid);
                return account.map(Self::Account).ok_or_else(|| Error::NotFound(format!("account {to}")));
            }
        }
        let user = to.split(['@', ':']).next().unwrap_or_default();
        Ok(Self::Account(send::target(world, &digits(user)?)?))
    }

    pub(super) fn send(&self, world: &World, from: &Account, id: &str, content: &Content) -> Result<()> {
        match self {
            Self::Account(to) => send::direct(world, from, to, id, content),
            Self::Group(group) => broadcast::group(world, from, group, id, content),
            Self::Newsletter(jid) => publish::post(world, from, jid, id, content),
        }
    }

    /// Whether an online device of the target has too much unconfirmed.
    fn congested(&self) -> bool {
        let Self::Account(to) = self else { return false };
        to.state().devices.values().any(|device| device.outbox.live && device.outbox.pending.len() >= WINDOW)
    }

    /// Waits while the target has too much unconfirmed.
    pub(super) async fn room(&self) {
        while self.congested() {
            sleep(WINDOW_POLL).await;
        }
    }

    /// The chat as the contact names it in message keys.
    pub(super) fn chat(&self) -> String {
        match self {
            Self::Account(to) => to.pn().to_string(),
            Self::Group(group) => group.jid().to_string(),
            Self::Newsletter(jid) => jid.to_string(),
        }
    }
}

impl Handle {
    /// Sends one or more texts from a contact, in order.
    ///
    /// # Errors
    ///
    /// When the contact or target does not exist, or encryption fails; earlier messages stay sent.
    pub async fn send(&self, contact: &str, order: Send) -> Result<SendReport> {
        let from = self.account(contact)?;
        let target = Target::find(&self.world, &order.to)?;
        let started = Instant::now();
        let mut ids = Vec::new();
        for n in 1..=order.count.max(1) {
            if order.rate > 0.0 {
                sleep_until(started + Duration::from_secs_f64(f64::from(n - 1) / order.rate)).await;
            }
            target.room().await;
            let text = order.text.replace("{n}", &n.to_string());
            let content = content::text(&text, order.quoted.as_ref(), order.extended);
            let id = self.world.message_id();
            target.send(&self.world, &from, &id, &content)?;
            ids.push(id);
            if n % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(SendReport { ids })
    }

    async fn send_content(
        &self,
        contact: &str,
        to: &str,
        content: impl FnOnce(&str) -> Content,
    ) -> Result<Sent> {
        let from = self.account(contact)?;
        let target = Target::find(&self.world, to)?;
        let id = self.world.message_id();
        target.send(&self.world, &from, &id, &content(&target.chat()))?;
        Ok(Sent { id })
    }

    /// Edits a message that the contact sent.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`].
    pub async fn edit(&self, contact: &str, to: &str, id: &str, text: &str) -> Result<Sent> {
        self.send_content(contact, to, |chat| content::edit(chat, id, text)).await
    }

    /// Deletes a message that the contact sent, for everyone.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`].
    pub async fn revoke(&self, contact: &str, to: &str, id: &str) -> Result<Sent> {
        self.send_content(contact, to, |chat| content::revoke(chat, id)).await
    }

    /// Reacts to a message; `from_me` says that the contact itself sent it.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`].
    pub async fn react(&self, contact: &str, to: &str, id: &str, from_me: bool, emoji: &str) -> Result<Sent> {
        self.send_content(contact, to, |chat| content::reaction(chat, id, from_me, emoji)).await
    }

    /// Shows `composing`, `recording` or `paused`.
    ///
    /// # Errors
    ///
    /// When an account does not exist.
    pub fn typing(&self, contact: &str, to: &str, state: &str) -> Result<()> {
        let (from, to) = (self.account(contact)?, self.account(to)?);
        send::chat_state(&self.world, &from, &to, state);
        Ok(())
    }

    /// Changes a contact's presence and tells its subscribers.
    ///
    /// # Errors
    ///
    /// When the contact does not exist.
    pub fn presence(&self, contact: &str, available: bool) -> Result<()> {
        let account = self.account(contact)?;
        {
            let mut state = account.state();
            state.phone_available = available;
            state.last_seen = unix_seconds();
        }
        presence::announce(&self.world, &account);
        Ok(())
    }

    /// Sends a receipt for a message of `to`: `read`, `played`, or an empty kind for delivery.
    ///
    /// # Errors
    ///
    /// When an account does not exist.
    pub fn receipt(&self, contact: &str, to: &str, id: &str, kind: &str) -> Result<()> {
        let (from, to) = (self.account(contact)?, self.account(to)?);
        send::receipt(&self.world, &from, &to, id, kind, None);
        Ok(())
    }

    /// Rings an account and returns the call id, or ends the call `terminate`.
    ///
    /// # Errors
    ///
    /// When an account does not exist.
    pub fn call(&self, contact: &str, to: &str, video: bool, terminate: Option<&str>) -> Result<String> {
        let (from, to) = (self.account(contact)?, self.account(to)?);
        let id = terminate.map_or_else(|| hex::encode_upper(rand::random::<[u8; 16]>()), str::to_owned);
        send::call(&self.world, &from, &to, &id, terminate.is_some(), video);
        Ok(id)
    }
}
