//! A simulated device asks for a message again.

use std::{sync::Arc, time::Duration};

use wacore_binary::{Jid, Node};

use super::{receive::Inbound, send::own_address};
use crate::{
    clock::unix_seconds,
    error::Result,
    relay::deliver,
    wire::nodes::{el, leaf},
    world::{
        World,
        account::Account,
        device::{Bundle, Device},
    },
};

/// Time before a repeated question. A client ignores one that comes while it still answers the last
/// (whatsapp-rust 0.7.0), which no real phone is fast enough for.
const PAUSE: Duration = Duration::from_millis(50);

fn pause(count: u32) -> Duration {
    if count > 1 { PAUSE } else { Duration::ZERO }
}

/// The phone asks the sending device to encrypt a message again, with keys for a fresh session; at most
/// five times.
pub(crate) fn ask(world: &World, from: &Account, inbound: &Inbound<'_>, id: &str) -> Result<()> {
    let Some(count) = from.agent().next_retry(id) else { return Ok(()) };
    let bundle = from.signal().retry_bundle()?;
    let stanza = receipt(from, 0, inbound, id, count, &bundle);
    deliver::later(world, inbound.from, inbound.device, stanza, pause(count));
    Ok(())
}

/// As [`ask`], from a companion of the contact.
pub(crate) fn ask_as_companion(
    world: &World,
    from: &Arc<Account>,
    device: u16,
    inbound: &Inbound<'_>,
    id: &str,
) -> Result<()> {
    let Some(count) = from.agent().next_retry(&format!("{id}/{device}")) else { return Ok(()) };
    let bundle = match from.companions().get_mut(&device) {
        Some(companion) => companion.signal.retry_bundle()?,
        None => return Ok(()),
    };
    let proof = from.state().devices.get(&device).map(Device::bundle);
    let bundle = Bundle { device_identity: proof.and_then(|bundle| bundle.device_identity), ..bundle };
    let stanza = receipt(from, device, inbound, id, count, &bundle);
    deliver::later(world, inbound.from, inbound.device, stanza, pause(count));
    Ok(())
}

fn receipt(
    from: &Account,
    device: u16,
    inbound: &Inbound<'_>,
    id: &str,
    count: u32,
    bundle: &Bundle,
) -> Node {
    let now = unix_seconds();
    let retry = el("retry").attr("count", count).attr("id", id).attr("t", now).attr("v", 1).build();
    let stanza = el("receipt").attr("id", id).attr("t", now).attr("type", "retry");
    let group = inbound.group.as_deref().and_then(|group| group.parse::<Jid>().ok());
    let stanza = match group {
        Some(group) => stanza.attr("from", group).attr("participant", from.lid().with_device(device)),
        None => stanza.attr("from", own_address(from).with_device(device)),
    };
    let registration = leaf("registration", bundle.registration_id.to_be_bytes());
    let keys = el("keys").children(bundle.key_nodes()).build();
    stanza.children([retry, registration, keys]).build()
}
