//! Tells everybody what became of an instance: the view, the row and the events, in that order.
//! The row and the events of one change are one transaction. A failure to record is logged and does
//! not stop the life of the instance: the view stays true, and the next change is recorded again.

use std::sync::Arc;

use serde_json::{Value, json};

use super::handle::Handle;
use super::state::reason;
use super::view::Qr;
use crate::channel::End;
use crate::db::InstanceUpdate;
use crate::domain::instance::Disconnection;
use crate::domain::{ConnectionState, EventKind, Jid};
use crate::events::{Routed, Write};
use crate::telemetry::metrics::{PAIRINGS_COMPLETED, PAIRINGS_STARTED};

/// The label of the metric that counts ends of connections.
pub(super) const fn label(end: &End) -> &'static str {
    match end {
        End::Stopped => "stopped",
        End::Restart => "restart",
        End::PairingTimeout => "pairing_timeout",
        End::Lost(_) => "lost",
        End::LoggedOut => "logged_out",
        End::Replaced => "replaced",
        End::Banned { .. } => "banned",
        End::Outdated => "outdated",
        End::Refused(_) => "refused",
        End::Fenced => "fenced",
    }
}

async fn record(handle: &Handle, update: Option<InstanceUpdate>, events: Vec<Routed>) {
    let mut writes: Vec<Write> = update.map(Write::Instance).into_iter().collect();
    writes.extend(events.into_iter().map(Write::Event));
    if writes.is_empty() {
        return;
    }
    if let Err(error) = handle.journal().commit(writes).await {
        tracing::warn!(instance = %handle.name(), %error, "a change of state could not be recorded");
    }
}

/// The account was linked to this device.
pub(super) async fn paired(handle: &Handle, jid: Jid, lid: Option<Jid>) {
    handle.0.view.send_modify(|view| {
        view.paired = true;
        view.owner = Some(jid.clone());
        view.owner_lid.clone_from(&lid);
        view.qr = None;
        // Another phone hands over another history.
        view.history_progress = None;
    });
    let update = InstanceUpdate {
        paired: Some(true),
        owner_jid: Some(Some(jid.to_string())),
        owner_lid: Some(lid.map(|lid| lid.to_string())),
        ..InstanceUpdate::default()
    };
    metrics::counter!(PAIRINGS_COMPLETED).increment(1);
    record(handle, Some(update), Vec::new()).await;
    // Deliveries name the account, and may remember that there was none.
    (handle.0.endpoint_changed)(handle.id()).await;
}

/// The account is not linked any more.
pub(super) async fn unpaired(handle: &Handle) {
    handle.0.view.send_modify(|view| {
        view.paired = false;
        view.qr = None;
        view.history_progress = None;
    });
    let update = InstanceUpdate { paired: Some(false), ..InstanceUpdate::default() };
    let writes = vec![Write::Instance(update), Write::ForgetSpool];
    if let Err(error) = handle.journal().commit(writes).await {
        tracing::warn!(instance = %handle.name(), %error, "the end of the pairing could not be recorded");
    }
}

/// Who the connection belongs to; recorded with the state that follows.
pub(super) fn identity(handle: &Handle, jid: Jid, lid: Option<Jid>, name: Option<String>) {
    handle.0.view.send_modify(|view| {
        view.paired = true;
        view.owner = Some(jid);
        view.owner_lid = lid.or(view.owner_lid.take());
        view.profile_name = name.or(view.profile_name.take());
    });
}

/// The account's own name or picture is known now.
pub(super) async fn profile(handle: &Handle, name: Option<String>, picture: Option<Option<String>>) {
    let update = InstanceUpdate {
        profile_name: name.clone().map(Some),
        profile_pic_url: picture.clone(),
        ..InstanceUpdate::default()
    };
    handle.0.view.send_modify(|view| {
        view.profile_name = name.or(view.profile_name.take());
        view.profile_pic_url = picture.unwrap_or(view.profile_pic_url.take());
    });
    record(handle, Some(update), Vec::new()).await;
}

