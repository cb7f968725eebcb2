//! A phone sends: messages, chat states, calls, receipts.

use std::sync::Arc;

use buffa::MessageField;
use wacore::messages::MessageUtils;
use wacore_binary::{Jid, Node, NodeContent, builder::NodeBuilder};
use wacore_libsignal::protocol::PreKeySignalMessage;
use waproto::whatsapp::{Message, message::DeviceSentMessage};

use super::{
    agent::Sent,
    attach, broadcast,
    content::Content,
    signal::{Signal, address},
};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    relay::{blocklist, deliver, devices, tokens},
    wire::nodes::el,
    world::{World, account::Account, stats::count},
};

/// Encrypts for a companion device, starting a session when there is none.
pub(crate) fn seal(
    world: &World,
    signal: &mut Signal,
    to: &Account,
    device: u16,
    plaintext: &[u8],
) -> Result<Node> {
    let peer = address(&to.lid, device);
    if !signal.has_session(&peer) {
        let bundle = devices::take_bundle(world, to, device);
        let bundle = bundle.ok_or_else(|| Error::NotFound(format!("device {device} of {}", to.phone)))?;
        signal.start_session(&peer, &bundle)?;
    }
    let sealed = signal.encrypt(&peer, plaintext)?;
    Ok(enc(sealed.kind, sealed.bytes))
}

pub(super) fn enc(kind: &'static str, bytes: Vec<u8>) -> Node {
    el("enc").attr("v", "2").attr("type", kind).bytes(bytes).build()
}

/// Whether the next message of this phone is ordered to arrive broken.
pub(super) fn corrupts(world: &World, from: &Account) -> bool {
    let corrupt = from.agent().corrupts();
    world.faults.used("corrupt", u64::from(corrupt));
    corrupt
}

/// Makes the authentication of a ciphertext wrong; it can still be parsed, or the client would not ask again.
pub(super) fn break_open(enc: &mut Node) {
    let Some(NodeContent::Bytes(bytes)) = &mut enc.content else { return };
    let authentication = match PreKeySignalMessage::try_from(&bytes[..]) {
        // The message proper is inside, and ends with its authentication as a bare one does.
        Ok(outer) => {
            let inner = outer.message().serialized();
            bytes.windows(inner.len()).position(|part| part == inner).map(|start| start + inner.len())
        }
        Err(_) => Some(bytes.len()),
    };
    if let Some(last) = authentication.and_then(|end| bytes.get_mut(end.checked_sub(1)?)) {
        *last ^= 0xFF;
    }
}

/// Adds what ciphertexts of this message say about its kind.
pub(super) fn of_kind(mut enc: Node, sent: &Sent) -> Node {
    if let Some(media_type) = sent.media_type {
        enc.attrs.insert("mediatype", media_type);
    }
    enc
}

/// The contact's own address in the form it uses.
pub(crate) fn own_address(account: &Account) -> Jid {
    let lid = account.agent().behaviour.as_ref().is_some_and(|behaviour| behaviour.use_lid);
    if lid { account.lid() } else { account.pn() }
}

fn head(account: &Account, id: &str, sent: &Sent) -> NodeBuilder {
    let stanza = el("message")
        .attr("id", id)
        .attr("t", unix_seconds())
        .attr("type", sent.stanza_type)
        .attr("notify", account.display_name());
    match sent.edit {
        Some(edit) => stanza.attr("edit", edit),
        None => stanza,
    }
}

pub(super) fn direct_head(account: &Account, id: &str, sent: &Sent) -> NodeBuilder {
    let own = own_address(account);
    let stanza = head(account, id, sent);
    let stanza = if own.is_lid() {
        stanza.attr("sender_pn", account.pn())
    } else {
        stanza.attr("sender_lid", account.lid())
    };
    stanza.attr("from", own)
}

pub(super) fn group_head(account: &Account, group: &str, id: &str, sent: &Sent) -> NodeBuilder {
    head(account, id, sent)
        .attr("from", group.parse::<Jid>().unwrap_or_else(|_| Jid::group(group)))
        .attr("participant", account.lid())
        .attr("participant_pn", account.pn())
        .attr("addressing_mode", "lid")
}

pub(super) fn remember(account: &Account, id: &str, content: &Content, group: Option<String>) -> Sent {
    let sent = Sent {
        plaintext: MessageUtils::encode_and_pad(&content.message),
        stanza_type: content.stanza_type,
        edit: content.edit,
        media_type: content.media_type,
        group,
    };
    let mut agent = account.agent();
    agent.secrets.remember(id, &account.phone, &content.message);
    agent.remember(id, sent.clone());
    sent
}

