//! A phone sends to many: group messages and status messages under its sender key, and the copies of its
//! messages for its own companions.

use std::sync::Arc;

use buffa::MessageField;
use wacore::messages::MessageUtils;
use wacore_binary::Jid;
use waproto::whatsapp::{Message, message::SenderKeyDistributionMessage};

use super::{
    agent::Sent,
    attach, companion,
    content::Content,
    receive::Inbound,
    send::{break_open, corrupts, direct_head, enc, group_head, of_kind, remember, seal},
    signal::Signal,
};
use crate::{
    error::{Error, Result},
    relay::deliver,
    world::{World, account::Account, groups::Group, stats::count},
};

/// The chat of status messages.
const STATUS: &str = "status@broadcast";

/// Gives the account's own companions a copy of what its phone sends to `chat`.
pub(super) fn copies(
    world: &World,
    signal: &mut Signal,
    from: &Account,
    id: &str,
    sent: &Sent,
    chat: &Jid,
    plaintext: &[u8],
) -> Result<()> {
    let devices = deliver::all_device_ids(from);
    if devices.is_empty() {
        return Ok(());
    }
    let Some(account) = world.directory.phone(&from.phone) else { return Ok(()) };
    for device in devices {
        let enc = of_kind(seal(world, signal, from, device, plaintext)?, sent);
        let inbound = Inbound { from: &account, device: 0, group: None, chat: chat.to_string() };
        if !companion::receive(world, &account, device, &inbound, id, std::slice::from_ref(&enc)) {
            let stanza = direct_head(from, id, sent).attr("recipient", chat).children([enc]).build();
            deliver::to_device(world, from, device, stanza);
        }
    }
    Ok(())
}

/// Sends a group message to every companion device of the other members.
///
/// # Errors
///
/// [`Error::Invalid`] when the phone may not write to the group.
pub(crate) fn group(world: &World, from: &Account, group: &Group, id: &str, content: &Content) -> Result<()> {
    let members = {
        let info = group.info();
        if !info.may_send(&from.phone) {
            return Err(Error::Invalid(format!("{} may not write to {}", from.phone, group.jid())));
        }
        info.members.clone()
    };
    // The own account is a member too: its companions get their copies.
    let to: Vec<_> = members.iter().filter_map(|member| world.directory.phone(&member.phone)).collect();
    broadcast(world, from, &group.jid().to_string(), &to, id, content)
}

/// Posts a status that the accounts `to` see.
pub(crate) fn status(
    world: &World,
    from: &Account,
    to: &[Arc<Account>],
    id: &str,
    content: &Content,
) -> Result<()> {
    broadcast(world, from, STATUS, to, id, content)
}

/// Sends under the phone's sender key for `name`, which devices that lack it get along with the message.
fn broadcast(
    world: &World,
    from: &Account,
    name: &str,
    to: &[Arc<Account>],
    id: &str,
    content: &Content,
) -> Result<()> {
    attach::remember(world, id, &content.message);
    let sent = remember(from, id, content, Some(name.to_owned()));
    let mut signal = from.signal();
    let (distribution, ciphertext) =
        signal.encrypt_group(name, &format!("{}@lid", from.lid), &sent.plaintext)?;
    let distribution = MessageUtils::encode_and_pad(&Message {
        sender_key_distribution_message: MessageField::some(SenderKeyDistributionMessage {
            group_id: Some(name.to_owned()),
            axolotl_sender_key_distribution_message: Some(distribution),
        }),
        ..Default::default()
    });
    let mut shared = of_kind(enc("skmsg", ciphertext), &sent);
    if corrupts(world, from) {
        break_open(&mut shared);
    }
    for to in to {
        let own = to.phone == from.phone;
        let devices = if own { deliver::all_device_ids(to) } else { deliver::device_ids(to) };
        for device in devices {
            let mut encs = Vec::new();
            let key = (name.to_owned(), format!("{}:{device}", to.phone));
            if from.agent().distributed.insert(key) {
                encs.push(seal(world, &mut signal, to, device, &distribution)?);
            }
            encs.push(shared.clone());
            if own {
                let (group, chat) = (Some(name.to_owned()), name.to_owned());
                let inbound = Inbound { from: to, device: 0, group, chat };
                if companion::receive(world, to, device, &inbound, id, &encs) {
                    continue;
                }
            }
            deliver::to_device(world, to, device, group_head(from, name, id, &sent).children(encs).build());
        }
    }
    drop(signal);
    count(&world.stats.contact_messages);
    world.touch();
    Ok(())
}

/// Makes a new sender key for the next message in `group`.
pub(crate) fn forget_sender_key(account: &Account, group: &str) {
    account.signal().forget_sender_key(group, &format!("{}@lid", account.lid));
    account.agent().distributed.retain(|(name, _)| name != group);
}
