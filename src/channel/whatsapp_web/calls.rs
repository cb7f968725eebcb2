//! Incoming calls: told, and rejected when the tenant wants it.

use std::sync::Arc;

use serde_json::json;
use wacore::types::call::{CallAction, IncomingCall};
use whatsapp_rust::Client;

use super::address;
use super::connection::Context;
use crate::domain::EventKind;

/// Tells about a call, and rejects an offer if the settings say so.
pub async fn incoming(context: &Context, client: &Arc<Client>, call: &IncomingCall) {
    let (status, is_video, group, stated) = match &call.action {
        CallAction::Offer { is_video, group_jid, caller_pn, .. } => {
            ("offer", *is_video, group_jid.is_some(), caller_pn.as_ref())
        }
        CallAction::Accept { .. } => ("accept", false, false, None),
        CallAction::Reject { .. } => ("reject", false, false, None),
        CallAction::Terminate { .. } => ("timeout", false, false, None),
        _ => return,
    };
    let Some(from) = address::shown(client, &call.from, stated).await else { return };
    let journal = &context.seat.journal;
    let data = json!({
        "chatId": from.jid,
        "from": from.jid,
        "id": call.action.call_id(),
        "date": crate::clock::rfc3339(call.timestamp.timestamp_millis()),
        "offline": call.offline,
        "status": status,
        "isVideo": is_video,
        "isGroup": group,
    });
    if let Err(error) = journal.record(journal.event(EventKind::Call, &data)).await {
        tracing::warn!(instance = %context.seat.name, %error, "a call could not be recorded");
    }
    let settings = context.seat.settings.borrow().clone();
    if status == "offer" && settings.reject_call {
        reject(context, client, call, &from.jid, &settings.msg_call).await;
    }
}

async fn reject(
    context: &Context,
    client: &Arc<Client>,
    call: &IncomingCall,
    caller: &crate::domain::Jid,
    text: &str,
) {
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