/// Sends a direct message to every companion device of `to`. Messages of one phone keep their order.
pub(crate) fn direct(world: &World, from: &Account, to: &Account, id: &str, content: &Content) -> Result<()> {
    attach::remember(world, id, &content.message);
    let sent = remember(from, id, content, None);
    if blocklist::blocks(to, from) {
        return Ok(());
    }
    tokens::trust(world, from, to);
    // Held until all copies are queued, so that a later message cannot overtake this one.
    let mut signal = from.signal();
    let corrupt = corrupts(world, from);
    for device in deliver::device_ids(to) {
        let mut enc = of_kind(seal(world, &mut signal, to, device, &sent.plaintext)?, &sent);
        if corrupt {
            break_open(&mut enc);
        }
        deliver::to_device(world, to, device, direct_head(from, id, &sent).children([enc]).build());
    }
    let own = Message {
        device_sent_message: MessageField::some(DeviceSentMessage {
            destination_jid: Some(to.pn().to_string()),
            message: MessageField::some(content.message.clone()),
            ..Default::default()
        }),
        ..Default::default()
    };
    broadcast::copies(world, &mut signal, from, id, &sent, &to.pn(), &MessageUtils::encode_and_pad(&own))?;
    drop(signal);
    count(&world.stats.contact_messages);
    world.touch();
    Ok(())
}

/// Sends a message of the phone to one of the account's own devices.
pub(crate) fn peer(world: &World, account: &Account, device: u16, id: &str, message: &Message) -> Result<()> {
    let plaintext = MessageUtils::encode_and_pad(message);
    let mut signal = account.signal();
    let enc = seal(world, &mut signal, account, device, &plaintext)?;
    let stanza = el("message")
        .attr("from", account.pn())
        .attr("id", id)
        .attr("t", unix_seconds())
        .attr("type", "text")
        .attr("category", "peer")
        .children([enc])
        .build();
    deliver::to_device(world, account, device, stanza);
    Ok(())
}

/// Sends a remembered message again to one device, over a fresh session.
pub(crate) fn again(world: &World, from: &Account, to: &Account, device: u16, id: &str) -> Result<()> {
    let sent = from.agent().sent.get(id).cloned().ok_or_else(|| Error::NotFound(format!("message {id}")))?;
    let mut signal = from.signal();
    let bundle = devices::take_bundle(world, to, device)
        .ok_or_else(|| Error::NotFound(format!("device {device} of {}", to.phone)))?;
    signal.start_session(&address(&to.lid, device), &bundle)?;
    if let Some(group) = &sent.group {
        // The device may lack the sender key as well: the next group message brings it.
        from.agent().distributed.remove(&(group.clone(), format!("{}:{device}", to.phone)));
    }
    let mut enc = of_kind(seal(world, &mut signal, to, device, &sent.plaintext)?, &sent);
    enc.attrs.insert("count", "1");
    let stanza = match &sent.group {
        Some(group) => group_head(from, group, id, &sent),
        None => direct_head(from, id, &sent),
    };
    deliver::to_device(world, to, device, stanza.children([enc]).build());
    world.touch();
    Ok(())
}

/// Sends a receipt for a message. `kind` is empty for delivery. `group` is the chat of a group message.
pub(crate) fn receipt(
    world: &World,
    from: &Account,
    to: &Account,
    id: &str,
    kind: &str,
    group: Option<&str>,
) {
    let mut stanza = el("receipt").attr("id", id).attr("t", unix_seconds());
    stanza = match group.and_then(|group| group.parse::<Jid>().ok()) {
        Some(group) => stanza.attr("from", group).attr("participant", from.lid()),
        None => stanza.attr("from", own_address(from)),
    };
    if !kind.is_empty() {
        stanza = stanza.attr("type", kind);
    }
    deliver::to_account(world, to, None, &stanza.build());
}

/// Shows `composing`, `recording` or `paused` to an account.
pub(crate) fn chat_state(world: &World, from: &Account, to: &Account, state: &str) {
    let child = match state {
        "recording" => el("composing").attr("media", "audio").build(),
        "composing" => el("composing").build(),
        _ => el("paused").build(),
    };
    let stanza = el("chatstate").attr("from", own_address(from)).children([child]).build();
    if !blocklist::blocks(to, from) {
        deliver::to_account(world, to, None, &stanza);
    }
}

/// Rings an account, or ends the ringing with `terminate`.
pub(crate) fn call(world: &World, from: &Account, to: &Account, call_id: &str, terminate: bool, video: bool) {
    let creator = own_address(from);
    let action = if terminate {
        el("terminate")
            .attr("call-id", call_id)
            .attr("call-creator", &creator)
            .attr("reason", "timeout")
            .build()
    } else {
        let mut media = vec![el("audio").attr("enc", "opus").attr("rate", 16_000).build()];
        if video {
            media.push(el("video").build());
        }
        el("offer")
            .attr("call-id", call_id)
            .attr("call-creator", &creator)
            .attr("caller_pn", from.pn())
            .children(media)
            .build()
    };
    let stanza = el("call")
        .attr("from", creator)
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .attr("notify", from.display_name())
        .children([action])
        .build();
    if !blocklist::blocks(to, from) {
        deliver::to_account(world, to, None, &stanza);
    }
}

/// The account to send to, or an error that names it.
pub(crate) fn target(world: &World, phone: &str) -> Result<Arc<Account>> {
    world.directory.phone(phone).ok_or_else(|| Error::NotFound(format!("account {phone}")))
}
