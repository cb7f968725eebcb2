//! An active phone receives: it decrypts, records and answers by itself.

use std::sync::Arc;

use wacore_binary::{Node, NodeContent, NodeRef};
use waproto::whatsapp::Message;

use super::{
    agent::{Behaviour, Received, Signalled},
    attach::{self, ReceivedMedia},
    companion, content,
    recognise::{self, Recognised},
    retry, secrets, send,
    signal::{Signal, address},
};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    wire::nodes::text,
    world::{World, account::Account, stats::count},
};

/// Where a message came from.
pub(crate) struct Inbound<'a> {
    pub(crate) from: &'a Arc<Account>,
    pub(crate) device: u16,
    /// JID of the group or of the status broadcast.
    pub(crate) group: Option<String>,
    pub(crate) chat: String,
}

/// Handles the ciphertexts of one message for a device that is simulated here: the phone or a companion of
/// a contact. False when the device is a client's.
pub(crate) fn simulated(
    world: &World,
    target: &Arc<Account>,
    device: u16,
    inbound: &Inbound<'_>,
    node: &NodeRef<'_>,
    encs: &[Node],
) -> bool {
    if device != 0 {
        let id = text(node, "id").unwrap_or_default();
        return companion::receive(world, target, device, inbound, &id, encs);
    }
    if target.active() {
        message(world, target, inbound, node, encs);
    }
    true
}

/// Handles the ciphertexts of one message for the phone of `target`.
pub(crate) fn message(
    world: &World,
    target: &Arc<Account>,
    inbound: &Inbound<'_>,
    node: &NodeRef<'_>,
    encs: &[Node],
) {
    let id = text(node, "id").unwrap_or_default().into_owned();
    let mut content = None;
    let pretends = !Arc::ptr_eq(target, inbound.from) && target.agent().pretends();
    world.faults.used("askRetry", u64::from(pretends));
    for enc in encs {
        let opened = if pretends {
            Err(Error::Crypto("so pretended".into()))
        } else {
            open(&mut target.signal(), inbound, enc)
        };
        match opened {
            Ok(message) => {
                let message = recognise::unwrap(message);
                let recognised = recognise::recognise(&message);
                if recognised.kind != "senderKeyDistribution" {
                    content = Some((recognised, message));
                }
            }
            Err(error) => {
                count(&world.stats.undecryptable);
                tracing::warn!(%error, id, "a phone cannot decrypt a message");
                let unreadable = Recognised { kind: "undecryptable", ..Recognised::default() };
                record(world, target, &inbound.into(), &id, unreadable, None);
                let acts = target.agent().behaviour.is_some();
                if acts && let Err(error) = retry::ask(world, target, inbound, &id) {
                    tracing::warn!(%error, id, "cannot ask for a retry");
                }
                return;
            }
        }
    }
    world.touch();
    let Some((content, message)) = content else { return };
    understood(world, target, inbound, &id, content, &message);
}

/// Records a message that was decrypted, and answers it.
fn understood(
    world: &World,
    target: &Arc<Account>,
    inbound: &Inbound<'_>,
    id: &str,
    mut content: Recognised,
    message: &Message,
) {
    let behaviour = target.agent().behaviour.clone();
    attach::remember(world, id, message);
    target.agent().secrets.remember(id, &inbound.from.phone, message);
    reveal(world, target, inbound.from, &mut content, message);
    let download = behaviour.as_ref().is_some_and(|behaviour| behaviour.auto_download);
    let media = download.then(|| attach::receive(world, message)).flatten();
    let reply_to = content.text.clone().filter(|_| replied(content.kind));
    let total = record(world, target, &inbound.into(), id, content, media);
    if let Some(behaviour) = behaviour
        && !Arc::ptr_eq(target, inbound.from)
    {
        answer(world, target, inbound, id, &behaviour, reply_to.as_deref(), total);
    }
}

/// Records a post of a newsletter that the phone follows.
pub(crate) fn published(
    world: &World,
    target: &Arc<Account>,
    from: &Account,
    chat: &str,
    id: &str,
    message: &Message,
) {
    let download = target.agent().behaviour.as_ref().is_some_and(|behaviour| behaviour.auto_download);
    let media = download.then(|| attach::receive(world, message)).flatten();
    let place = Place { from, device: 0, chat };
    record(world, target, &place, id, recognise::recognise(message), media);
}

/// Decrypts what is encrypted once more inside a message: votes and edits.
fn reveal(world: &World, target: &Account, from: &Account, content: &mut Recognised, message: &Message) {
    if let Some(vote) = message.poll_update_message.as_option() {
        match secrets::read_vote(world, target, from, vote) {
            Some(options) => content.details = options,
            None => content.kind = "unreadableVote",
        }
    }
    if let Some(edit) = message.secret_encrypted_message.as_option()
        && let Some((id, edited)) = secrets::read_edit(world, target, from, edit)
    {
        *content = Recognised { kind: "edit", target: Some(id), ..recognise::recognise(&edited) };
    }
}

