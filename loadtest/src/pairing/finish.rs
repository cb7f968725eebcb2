//! The client's signature ends a pairing.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use wacore_binary::NodeRef;

use super::desk::Slot;
use crate::{
    relay::devices,
    wire::nodes::{bytes, el},
    world::{World, device::Device, stats::count},
};

/// Time between the signature and the restart. The client notes that it expects a restart only after its
/// signature is on the wire: over loopback a restart without any delay overtakes that note, which then ends
/// the next connection.
const RESTART_DELAY: Duration = Duration::from_millis(50);

/// Handles the answer to `pair-success`: stores the device and asks the client to reconnect (515).
pub(crate) fn signed(world: &Arc<World>, slot: &Arc<Slot>, node: &NodeRef<'_>) {
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
    let link = slot.link.clone();
    world.tasks.spawn(async move {
        sleep(RESTART_DELAY).await;
        link.send(vec![Arc::new(el("stream:error").attr("code", "515").build())], None);
        link.close.cancel();
    });
}
