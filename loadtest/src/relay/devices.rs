//! Changes of an account's device list.

use wacore_binary::builder::NodeBuilder;

use super::deliver;
use crate::{
    clock::unix_seconds,
    iq::usync::key_indexes,
    pairing::adv,
    wire::nodes::el,
    world::{World, account::Account, device::Bundle},
};

/// Tells the account's other devices that a device was added or removed (`action` is `add` or `remove`).
pub(crate) fn notify(world: &World, account: &Account, action: &'static str, device: u16, key_index: u32) {
    let indexes = key_indexes(account);
    let Ok(list) = adv::key_index_list(account, &indexes) else { return };
    let device_node =
        el("device").attr("jid", account.pn().with_device(device)).attr("key-index", key_index).build();
    let list = NodeBuilder::new("key-index-list").attr("ts", unix_seconds()).bytes(list).build();
    let node = el("notification")
        .attr("from", account.pn())
        .attr("type", "devices")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el(action).children([device_node, list]).build()])
        .build();
    deliver::to_account(world, account, Some(device), &node);
}

/// Removes a device: its connection ends with `device_removed`, later logins fail with 401.
pub(crate) fn remove(world: &World, account: &Account, device: u16) -> bool {
    let Some(removed) = account.state().devices.remove(&device) else { return false };
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
    let (bundle, left) = {
        let mut state = account.state();
        let device = state.devices.get_mut(&device)?;
        let bundle = device.take_bundle();
        (bundle, device.one_time.len())
    };
    if left == LOW_PRE_KEYS {
        low_pre_keys(world, account, device, left);
    }
    Some(bundle)
}

/// Tells a device that few of its one-time pre-keys are left.
fn low_pre_keys(world: &World, account: &Account, device: u16, left: usize) {
    let node = el("notification")
        .attr("from", crate::wire::nodes::SERVER)
        .attr("type", "encrypt")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("count").attr("value", left).build()])
        .build();
    deliver::to_device(world, account, device, node);
}