fn replied(kind: &str) -> bool {
    kind == "text" || kind == "extendedText"
}

/// Decrypts a ciphertext and learns the sender key that may come with it.
pub(super) fn open(signal: &mut Signal, inbound: &Inbound<'_>, enc: &Node) -> Result<Message> {
    let kind = enc.attrs.get("type").map(|kind| kind.as_str().into_owned()).unwrap_or_default();
    let Some(NodeContent::Bytes(bytes)) = &enc.content else {
        return Err(Error::Invalid("ciphertext without bytes".into()));
    };
    let peer = address(&inbound.from.lid, inbound.device);
    let plaintext = match (kind.as_str(), &inbound.group) {
        ("skmsg", Some(group)) => signal.decrypt_group(group, peer.as_str(), bytes)?,
        (kind, _) => signal.decrypt(&peer, kind, bytes)?,
    };
    let message = wacore::messages::decode_plaintext(&plaintext, 2)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    if let Err(error) = learn(signal, inbound, &message) {
        tracing::warn!(%error, "sender key refused");
    }
    Ok(message)
}

fn learn(signal: &mut Signal, inbound: &Inbound<'_>, message: &Message) -> Result<()> {
    let Some(distribution) = message.sender_key_distribution_message.as_option() else { return Ok(()) };
    let (Some(group), Some(bytes)) =
        (&distribution.group_id, &distribution.axolotl_sender_key_distribution_message)
    else {
        return Ok(());
    };
    let peer = address(&inbound.from.lid, inbound.device);
    signal.learn_sender_key(group, peer.as_str(), bytes)
}

/// Where a recorded message came from.
pub(super) struct Place<'a> {
    from: &'a Account,
    device: u16,
    chat: &'a str,
}

impl<'a> From<&'a Inbound<'_>> for Place<'a> {
    fn from(inbound: &'a Inbound<'_>) -> Self {
        Self { from: inbound.from, device: inbound.device, chat: &inbound.chat }
    }
}

fn record(
    world: &World,
    target: &Account,
    place: &Place<'_>,
    id: &str,
    content: Recognised,
    media: Option<ReceivedMedia>,
) -> u64 {
    target.agent().sequences.observe(content.kind, content.text.as_deref());
    let received = received(place, id, content, media);
    target.agent().record(received, world.options.max_received)
}

/// A message as it is recorded; its number is given by the list it goes to.
pub(super) fn received(
    place: &Place<'_>,
    id: &str,
    content: Recognised,
    media: Option<ReceivedMedia>,
) -> Received {
    Received {
        seq: 0,
        id: id.to_owned(),
        chat: place.chat.to_owned(),
        from: place.from.phone.clone(),
        device: place.device,
        kind: content.kind.to_owned(),
        text: content.text,
        target: content.target,
        quoted: content.quoted,
        mentions: content.mentions,
        forwarded: content.forwarded,
        view_once: content.view_once,
        ephemeral: content.ephemeral,
        details: content.details,
        media,
        timestamp: unix_seconds(),
    }
}

fn answer(
    world: &World,
    target: &Arc<Account>,
    inbound: &Inbound<'_>,
    id: &str,
    behaviour: &Behaviour,
    text: Option<&str>,
    total: u64,
) {
    let group = inbound.group.as_deref();
    if behaviour.auto_receipt {
        send::receipt(world, target, inbound.from, id, "", group);
    }
    if behaviour.auto_read {
        send::receipt(world, target, inbound.from, id, "read", group);
    }
    if let (Some(reply), Some(text), None) = (&behaviour.auto_reply, text, group) {
        let reply = reply.replace("{n}", &total.to_string()).replace("{text}", text);
        let content = content::text(&reply, None, false);
        if let Err(error) = send::direct(world, target, inbound.from, &world.message_id(), &content) {
            tracing::warn!(%error, "automatic reply failed");
        }
    }
}

/// Records a receipt, chat state or call action that reached the phone of `target`.
pub(crate) fn signal(world: &World, target: &Account, from: &Account, kind: &str, ids: Vec<String>) {
    let signal =
        Signalled { kind: kind.to_owned(), from: from.phone.clone(), ids, timestamp: unix_seconds() };
    target.agent().signal(signal, world.options.max_received);
}

/// Answers a retry receipt with the message under a fresh session.
pub(crate) fn retry(world: &World, target: &Account, from: &Account, device: u16, node: &NodeRef<'_>) {
    let ids = crate::relay::receipt::ids(node);
    for id in &ids {
        if let Err(error) = send::again(world, target, from, device, id) {
            tracing::warn!(%error, id, "cannot answer a retry receipt");
        }
    }
    signal(world, target, from, "retry", ids);
}
