//! Admin routes about contacts.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::Result,
    handle::{
        Handle,
        contacts::{ContactInfo, NewContact, Send, SendReport, Sent},
    },
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/contacts", get(list).post(create))
        .route("/admin/contacts/{phone}/received", get(received))
        .route("/admin/contacts/{phone}/signals", get(signals))
        .route("/admin/contacts/{phone}/send", post(send))
        .route("/admin/contacts/{phone}/edit", post(edit))
        .route("/admin/contacts/{phone}/revoke", post(revoke))
        .route("/admin/contacts/{phone}/react", post(react))
        .route("/admin/contacts/{phone}/receipt", post(receipt))
        .route("/admin/contacts/{phone}/typing", post(typing))
        .route("/admin/contacts/{phone}/presence", post(presence))
        .route("/admin/contacts/{phone}/call", post(call))
        .with_state(handle)
}

async fn list(State(handle): State<Handle>) -> Json<Vec<ContactInfo>> {
    Json(handle.contacts())
}

async fn create(State(handle): State<Handle>, Json(body): Json<NewContact>) -> Result<Json<ContactInfo>> {
    Ok(Json(handle.create_contact(body)?))
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn received(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Query(query): Query<After>,
) -> Result<Json<Value>> {
    let (messages, total) = handle.received(&phone, query.after)?;
    Ok(Json(json!({ "total": total, "messages": messages })))
}

async fn signals(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Value>> {
    Ok(Json(json!(handle.signals(&phone)?)))
}

async fn send(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Send>,
) -> Result<Json<SendReport>> {
    Ok(Json(handle.send(&phone, body).await?))
}

/// The union of the small bodies; unused fields are ignored.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Order {
    to: String,
    id: String,
    text: String,
    emoji: String,
    from_me: bool,
    kind: String,
    state: String,
    available: bool,
    video: bool,
    terminate: Option<String>,
}

async fn edit(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Sent>> {
    Ok(Json(handle.edit(&phone, &body.to, &body.id, &body.text).await?))
}

async fn revoke(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Sent>> {
    Ok(Json(handle.revoke(&phone, &body.to, &body.id).await?))
}

async fn react(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Sent>> {
    Ok(Json(handle.react(&phone, &body.to, &body.id, body.from_me, &body.emoji).await?))
}

async fn receipt(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Value>> {
    handle.receipt(&phone, &body.to, &body.id, &body.kind)?;
    Ok(Json(json!({})))
}

async fn typing(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Value>> {
    handle.typing(&phone, &body.to, &body.state)?;
    Ok(Json(json!({})))
}

async fn presence(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Value>> {
    handle.presence(&phone, body.available)?;
    Ok(Json(json!({})))
}

async fn call(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Value>> {
    let id = handle.call(&phone, &body.to, body.video, body.terminate.as_deref())?;
    Ok(Json(json!({ "callId": id })))
}
