//! The life of the connection as the library reports it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wacore::iq::dirty::DirtyType;
use wacore::types::events::{Event, EventInterest, EventKind, ServerAck, TempBanReason};
use whatsapp_rust::Client;

use super::address::from_wire;
use super::changes;
use super::connection::Context;
use super::hook;
use super::intake::{Item, Picture};
use crate::channel::{End, Signal};
use crate::domain::{EventKind as Told, Jid};
use crate::events::{EventsFor, Write};
use crate::telemetry::metrics::DECRYPT_FAILURES;

/// How long a new link waits for the address of its picture, which is told with it. One that was open
/// before has it on record.
const FIRST_PICTURE: Duration = Duration::from_secs(2);

/// What the node wants to know; everything else is not even materialised by the library.
pub fn interest() -> EventInterest {
    EventInterest::of(&[
        EventKind::Connected,
        EventKind::Disconnected,
        EventKind::PairSuccess,
        EventKind::LoggedOut,
        EventKind::PairingQrCode,
        EventKind::PairingQrCodesExhausted,
        EventKind::ClientOutdated,
        EventKind::Receipt,
        EventKind::ServerAck,
        EventKind::ChatPresence,
        EventKind::Presence,
        EventKind::IncomingCall,
        EventKind::StreamReplaced,
        EventKind::TemporaryBan,
        EventKind::ConnectFailure,
        EventKind::SelfPushNameUpdated,
        EventKind::ContactUpdate,
        EventKind::UndecryptableMessage,
        EventKind::ArchiveUpdate,
        EventKind::PinUpdate,
        EventKind::MuteUpdate,
        EventKind::MarkChatAsReadUpdate,
        EventKind::DeleteChatUpdate,
        EventKind::LabelEditUpdate,
        EventKind::LabelAssociationUpdate,
        EventKind::PictureUpdate,
        EventKind::ContactUpdated,
        EventKind::GroupUpdate,
        EventKind::DirtyState,
        EventKind::HistorySync,
    ])
}

/// Whether a report has a second part that may take time.
pub fn is_queued(event: &Event) -> bool {
    !matches!(
        event,
        Event::ServerAck(_)
            | Event::Disconnected(_)
            | Event::PairingQrCodesExhausted(_)
            | Event::UndecryptableMessage(_)
            | Event::DirtyState(_)
    )
}

/// The part that cannot wait: it is called inline by the library, and only notes things down.
pub fn at_once(context: &Context, event: &Event) {
    match event {
        Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => acknowledged(context, ack),
        // WhatsApp gave up on telling us what happened to groups while we were away.
        Event::DirtyState(state) if state.dirty_type == DirtyType::Groups => {
            context.groups.doubt(context.seat.journal.now());
        }
        // Told when a connection breaks that was not to end, and when one is open: from then on the
        // runner decides about the next one.
        Event::Disconnected(_) => context.reconnect(false),
        Event::Connected(_) => {
            context.reconnect(false);
            context.spool.wake();
        }
        Event::UndecryptableMessage(_) => metrics::counter!(DECRYPT_FAILURES).increment(1),
        Event::PairingQrCodesExhausted(_) => context.ends(End::PairingTimeout),
        Event::LoggedOut(_) => context.ends(End::LoggedOut),
        Event::StreamReplaced(_) => context.ends(End::Replaced),
        Event::ClientOutdated(_) => context.ends(End::Outdated),
        Event::TemporaryBan(ban) => {
            let expires_seconds = u64::try_from(ban.expire.num_seconds()).unwrap_or_default();
            context.ends(End::Banned { expires_seconds, reason: reason(&ban.code).to_owned() });
        }
        Event::ConnectFailure(failure) => context.ends(End::Refused(failure.reason.code())),
        _ => {}
    }
}

fn acknowledged(context: &Context, ack: &ServerAck) {
    let waited_for = context.acks.answer(&ack.id, ack.error.clone());
    if !waited_for && ack.error.is_none() {
        context.intake.offer(Item::Late(ack.id.clone()));
    }
}

