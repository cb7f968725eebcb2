//! An instance in a list.

use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::db::Counts;
use crate::domain::{Instance, Sink, SinkKind};
use crate::http::sink;
use crate::instance::View;

/// What a list shows beside the row.
pub(super) struct Sight<'a> {
    /// The state, when it runs on this node; the row may lag behind it.
    pub(super) running: Option<View>,
    pub(super) sinks: &'a [Sink],
    pub(super) counts: Counts,
    /// Whether the caller may see the token.
    pub(super) with_token: bool,
}

/// The row of an instance as clients read it.
pub(super) fn shown(row: &Instance, sight: &Sight<'_>) -> Value {
    let running = sight.running.as_ref();
    let state = running.map_or(row.state, |view| view.state);
    let disconnection = running.map_or(&row.disconnection, |view| &view.disconnection).as_ref();
    let sink = |kind: SinkKind| {
        let found = sight.sinks.iter().find(|sink| sink.kind == kind);
        found.map(|found| sink::shown(found, row.id))
    };
    let (created, updated) = (rfc3339(row.created_at), rfc3339(row.updated_at));
    let mut settings = json!(row.settings);
    settings["id"] = json!(row.id);
    settings["createdAt"] = json!(created);
    settings["updatedAt"] = json!(updated);
    settings["instanceId"] = json!(row.id);
    json!({
        "id": row.id,
        "name": row.name,
        "instanceName": row.name,
        "connectionStatus": state,
        "ownerJid": running.and_then(|view| view.owner.as_ref()).map(ToString::to_string).or(row.owner_jid.clone()),
        "profileName": running.and_then(|view| view.profile_name.clone()).or(row.profile_name.clone()),
        "profilePicUrl": running.and_then(|view| view.profile_pic_url.clone()).or(row.profile_pic_url.clone()),
        "historyProgress": running.and_then(|view| view.history_progress),
        "integration": row.integration,
        "number": row.number,
        "businessId": row.business_id,
        "token": sight.with_token.then_some(&row.token),
        "clientName": row.client_name,
        "disconnectionReasonCode": disconnection.map(|end| end.code),
        "disconnectionObject": disconnection.and_then(|end| end.object.clone()),
        "disconnectionAt": disconnection.map(|end| rfc3339(end.at)),
        "createdAt": created,
        "updatedAt": updated,
        "Chatwoot": null,
        "Proxy": null,
        "Rabbitmq": sink(SinkKind::Rabbitmq),
        "Nats": null,
        "Sqs": null,
        "Websocket": sink(SinkKind::Websocket),
        "Setting": settings,
        "_count": {
            "Message": sight.counts.messages,
            "Contact": sight.counts.contacts,
            "Chat": sight.counts.chats,
        },
    })
}
