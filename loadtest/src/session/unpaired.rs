//! A client that waits to be linked.

use std::sync::Arc;

use buffa::Message as _;
use wacore_binary::NodeRef;
use waproto::whatsapp::DeviceProps;

use super::Role;
use crate::{
    pairing::{code, desk::Slot, finish},
    wire::{
        channel::Opened,
        nodes::{SERVER, el, error, leaf, result, text},
    },
    world::{World, device::Keys, outbox::Link},
};

fn big_endian(bytes: Option<Vec<u8>>) -> u32 {
    bytes.unwrap_or_default().iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn wants_full_history(device_props: &[u8]) -> bool {
    DeviceProps::decode_from_slice(device_props).is_ok_and(|props| props.require_full_sync == Some(true))
}

/// Registers the connection for pairing and sends the QR references.
pub(crate) fn register(world: &World, opened: &Opened, link: &Link) -> Role {
    let data = opened.payload.device_pairing_data.as_option().cloned().unwrap_or_default();
    let keys = Keys {
        noise: opened.static_public.clone(),
        identity: data.e_ident.unwrap_or_default(),
        registration_id: big_endian(data.e_regid),
        signed_id: big_endian(data.e_skey_id),
        signed_public: data.e_skey_val.unwrap_or_default(),
        signed_signature: data.e_skey_sig.unwrap_or_default(),
        full_history: wants_full_history(&data.device_props.unwrap_or_default()),
    };
    let push_name = opened.payload.push_name.clone().filter(|name| !name.is_empty());
    let slot = Arc::new(Slot::new(link.clone(), keys, push_name));
    world.desk.open(&slot);
    let refs = slot.refs.iter().map(|reference| leaf("ref", reference.as_bytes()));
    let node = el("iq")
        .attr("from", SERVER)
        .attr("type", "set")
        .attr("id", world.next_id())
        .attr("xmlns", "md")
        .children([el("pair-device").children(refs).build()])
        .build();
    link.send(vec![Arc::new(node)], world.latency.due());
    Role::Unpaired(slot)
}

/// Handles a stanza of an unpaired client.
pub(crate) fn handle(world: &Arc<World>, slot: &Arc<Slot>, node: &NodeRef<'_>) {
    if node.tag != "iq" {
        return;
    }
    let answer = match (text(node, "type").as_deref(), text(node, "xmlns").as_deref()) {
        (Some("result"), _) => return finish::signed(world, slot, node),
        (Some("error"), _) => {
            slot.progress().accepted = None;
            return;
        }
        (_, Some("md")) => code::handle(world, slot, node),
        (_, Some("w:p")) => result(node).build(),
        _ => error(node, 501, "feature-not-implemented"),
    };
    slot.link.send(vec![Arc::new(answer)], world.latency.due());
}
