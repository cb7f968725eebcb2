//! The client's signature ends a pairing.

use std::sync::Arc;

use wacore_binary::NodeRef;

use super::desk::Slot;
use crate::{
    relay::devices,
    wire::nodes::{bytes, el},
    world::{World, device::Device, stats::count},
};

/// Handles the answer to `pair-success`: stores the device and asks the client to reconnect (515).
pub(crate) fn signed(world: &World, slot: &Arc<Slot>, node: &NodeRef<'_>) {
    let Some(proof) = node
        .get_optional_child("pair-device-sign")
        .and_then(|sign| sign.get_optional_child("device-identity"))
        .and_then(bytes)
    else {
        return;
    };
    let Some(accepted) = slot.progress().accepted.take() else { return };
    let account = accepted.account;
    let device = Device::new(accepted.device, accepted.key_index, slot.keys.clone(), proof);
    {
        let mut state = account.state();
        if slot.push_name.is_none() {
            let name = state.name.clone();
            state.app_state.seed_push_name(&name);
        }
        state.devices.insert(accepted.device, device);
    }
    count(&world.stats.pairings);
    world.touch();
    devices::notify(world, &account, "add", accepted.device, accepted.key_index);
    let node = el("stream:error").attr("code", "515").build();
    slot.link.send(vec![Arc::new(node)], world.latency.due());
    slot.link.close.cancel();
}