const fn reason(code: &TempBanReason) -> &'static str {
    match code {
        TempBanReason::SentToTooManyPeople => "sent to too many people",
        TempBanReason::BlockedByUsers => "blocked by users",
        TempBanReason::CreatedTooManyGroups => "created too many groups",
        TempBanReason::SentTooManySameMessage => "sent the same message too often",
        TempBanReason::BroadcastList => "broadcast list",
        TempBanReason::Unknown(_) => "unknown",
    }
}

/// The part that may wait for the runner or the record.
pub async fn later(context: &Arc<Context>, client: &Arc<Client>, event: &Event) {
    match event {
        Event::PairingQrCode(qr) => context.signal(Signal::Qr(qr.code.clone())).await,
        Event::PairSuccess(pair) => {
            context.linked.store(true, Ordering::SeqCst);
            // Before any group of this account is on record.
            if let Err(error) = hook::commit(context, vec![Write::ForgetGroups]).await {
                tracing::warn!(instance = %context.seat.name, %error, "groups of an earlier account stay on record");
            }
            if let Some(jid) = from_wire(&pair.id) {
                context.signal(Signal::Paired { jid, lid: from_wire(&pair.lid) }).await;
            }
        }
        Event::Connected(_) => opened(context, client).await,
        Event::SelfPushNameUpdated(update) => {
            keep(context, client).await;
            context.signal(Signal::Profile { name: Some(update.new_name.clone()), picture: None }).await;
        }
        Event::ContactUpdate(update) => {
            if let Some(jid) = from_wire(&update.jid) {
                let name = update.action.full_name.clone().or_else(|| update.action.first_name.clone());
                saved_contact(context, &jid, name).await;
            }
        }
        _ => {}
    }
}

/// Writes the library's record of the device. Its own saver misses what changes while it saves, for
/// half a minute; a client that was killed meanwhile comes back without its push name, and waits ten
/// seconds for a phone to send it.
async fn keep(context: &Context, client: &Client) {
    if let Err(error) = client.persistence_manager().flush().await {
        tracing::warn!(instance = %context.seat.name, %error, "the device could not be saved");
    }
}

async fn opened(context: &Context, client: &Arc<Client>) {
    let (jid, lid) =
        (client.pn().and_then(|jid| from_wire(&jid)), client.lid().and_then(|lid| from_wire(&lid)));
    let Some(jid) = jid else { return };
    let name = Some(client.push_name()).filter(|name| !name.is_empty());
    context.opened.store(true, Ordering::SeqCst);
    keep(context, client).await;
    let picture = client.pn().map(|own| Picture { of: own.to_non_ad(), removed: false });
    let known = match &picture {
        Some(picture) if context.linked.swap(false, Ordering::SeqCst) => {
            let looking = changes::picture(context, client, picture);
            tokio::time::timeout(FIRST_PICTURE, looking).await.is_ok()
        }
        _ => false,
    };
    context.signal(Signal::Open { jid, lid, name }).await;
    if let Some(picture) = picture.filter(|_| !known) {
        context.intake.look_up(picture);
    }
    // An account that shows itself as online takes notifications away from its phone: only those
    // who ask for it are.
    let online = context.seat.settings.borrow().always_online;
    if let Err(error) = super::presence::set_online(client, online).await {
        tracing::debug!(instance = %context.seat.name, %error, "the presence could not be sent");
    }
}

/// A contact of the phone's address book.
async fn saved_contact(context: &Context, jid: &Jid, name: Option<String>) {
    let journal = &context.seat.journal;
    let (later, shown) = (journal.clone(), name.clone());
    let write = Write::Contact {
        remote_jid: jid.to_string(),
        remote_jid_alt: None,
        push_name: None,
        profile_pic_url: None,
        saved_name: Some(name),
        events: Some(Arc::new(move |contact, is_new| {
            let kind = if is_new { Told::ContactsUpsert } else { Told::ContactsUpdate };
            let contact = changes::contact(contact, shown.as_deref(), later.instance());
            later.event(kind, &serde_json::json!([contact]))
        })),
    };
    context.note(vec![write]).await;
}

/// An acknowledgement that nobody waits for any more: the message left after all.
pub async fn late_ack(context: &Context, id: &str) {
    let write = Write::Status {
        key_id: id.to_owned(),
        remote_jid: None,
        from_me: true,
        status: crate::domain::MessageStatus::ServerAck,
        events: EventsFor::None,
    };
    context.note(vec![write]).await;
}
