//! `DELETE /chat/deleteMessageForEveryone/{instance}`, and `DELETE /message/delete/{instance}`.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::change::carry_out;
use super::key::Key;
use crate::domain::message::present;
use crate::domain::{Event, EventKind, MessageKey, poll};
use crate::events::{Journal, MessageHead, Routed, Write};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

impl Input for Key {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let nested = fields.object("key").filter(|_| !fields.has("id"));
        Self::among(nested.as_ref().unwrap_or(fields))
    }
}

fn told(journal: &Journal, head: &MessageHead) -> Vec<Routed> {
    let data = json!({
        "id": head.id,
        "instanceId": journal.instance(),
        "key": present::key(&head.key, true),
        "messageType": head.message_type,
        "status": "DELETED",
        "source": head.source,
        "messageTimestamp": head.timestamp,
        "pushName": head.push_name,
        "participant": head.key.participant,
        "message": head.message.as_deref().and_then(|message| poll::shown(&head.message_type, message).0),
    });
    let about = (head.key.remote_jid.as_str(), "me", head.key.id.as_str(), "");
    let (kind, now) = (EventKind::MessagesDelete, journal.now());
    let event = Event::about_message(journal.instance(), kind, about, now, &data);
    event.map(|event| journal.routed(event)).unwrap_or_default()
}

fn record(key: MessageKey, journal: Journal) -> Write {
    Write::Delete {
        key_id: key.id,
        remote_jid: Some(key.remote_jid),
        from_me: key.from_me,
        sender: None,
        events: Some(Arc::new(move |head| told(&journal, head))),
    }
}

/// Deletes a message for everyone.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Key>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let key = body.whole(&instance).await?;
    let composed = working.messages().compose_delete(&key).await;
    let prepared = composed.map_err(|error| instance.explain(error))?;
    let record = record(key, instance.journal().clone());
    Ok(HttpResponse::Created().json(carry_out((&instance, &state), working, prepared, record).await?))
}
