//! Changes of an account's device list.

use wacore_binary::{Node, builder::NodeBuilder};

use super::deliver;
use crate::{
    clock::unix_seconds,
    iq::usync::key_indexes,
    pairing::adv,
    phone::companion,
    wire::nodes::el,
    world::{World, account::Account, device::Bundle},
};

/// Tells the account's other devices, and the accounts that asked for the list before, that a device was
/// added or removed (`action` is `add` or `remove`).
pub(crate) fn notify(world: &World, account: &Account, action: &'static str, device: u16, key_index: u32) {
    let indexes = key_indexes(account);
    let Ok(list) = adv::key_index_list(account, &indexes) else { return };
    let device_node = el("device")
        .attr("jid", account.pn().with_device(device))
        .attr("lid", account.lid().with_device(device))
        .attr("key-index", key_index)
        .build();
    let list = NodeBuilder::new("key-index-list").attr("ts", unix_seconds()).bytes(list).build();
    let node = el("notification")
        .attr("from", account.pn())
        .attr("lid", account.lid())
        .attr("type", "devices")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el(action).children([device_node, list]).build()])
        .build();
    deliver::to_account(world, account, Some(device), &node);
    tell_listeners(world, account, &node);
}

/// Tells the accounts that asked for the device list.
fn tell_listeners(world: &World, account: &Account, node: &Node) {
    let listeners: Vec<String> = account.state().listed_by.iter().cloned().collect();
    for listener in listeners.iter().filter(|phone| **phone != account.phone) {
        if let Some(listener) = world.directory.phone(listener) {
            deliver::to_account(world, &listener, None, node);
        }
    }
}

/// Most accounts that are told of changes.
const MAX_LISTENERS: usize = 4_096;

/// Notes that an account asked for the device list.
pub(crate) fn listed(account: &Account, by: &str) {
    let mut state = account.state();
    if state.listed_by.len() < MAX_LISTENERS && !state.listed_by.contains(by) {
        state.listed_by.insert(by.to_owned());
    }
}

/// Tells the accounts that asked for the device list that the identity of the phone is a new one.
pub(crate) fn identity_changed(world: &World, account: &Account) {
    let node = el("notification")
        .attr("from", account.pn())
        .attr("lid", account.lid())
        .attr("type", "encrypt")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("identity").build()])
        .build();
    tell_listeners(world, account, &node);
}

/// Removes a device: its connection ends with `device_removed`, later logins fail with 401.
pub(crate) fn remove(world: &World, account: &Account, device: u16) -> bool {
    let Some(removed) = account.state().devices.remove(&device) else { return false };
    account.companions().remove(&device);
    if let Some(link) = removed.outbox.link {
        super::conflict(&link, "device_removed");
    }
    notify(world, account, "remove", device, removed.key_index);
    world.touch();
    true
}

/// Below this number of one-time keys a device is asked for more.
const LOW_PRE_KEYS: usize = 5;

/// The bundle of a companion device with one of its one-time keys; asks the device for more when few are left.
pub(crate) fn take_bundle(world: &World, account: &Account, device: u16) -> Option<Bundle> {
    let (bundle, left, puppet) = {
        let mut state = account.state();
        let device = state.devices.get_mut(&device)?;
        let bundle = device.take_bundle();
        (bundle, device.one_time.len(), device.puppet)
    };
    if puppet && left <= LOW_PRE_KEYS {
        companion::issue_pre_keys(account, device);
    } else if left == LOW_PRE_KEYS {
        low_pre_keys(world, account, device, left);
    }
    Some(bundle)
}

/// Tells a device that few of its one-time pre-keys are left.
pub(crate) fn low_pre_keys(world: &World, account: &Account, device: u16, left: usize) {
    let node = el("notification")
        .attr("from", crate::wire::nodes::SERVER)
        .attr("type", "encrypt")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("count").attr("value", left).build()])
        .build();
    deliver::to_device(world, account, device, node);
}
