//! Changing devices and keys, and what the server asks of devices by itself.

use std::sync::Arc;

use wacore_binary::Node;

use super::Handle;
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    phone::{agent::Received, companion, signal::Signal},
    relay::{deliver, devices},
    wire::nodes::{SERVER, el},
};

impl Handle {
    /// A contact links a companion device, which from then on decrypts its copies. Returns its device id;
    /// [`Handle::remove_device`] unlinks it.
    ///
    /// # Errors
    ///
    /// When the contact does not exist, or cryptography fails.
    pub fn link_companion(&self, contact: &str) -> Result<u16> {
        companion::link(&self.world, &*self.account(contact)?)
    }

    /// What a simulated companion decrypted, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such companion.
    pub fn companion_received(&self, contact: &str, device: u16) -> Result<Vec<Received>> {
        let account = self.account(contact)?;
        let received = account.companions().get(&device).map(companion::Companion::received);
        received.ok_or_else(|| Error::NotFound(format!("companion {device} of {contact}")))
    }

    /// A contact installs WhatsApp again: it has a new identity and no sessions, its devices are unlinked,
    /// and the accounts that know it are told.
    ///
    /// # Errors
    ///
    /// When the contact does not exist, or cryptography fails.
    pub fn reinstall(&self, contact: &str) -> Result<()> {
        let account = self.account(contact)?;
        for device in deliver::all_device_ids(&account) {
            devices::remove(&self.world, &account, device);
        }
        account.renew(Signal::generate()?);
        devices::identity_changed(&self.world, &account);
        self.world.touch();
        Ok(())
    }

    /// A contact publishes a new signed pre-key; messages for the two before can still be decrypted.
    ///
    /// # Errors
    ///
    /// When the contact does not exist, or cryptography fails.
    pub fn rotate_signed_pre_key(&self, contact: &str) -> Result<()> {
        self.account(contact)?.signal().rotate_signed_pre_key()?;
        self.world.touch();
        Ok(())
    }

    /// Tells a device that few of its one-time pre-keys are left, whether that is so or not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such device.
    pub fn ask_pre_keys(&self, phone: &str, device: u16) -> Result<()> {
        let account = self.account(phone)?;
        let left = account.state().devices.get(&device).map(|device| device.one_time.len());
        let left = left.ok_or_else(|| Error::NotFound(format!("device {device} of {phone}")))?;
        devices::low_pre_keys(&self.world, &account, device, left);
        Ok(())
    }

    /// Forgets the one-time pre-keys of a device, which learns of it when it asks for their digest.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such device.
    pub fn lose_pre_keys(&self, phone: &str, device: u16) -> Result<()> {
        let account = self.account(phone)?;
        let mut state = account.state();
        let known = state.devices.get_mut(&device);
        known.ok_or_else(|| Error::NotFound(format!("device {device} of {phone}")))?.one_time.clear();
        Ok(())
    }

    /// Pings the live devices of an account, or one of them; returns how many.
    ///
    /// # Errors
    ///
    /// When the account does not exist.
    pub fn ping(&self, phone: &str, device: Option<u16>) -> Result<usize> {
        self.tell(phone, device, || {
            el("iq")
                .attr("from", SERVER)
                .attr("type", "get")
                .attr("xmlns", "urn:xmpp:ping")
                .attr("id", self.world.next_id())
                .children([el("ping").build()])
                .build()
        })
    }

    /// Sends a dirty bit (`account_sync`, `groups`, `syncd_app_state`, ...) to the live devices of an
    /// account, or one of them; returns how many.
    ///
    /// # Errors
    ///
    /// When the account does not exist.
    pub fn dirty(&self, phone: &str, device: Option<u16>, kind: &str) -> Result<usize> {
        self.tell(phone, device, || {
            let dirty = el("dirty").attr("type", kind).attr("timestamp", unix_seconds()).build();
            el("ib").attr("from", SERVER).children([dirty]).build()
        })
    }

    /// Sends a stanza that is not kept to live devices.
    fn tell(&self, phone: &str, only: Option<u16>, node: impl Fn() -> Node) -> Result<usize> {
        let account = self.account(phone)?;
        let state = account.state();
        let mut told = 0;
        for device in state.devices.values().filter(|device| only.is_none_or(|only| only == device.id)) {
            if let Some(link) = device.outbox.live_link() {
                link.send(vec![Arc::new(node())], self.world.due(&account, &device.conditions));
                told += 1;
            }
        }
        Ok(told)
    }
}
