//! An instance in a list.

use serde::Serialize;
use serde_json::Value;

use crate::clock::rfc3339;
use crate::db::Listed;
use crate::domain::{ConnectionState, InstanceId, InstanceName, Settings, SinkKind};
use crate::http::sink;
use crate::instance::View;

/// What a list shows beside the row.
pub(super) struct Sight {
    /// The state, when it runs on this node; the row may lag behind it.
    pub(super) running: Option<View>,
    /// Whether the caller may see the token.
    pub(super) with_token: bool,
}

/// The row of an instance as clients read it. Some names in it have a capital letter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    id: InstanceId,
    name: &'a InstanceName,
    instance_name: &'a InstanceName,
    connection_status: ConnectionState,
    owner_jid: Option<String>,
    profile_name: Option<String>,
    profile_pic_url: Option<String>,
    history_progress: Option<u32>,
    integration: &'a str,
    number: Option<&'a str>,
    business_id: Option<&'a str>,
    token: Option<&'a str>,
    client_name: &'a str,
    disconnection_reason_code: Option<i32>,
    disconnection_object: Option<&'a str>,
    disconnection_at: Option<String>,
    created_at: String,
    updated_at: String,
    #[serde(rename = "Chatwoot")]
    chatwoot: (),
    #[serde(rename = "Proxy")]
    proxy: (),
    #[serde(rename = "Rabbitmq")]
    rabbitmq: Option<Value>,
    #[serde(rename = "Nats")]
    nats: (),
    #[serde(rename = "Sqs")]
    sqs: (),
    #[serde(rename = "Websocket")]
    websocket: Option<Value>,
    #[serde(rename = "Setting")]
    setting: Setting<'a>,
    #[serde(rename = "_count")]
    count: Count,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    id: InstanceId,
    created_at: String,
    updated_at: String,
    instance_id: InstanceId,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Count {
    message: u64,
    contact: u64,
    chat: u64,
}

/// The row with what is seen beside it.
pub(super) fn shown<'a>(listed: &'a Listed, sight: &'a Sight) -> Shown<'a> {
    let Listed { instance: row, counts, sinks } = listed;
    let running = sight.running.as_ref();
    let disconnection = running.map_or(&row.disconnection, |view| &view.disconnection).as_ref();
    let sink = |kind: SinkKind| {
        let found = sinks.iter().find(|sink| sink.kind == kind);
        found.map(|found| sink::shown(found, row.id))
    };
    let (created_at, updated_at) = (rfc3339(row.created_at), rfc3339(row.updated_at));
    let seen = |of_view: fn(&View) -> Option<String>, of_row: &Option<String>| {
        running.and_then(of_view).or_else(|| of_row.clone())
    };
    Shown {
        id: row.id,
        name: &row.name,
        instance_name: &row.name,
        connection_status: running.map_or(row.state, |view| view.state),
        owner_jid: seen(|view| view.owner.as_ref().map(ToString::to_string), &row.owner_jid),
        profile_name: seen(|view| view.profile_name.clone(), &row.profile_name),
        profile_pic_url: seen(|view| view.profile_pic_url.clone(), &row.profile_pic_url),
        history_progress: running.and_then(|view| view.history_progress),
        integration: &row.integration,
        number: row.number.as_deref(),
        business_id: row.business_id.as_deref(),
        token: sight.with_token.then_some(row.token.as_str()),
        client_name: &row.client_name,
        disconnection_reason_code: disconnection.map(|end| end.code),
        disconnection_object: disconnection.and_then(|end| end.object.as_deref()),
        disconnection_at: disconnection.map(|end| rfc3339(end.at)),
        created_at: created_at.clone(),
        updated_at: updated_at.clone(),
        chatwoot: (),
        proxy: (),
        rabbitmq: sink(SinkKind::Rabbitmq),
        nats: (),
        sqs: (),
        websocket: sink(SinkKind::Websocket),
        setting: Setting { settings: &row.settings, id: row.id, created_at, updated_at, instance_id: row.id },
        count: Count { message: counts.messages, contact: counts.contacts, chat: counts.chats },
    }
}
