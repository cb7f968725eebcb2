//! Incoming calls: told, and rejected when the tenant wants it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::json;
use wacore::types::call::{CallAction, IncomingCall};
use wacore_binary::Jid as WireJid;
use whatsapp_rust::Client;

use super::address;
use super::connection::{Connection, Context};
use crate::channel::{Calls, Error};
use crate::domain::{EventKind, Jid};
use crate::events::Write;

/// Calls that are remembered. They ring for a minute or so.
const REMEMBERED: usize = 64;

/// A call that rang, with its parties as the protocol names them.
#[derive(Clone)]
struct Rang {
    id: String,
    peer: WireJid,
    creator: WireJid,
    kind: Kind,
}

/// What only the offer of a call says of it.
#[derive(Clone, Copy, Default)]
struct Kind {
    video: bool,
    group: bool,
}

/// The calls that rang lately.
#[derive(Default)]
pub struct Ringing(Mutex<VecDeque<Rang>>);

impl Ringing {
    fn note(&self, call: &IncomingCall, kind: Kind) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= REMEMBERED {
            calls.pop_front();
        }
        let (id, creator) = (call.action.call_id().to_owned(), call.action.call_creator().clone());
        calls.push_back(Rang { id, peer: call.from.clone(), creator, kind });
    }

    fn find(&self, call_id: &str) -> Option<Rang> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().rev().find(|rang| rang.id == call_id).cloned()
    }
}

#[async_trait]
impl Calls for Connection {
    /// Ringing needs the library's part for voice, which is not built in.
    async fn offer(&self, _: &Jid, _: bool) -> Result<String, Error> {
        Err(super::unsupported("placing calls"))
    }

    async fn reject(&self, call_id: &str, from: Option<&Jid>) -> Result<(), Error> {
        let client = self.client()?;
        let known = self.context.ringing.find(call_id);
        let (peer, creator) = match (known, from) {
            (Some(rang), _) => (rang.peer, rang.creator),
            (None, Some(from)) => {
                let from = address::to_wire(from)?;
                (from.clone(), from)
            }
            (None, None) => {
                let reason = "is needed: no such call rang lately".to_owned();
                return Err(Error::Invalid { field: "from", reason });
            }
        };
        self.answer(client.voip().reject_call(call_id, &peer, &creator)).await
    }
}

/// Tells about a call, and rejects an offer if the settings say so.
pub async fn incoming(context: &Context, client: &Arc<Client>, call: &IncomingCall) {
    let (status, offered, stated) = match &call.action {
        CallAction::Offer { is_video, group_jid, caller_pn, .. } => {
            let kind = Kind { video: *is_video, group: group_jid.is_some() };
            ("offer", Some(kind), caller_pn.as_ref())
        }
        CallAction::OfferNotice { is_video, is_group, .. } => {
            ("offer", Some(Kind { video: *is_video, group: *is_group }), None)
        }
        CallAction::Accept { .. } => ("accept", None, None),
        CallAction::Reject { .. } => ("reject", None, None),
        CallAction::Terminate { reason, .. } if reason.as_deref() == Some("timeout") => {
            ("timeout", None, None)
        }
        CallAction::Terminate { .. } => ("terminate", None, None),
        _ => return,
    };
    let kind = match offered {
        Some(kind) => {
            context.ringing.note(call, kind);
            kind
        }
        None => context.ringing.find(call.action.call_id()).map(|rang| rang.kind).unwrap_or_default(),
    };
    let Some(chat) = address::shown(client, &call.from, stated).await else { return };
    let Some(from) = address::shown(client, call.action.call_creator(), stated).await else { return };
    let journal = &context.seat.journal;
    let mut data = json!({
        "chatId": chat.jid,
        "from": from.jid,
        "id": call.action.call_id(),
        "date": crate::clock::rfc3339(call.timestamp.timestamp_millis()),
        "offline": call.offline,
        "status": status,
        "isVideo": kind.video,
        "isGroup": kind.group,
    });
    if let CallAction::Offer { group_jid: Some(group), .. } = &call.action {
        data["groupJid"] = json!(address::from_wire(group));
    }
    context.note(journal.event(EventKind::Call, &data).into_iter().map(Write::Event).collect()).await;
    let settings = context.seat.settings.borrow().clone();
    if status == "offer" && settings.reject_call {
        reject(context, client, call, &from.jid, &settings.msg_call).await;
    }
}

async fn reject(context: &Context, client: &Arc<Client>, call: &IncomingCall, caller: &Jid, text: &str) {
    if let Err(error) = client.voip().reject(call).await {
        tracing::warn!(instance = %context.seat.name, %error, "a call could not be rejected");
    }
    if !text.is_empty()
        && let Ok(to) = address::to_wire(caller)
        && let Err(error) = client.send_text(to, text).await
    {
        tracing::warn!(instance = %context.seat.name, %error, "the caller could not be told");
    }
}
