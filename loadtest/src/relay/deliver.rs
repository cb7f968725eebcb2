//! Hands a stanza to a device: kept until confirmed where the protocol has confirmations.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use wacore_binary::Node;

use crate::world::{World, account::Account, stats::count};

/// The ack class of a stanza that is kept until confirmed.
fn class(node: &Node) -> Option<&'static str> {
    ["message", "receipt", "notification", "call"].into_iter().find(|class| node.tag == *class)
}

/// Delivers to one companion device; unknown devices are ignored.
pub(crate) fn to_device(world: &World, account: &Account, device: u16, node: Node) {
    later(world, account, device, node, Duration::ZERO);
}

/// As [`to_device`], but not before `pause` is over; what follows on the connection waits too.
pub(crate) fn later(world: &World, account: &Account, device: u16, node: Node, pause: Duration) {
    let class = class(&node);
    let id = node.attrs.get("id").map(|id| id.as_str().into_owned()).unwrap_or_default();
    let node = Arc::new(node);
    let mut state = account.state();
    let Some(device) = state.devices.get_mut(&device).filter(|device| !device.puppet) else { return };
    if let Some(class) = class
        && !device.outbox.keep(class, id, node.clone(), world.options.max_queue)
    {
        return count(&world.stats.dropped);
    }
    if let Some(link) = device.outbox.live_link() {
        let mut due = world.due(account, &device.conditions);
        if !pause.is_zero() {
            due = due.unwrap_or_else(Instant::now).checked_add(pause);
        }
        if class == Some("message") {
            let scopes = [&*device.conditions, &account.conditions, &world.conditions];
            let late = scopes.iter().any(|scope| scope.reorder.strikes());
            let twice = scopes.iter().any(|scope| scope.duplicate.strikes());
            world.faults.used("reorder", u64::from(late));
            world.faults.used("duplicate", u64::from(twice));
            link.send_disturbed(node, due, late, twice);
        } else {
            link.send(vec![node], due);
        }
    }
    drop(state);
    if class == Some("message") {
        count(&world.stats.messages_relayed);
    }
    if class.is_some() {
        world.touch();
    }
}

/// Delivers a copy to every companion device of an account but `except`.
pub(crate) fn to_account(world: &World, account: &Account, except: Option<u16>, node: &Node) {
    for device in device_ids(account) {
        if Some(device) != except {
            to_device(world, account, device, node.clone());
        }
    }
}

/// Ids of the companion devices that are clients.
pub(crate) fn device_ids(account: &Account) -> Vec<u16> {
    account.state().devices.values().filter(|device| !device.puppet).map(|device| device.id).collect()
}

/// Ids of all companion devices, those included that are simulated here.
pub(crate) fn all_device_ids(account: &Account) -> Vec<u16> {
    account.state().devices.keys().copied().collect()
}
