//! The answer to a creation.

use serde_json::{Value, json};

use super::connect::qrcode;
use crate::config::server::Dialect;
use crate::domain::{Sink, SinkKind};
use crate::instance::{Connecting, Handle};

/// A new instance with its token, its sinks and its first QR.
pub(super) fn shown(handle: &Handle, connecting: Option<&Connecting>, dialect: Dialect) -> Value {
    let sinks = handle.journal().sinks();
    let sink = |kind: SinkKind| sinks.iter().find(|sink| sink.kind == kind);
    let token = handle.token();
    let mut shown = json!({
        "instance": {
            "instanceName": handle.name(),
            "instanceId": handle.id(),
            "integration": handle.integration(),
            "webhookWaBusiness": null,
            "accessTokenWaBusiness": "",
            "status": handle.state(),
        },
        "hash": if dialect == Dialect::Evolution1 { json!({"apikey": token}) } else { json!(token) },
        "webhook": sink(SinkKind::Webhook).map_or_else(|| json!({}), webhook),
        "websocket": sink(SinkKind::Websocket).map_or_else(|| json!({}), feed),
        "rabbitmq": sink(SinkKind::Rabbitmq).map_or_else(|| json!({}), feed),
        "nats": {},
        "sqs": {},
        "settings": handle.settings(),
    });
    if let Some(connecting) = connecting {
        shown["qrcode"] = qrcode(connecting);
    }
    shown
}

fn webhook(sink: &Sink) -> Value {
    let options = sink.webhook.clone().unwrap_or_default();
    json!({
        "webhookUrl": options.url,
        "webhookHeaders": options.headers,
        "webhookByEvents": options.by_events,
        "webhookBase64": options.base64,
    })
}

fn feed(sink: &Sink) -> Value {
    json!({"enabled": sink.enabled})
}
