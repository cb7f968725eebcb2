//! Admin routes about companions, keys, pings and dirty bits.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    handle::Handle,
    phone::agent::Received,
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/contacts/{phone}/companions", post(link))
        .route("/admin/contacts/{phone}/companions/{device}/received", get(received))
        .route("/admin/contacts/{phone}/reinstall", post(reinstall))
        .route("/admin/contacts/{phone}/rotate", post(rotate))
        .route("/admin/devices/ping", post(ping))
        .route("/admin/devices/dirty", post(dirty))
        .route("/admin/devices/ask-pre-keys", post(ask_pre_keys))
        .with_state(handle)
}

async fn link(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Value>> {
    Ok(Json(json!({ "device": handle.link_companion(&phone)? })))
}

async fn received(
    State(handle): State<Handle>,
    Path((phone, device)): Path<(String, u16)>,
) -> Result<Json<Vec<Received>>> {
    Ok(Json(handle.companion_received(&phone, device)?))
}

async fn reinstall(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Value>> {
    handle.reinstall(&phone)?;
    Ok(Json(json!({})))
}

async fn rotate(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Value>> {
    handle.rotate_signed_pre_key(&phone)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Order {
    phone: String,
    device: Option<u16>,
    #[serde(default, rename = "type")]
    kind: String,
}

async fn ping(State(handle): State<Handle>, Json(body): Json<Order>) -> Result<Json<Value>> {
    Ok(Json(json!({ "sent": handle.ping(&body.phone, body.device)? })))
}

async fn dirty(State(handle): State<Handle>, Json(body): Json<Order>) -> Result<Json<Value>> {
    if body.kind.is_empty() {
        return Err(Error::Invalid("type is missing".into()));
    }
    Ok(Json(json!({ "sent": handle.dirty(&body.phone, body.device, &body.kind)? })))
}

async fn ask_pre_keys(State(handle): State<Handle>, Json(body): Json<Order>) -> Result<Json<Value>> {
    let device = body.device.ok_or_else(|| Error::Invalid("device is missing".into()))?;
    handle.ask_pre_keys(&body.phone, device)?;
    Ok(Json(json!({})))
}
