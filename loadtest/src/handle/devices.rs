//! Accounts and their devices: listing, dropping, removing.

use serde::Serialize;

use super::Handle;
use crate::{
    error::{Error, Result},
    relay::{self, devices},
    world::account::Account,
};

/// An account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountInfo {
    /// Phone number.
    pub phone: String,
    /// LID JID.
    pub lid: String,
    /// Push name.
    pub name: String,
    /// Whether it is a contact.
    pub contact: bool,
    /// Companion devices by id.
    pub devices: Vec<DeviceInfo>,
}

/// A companion device.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// Device id.
    pub device: u16,
    /// Whether it has a connection.
    pub online: bool,
    /// Whether it has finished its login (offline delivery started).
    pub live: bool,
    /// Whether its presence is available.
    pub available: bool,
    /// Stanzas waiting for a receipt or ack.
    pub pending: usize,
    /// Messages among them.
    pub pending_messages: usize,
    /// One-time pre-keys left.
    pub pre_keys: usize,
    /// Whether it asked for all of the phone's history when it was linked.
    pub full_history: bool,
}

fn info(account: &Account) -> AccountInfo {
    let state = account.state();
    let devices = state.devices.values().map(|device| DeviceInfo {
        device: device.id,
        online: device.outbox.link.is_some(),
        live: device.outbox.live,
        available: device.available,
        pending: device.outbox.pending.len(),
        pending_messages: device.outbox.preview().message,
        pre_keys: device.one_time.len(),
        full_history: device.keys.full_history,
    });
    AccountInfo {
        phone: account.phone.clone(),
        lid: account.lid().to_string(),
        name: state.name.clone(),
        contact: state.contact,
        devices: devices.collect(),
    }
}

impl Handle {
    /// All accounts, contacts included, ordered by number.
    pub fn accounts(&self) -> Vec<AccountInfo> {
        self.world.directory.all().iter().map(|account| info(account)).collect()
    }

    /// One account.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn account_info(&self, phone: &str) -> Result<AccountInfo> {
        Ok(info(&*self.account(phone)?))
    }

    /// Cuts the connections of an account's devices, or of one device, and returns how many were cut.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn drop_connections(&self, phone: &str, device: Option<u16>) -> Result<usize> {
        Ok(cut(&*self.account(phone)?, device))
    }

    /// Cuts all connections of paired devices and returns how many were cut.
    pub fn drop_all(&self) -> usize {
        self.world.directory.all().iter().map(|account| cut(account, None)).sum()
    }

    /// Unlinks a device: its connection ends with `device_removed`, later logins fail with 401.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account or device.
    pub fn remove_device(&self, phone: &str, device: u16) -> Result<()> {
        let account = self.account(phone)?;
        if devices::remove(&self.world, &account, device) {
            return Ok(());
        }
        Err(Error::NotFound(format!("device {device} of {phone}")))
    }

    /// Ends a device's connection as if another connection had taken its place.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the device is not connected.
    pub fn replace(&self, phone: &str, device: u16) -> Result<()> {
        let account = self.account(phone)?;
        let link = account.state().devices.get(&device).and_then(|device| device.outbox.link.clone());
        let link =
            link.ok_or_else(|| Error::NotFound(format!("connection of device {device} of {phone}")))?;
        relay::conflict(&link, "replaced");
        Ok(())
    }
}

fn cut(account: &Account, only: Option<u16>) -> usize {
    let mut state = account.state();
    let mut dropped = 0;
    for device in state.devices.values_mut().filter(|device| only.is_none_or(|only| only == device.id)) {
        // From here on stanzas wait for the next login instead of going into the dying connection.
        if let Some(link) = device.outbox.detach() {
            link.cut.cancel();
            dropped += 1;
        }
    }
    dropped
}
