//! A phone scans a QR code.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use wacore::pair::PairUtils;

use super::desk::{Accepted, Slot};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    pairing::adv,
    wire::nodes::{SERVER, el, leaf},
    world::{World, account::Account},
};

/// The device that a pairing created.
#[derive(Debug, Clone, Serialize)]
pub struct Paired {
    /// Phone number of the account.
    pub phone: String,
    /// Phone-number JID of the device, such as `5511900000001:1@s.whatsapp.net`.
    pub jid: String,
    /// LID JID of the device.
    pub lid: String,
    /// Device id, from 1.
    pub device: u16,
}

/// Accepts the client that shows the QR code `text`. `phone` picks the account.
pub(crate) fn scan(world: &World, text: &str, phone: Option<&str>) -> Result<Paired> {
    let invalid = |why: &str| Error::Invalid(format!("QR code: {why}"));
    let text = text.trim();
    let (reference, noise, identity) =
        PairUtils::parse_qr_code(text).map_err(|error| invalid(&error.to_string()))?;
    let secret = text.split(',').nth(3).and_then(|field| BASE64_STANDARD.decode(field).ok());
    let secret = secret.ok_or_else(|| invalid("no secret"))?;
    let slot = world.desk.refs.get(&reference).map(|slot| slot.value().clone());
    let slot = slot.ok_or_else(|| Error::NotFound("no client shows this QR code".into()))?;
    if slot.keys.noise != noise || slot.keys.identity != identity {
        return Err(invalid("keys differ from the client's registration"));
    }
    let account = match (phone, slot.push_name.as_deref()) {
        (Some(phone), name) => world.directory.ensure(&digits(phone)?, name.unwrap_or_default())?.0,
        (None, Some(name)) => world.directory.ensure_named(name)?,
        (None, None) => world.directory.ensure(&world.directory.free_phone(), "")?.0,
    };
    accept(world, &slot, &account, &secret)
}

/// A phone number reduced to its digits.
pub(crate) fn digits(phone: &str) -> Result<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if (5..=15).contains(&digits.len()) {
        Ok(digits)
    } else {
        Err(Error::Invalid(format!("phone number {phone:?}")))
    }
}

/// Reserves a device id and sends `pair-success`; the device exists once the client has signed.
pub(crate) fn accept(
    world: &World,
    slot: &Arc<Slot>,
    account: &Arc<Account>,
    secret: &[u8],
) -> Result<Paired> {
    let (device, key_index) = {
        let mut state = account.state();
        let ids = (state.next_device, state.next_key_index);
        state.next_device += 1;
        state.next_key_index += 1;
        if state.name.is_empty() {
            state.name = slot.push_name.clone().unwrap_or_else(|| format!("User {}", account.phone));
        }
        ids
    };
    if world.options.decrypt_phones && !account.active() {
        account.set_active(true);
    }
    let identity = adv::identity(account, key_index, &slot.keys.identity, secret)?;
    let jid = account.pn().with_device(device);
    let lid = account.lid().with_device(device);
    let mut children = vec![
        leaf("device-identity", identity),
        el("device").attr("jid", jid.clone()).attr("lid", lid.clone()).build(),
        el("platform").attr("name", "android").build(),
    ];
    if world.options.lid_migrated {
        use buffa::Message as _;
        let props = waproto::whatsapp::ClientPairingProps {
            is_chat_db_lid_migrated: Some(true),
            ..Default::default()
        };
        children.push(leaf("client-props", props.encode_to_vec()));
    }
    let node = el("iq")
        .attr("from", SERVER)
        .attr("type", "set")
        .attr("id", world.next_id())
        .attr("xmlns", "md")
        .attr("t", unix_seconds())
        .children([el("pair-success").children(children).build()])
        .build();
    slot.progress().accepted = Some(Accepted { account: account.clone(), device, key_index });
    slot.link.send(vec![Arc::new(node)], world.latency.due());
    world.touch();
    Ok(Paired { phone: account.phone.clone(), jid: jid.to_string(), lid: lid.to_string(), device })
}