/// The state of the connection.
pub(super) async fn state(handle: &Handle, state: ConnectionState, code: i32) {
    let now = handle.journal().now();
    let view = &handle.0.view;
    // Backing off and dialing again are one state to clients: it is told once.
    let known = { view.borrow().state == state && state == ConnectionState::Connecting };
    let ended = matches!(state, ConnectionState::Close | ConnectionState::Refused);
    let disconnection = ended.then(|| Disconnection { code, object: Some(object(handle, code)), at: now });
    view.send_modify(|view| {
        view.state = state;
        view.reason = code;
        match state {
            ConnectionState::Open => (view.closed_since, view.disconnection, view.qr) = (None, None, None),
            _ => view.closed_since = view.closed_since.or(Some(now)),
        }
        if disconnection.is_some() {
            view.disconnection.clone_from(&disconnection);
            (view.qr, view.channel) = (None, None);
        }
    });
    if known {
        return;
    }
    if state == ConnectionState::Open {
        // Deliveries name the account, and may remember that there was none.
        (handle.0.endpoint_changed)(handle.id()).await;
    }
    let mut events = handle.journal().event(EventKind::ConnectionUpdate, &update(handle, state, code));
    if let Some(disconnection) = &disconnection {
        events.extend(handle.journal().event(EventKind::StatusInstance, &status(handle, disconnection)));
    }
    let row = {
        let view = handle.0.view.borrow();
        InstanceUpdate {
            state: Some(state),
            // An open account is a linked one, whatever was told before.
            paired: (state == ConnectionState::Open).then_some(true),
            owner_jid: view.owner.as_ref().map(|jid| Some(jid.to_string())),
            owner_lid: view.owner_lid.as_ref().map(|lid| Some(lid.to_string())),
            profile_name: view.profile_name.clone().map(Some),
            disconnection: match state {
                ConnectionState::Open => Some(None),
                _ => disconnection.map(Some),
            },
            ..InstanceUpdate::default()
        }
    };
    record(handle, Some(row), events).await;
}

fn update(handle: &Handle, state: ConnectionState, code: i32) -> Value {
    let mut data = json!({"instance": handle.name(), "state": state, "statusReason": code});
    let view = handle.0.view.borrow();
    if state == ConnectionState::Open {
        data["wuid"] = json!(view.owner);
        data["profileName"] = json!(view.profile_name);
        data["profilePictureUrl"] = json!(view.profile_pic_url);
    }
    data
}

fn status(handle: &Handle, disconnection: &Disconnection) -> Value {
    json!({
        "instance": handle.name(),
        "status": "closed",
        "disconnectionAt": crate::clock::rfc3339(disconnection.at),
        "disconnectionReasonCode": disconnection.code,
        "disconnectionObject": disconnection.object,
    })
}

/// The reason in the shape that clients parse out of `disconnectionObject`.
fn object(handle: &Handle, code: i32) -> String {
    let (error, message) = match code {
        reason::LOGGED_OUT => ("Unauthorized", format!("Log out instance: {}", handle.name())),
        reason::BANNED => ("Payment Required", "The account is banned for some time".to_owned()),
        reason::OUTDATED => ("Method Not Allowed", "WhatsApp wants a newer client".to_owned()),
        reason::REPLACED => ("Conflict", "Another connection took over".to_owned()),
        _ => ("Precondition Required", "Connection closed".to_owned()),
    };
    let payload = json!({"statusCode": code, "error": error, "message": message});
    json!({"error": {"output": {"statusCode": code, "payload": payload}}}).to_string()
}

/// A QR is shown.
pub(super) async fn qr(handle: &Handle, code: &str, base64: &str, count: u32) {
    let kept = handle.0.view.borrow().qr.as_ref().and_then(|qr| qr.pairing_code.clone());
    let shown = Qr { code: code.into(), base64: base64.into(), pairing_code: kept, count };
    handle.0.view.send_modify(|view| view.qr = Some(shown.clone()));
    if count == 1 {
        metrics::counter!(PAIRINGS_STARTED).increment(1);
    }
    qr_event(handle, &shown).await;
}

/// The code to type instead of scanning is known.
pub(super) async fn pairing_code(handle: &Handle, code: &str) {
    let mut shown = None;
    handle.0.view.send_modify(|view| {
        if let Some(qr) = &mut view.qr {
            qr.pairing_code = Some(Arc::from(code));
            shown = Some(qr.clone());
        }
    });
    if let Some(shown) = shown {
        qr_event(handle, &shown).await;
    }
}

async fn qr_event(handle: &Handle, qr: &Qr) {
    let shown = json!({
        "instance": handle.name(),
        "pairingCode": qr.pairing_code,
        "code": qr.code,
        "base64": qr.base64,
    });
    let events = handle.journal().event(EventKind::QrcodeUpdated, &json!({ "qrcode": shown }));
    handle.journal().emit(events).await;
}

/// Nobody scanned; no further QR is shown.
pub(super) async fn qr_limit(handle: &Handle) {
    let data = json!({
        "message": "QR code limit reached, please login again",
        "statusCode": reason::BAD_SESSION,
    });
    let mut events = handle.journal().event(EventKind::QrcodeUpdated, &data);
    let refused = update(handle, ConnectionState::Refused, reason::CLOSED);
    events.extend(handle.journal().event(EventKind::ConnectionUpdate, &refused));
    record(handle, None, events).await;
}
