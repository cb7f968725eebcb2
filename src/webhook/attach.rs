//! Files that go along with an event as base64, for endpoints that want them. They are fetched for
//! the attempt: neither the outbox nor a queue carries them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::{RawValue, to_raw_value};

use super::Endpoint;
use crate::db::OutboxRow;
use crate::domain::{Event, EventKind, InstanceId, MessageKey};

/// Gets the files of messages.
#[async_trait]
pub trait Attach: Send + Sync + 'static {
    /// The file of an instance's message as base64, by WhatsApp's id of it and its content, which is JSON
    /// text in the form of the API. `None` when it has no file, or the file is too large or cannot be had.
    async fn base64(&self, instance: InstanceId, id: &str, message: &str) -> Option<String>;
}

/// Whether an event may have a file for this endpoint.
pub(super) fn is_wanted(row: &OutboxRow, endpoint: &Endpoint) -> bool {
    let kind = row.event.kind;
    endpoint.base64
        && matches!(kind, EventKind::MessagesUpsert | EventKind::SendMessage)
        && row.event.data.get().contains("\"mediaKey\"")
}

type Object = BTreeMap<String, Box<RawValue>>;

/// The row with the file in `data.message.base64`; `None` when it stays as it is.
pub(super) async fn attached(row: &OutboxRow, attach: &dyn Attach) -> Option<OutboxRow> {
    let mut data: Object = serde_json::from_str(row.event.data.get()).ok()?;
    let message = data.remove("message")?;
    let key: MessageKey = serde_json::from_str(data.get("key")?.get()).ok()?;
    let file = attach.base64(row.instance, &key.id, message.get()).await?;
    let mut message: Object = serde_json::from_str(message.get()).ok()?;
    message.insert("base64".to_owned(), to_raw_value(&file).ok()?);
    drop(file);
    data.insert("message".to_owned(), to_raw_value(&message).ok()?);
    drop(message);
    let data = to_raw_value(&data).ok()?;
    let event = Event { data, chat: row.event.chat.clone(), ..*row.event };
    Some(OutboxRow { event: Arc::new(event), ..row.clone() })
}
