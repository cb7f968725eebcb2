//! `POST /chat/updateMessage/{instance}`.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::carry_out;
use super::key::Key;
use crate::channel::Edit;
use crate::domain::{Event, EventKind, StoredMessage};
use crate::events::{Journal, MessageHead, Routed, Write};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// WhatsApp takes edits for this long, in seconds.
const EDITABLE: i64 = 15 * 60;

/// A message to edit.
#[derive(ToSchema)]
pub struct EditMessage {
    /// Which.
    key: Key,
    /// The new text.
    text: String,
}

impl Input for EditMessage {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let text = fields.filled_text("text");
        let key = fields.required_object("key").and_then(|key| Key::among(&key));
        Some(Self { key: key?, text: text? })
    }
}

/// The content of a message with another text; `None` when it has none.
fn edited(message: &StoredMessage, text: &str) -> Option<String> {
    let mut content: Value = serde_json::from_str(&message.message).ok()?;
    match message.message_type.as_str() {
        "conversation" => content["conversation"] = json!(text),
        "extendedTextMessage" => content["extendedTextMessage"]["text"] = json!(text),
        kind @ ("imageMessage" | "videoMessage" | "documentMessage") => {
            content[kind]["caption"] = json!(text)
        }
        _ => return None,
    }
    Some(content.to_string())
}

fn told(journal: &Journal, head: &MessageHead, text: &str) -> Vec<Routed> {
    let now = journal.now();
    let data = json!({
        "key": head.key,
        // The number of `MESSAGE_EDIT` in the protocol: this event shows it so.
        "type": 14,
        "editedMessage": {"extendedTextMessage": {"text": text}},
        "timestampMs": now,
    });
    let (chat, id, time) = (head.key.remote_jid.as_str(), head.key.id.as_str(), now.to_string());
    let (kind, about) = (EventKind::SendMessageUpdate, (chat, "me", id, time.as_str()));
    let event = Event::about_message(journal.instance(), kind, about, now, &data);
    event.map(|event| journal.routed(event)).unwrap_or_default()
}

fn record(message: &StoredMessage, content: String, text: String, journal: Journal) -> Write {
    Write::Edit {
        key_id: message.key.id.clone(),
        remote_jid: Some(message.key.remote_jid.clone()),
        from_me: true,
        sender: None,
        message: content,
        events: Some(Arc::new(move |head| told(&journal, head, &text))),
    }
}

/// Edits one of our own messages.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<EditMessage>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let refused = |text: &str| Error::Invalid(text.to_owned());
    let stored = body.key.stored(&instance).await?.ok_or_else(|| refused("Message not compatible"))?;
    if !stored.key.from_me {
        return Err(refused("You cannot edit a message of somebody else"));
    }
    if instance.journal().now() / 1000 - stored.timestamp > EDITABLE {
        return Err(refused("Message is older than 15 minutes"));
    }
    let content = edited(&stored, &body.text).ok_or_else(|| refused("Message not compatible"))?;
    let is_text = matches!(stored.message_type.as_str(), "conversation" | "extendedTextMessage");
    let edit = Edit { text: body.text.clone(), file: (!is_text).then(|| content.clone()) };
    let composed = working.messages().compose_edit(&stored.key, &edit).await;
    let prepared = composed.map_err(|error| instance.explain(error))?;
    let record = record(&stored, content, body.text, instance.journal().clone());
    Ok(HttpResponse::Ok().json(carry_out((&instance, &state), working, prepared, record).await?))
}
