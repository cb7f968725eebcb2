//! Admin routes about groups, status messages and privacy.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::Result,
    group::members::MemberAction,
    handle::{
        Handle,
        contacts::Sent,
        groups::{GroupInfo, GroupSettings, MemberOutcome, NewGroup},
    },
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/contacts/{phone}/status", post(status))
        .route("/admin/accounts/{phone}/privacy", post(privacy))
        .route("/admin/groups", get(list).post(create))
        .route("/admin/groups/join", post(join))
        .route("/admin/groups/{id}", get(one))
        .route("/admin/groups/{id}/members", post(members))
        .route("/admin/groups/{id}/subject", post(subject))
        .route("/admin/groups/{id}/description", post(description))
        .route("/admin/groups/{id}/settings", post(settings))
        .route("/admin/groups/{id}/invite", post(invite))
        .route("/admin/groups/{id}/requests", post(requests))
        .route("/admin/groups/{id}/leave", post(leave))
        .with_state(handle)
}

/// Who acts, and the rest of the body.
#[derive(Deserialize)]
struct By<T> {
    contact: String,
    #[serde(flatten)]
    order: T,
}

/// The union of the small bodies; unused fields are ignored.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Order {
    to: Vec<String>,
    text: String,
    category: String,
    value: String,
    subject: String,
    description: Option<String>,
    reset: bool,
    approve: bool,
    phones: Vec<String>,
    code: String,
}

#[derive(Deserialize)]
struct Members {
    action: MemberAction,
    phones: Vec<String>,
}

async fn status(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Sent>> {
    Ok(Json(handle.post_status(&phone, &body.to, &body.text)?))
}

async fn privacy(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Order>,
) -> Result<Json<Value>> {
    handle.set_privacy(&phone, &body.category, &body.value)?;
    Ok(Json(json!({})))
}

async fn list(State(handle): State<Handle>) -> Json<Vec<GroupInfo>> {
    Json(handle.groups())
}

async fn create(State(handle): State<Handle>, Json(body): Json<By<NewGroup>>) -> Result<Json<GroupInfo>> {
    Ok(Json(handle.create_group(&body.contact, body.order)?))
}

async fn one(State(handle): State<Handle>, Path(id): Path<String>) -> Result<Json<GroupInfo>> {
    Ok(Json(handle.group(&id)?))
}

async fn members(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Members>>,
) -> Result<Json<Vec<MemberOutcome>>> {
    Ok(Json(handle.change_members(&body.contact, &id, body.order.action, &body.order.phones)?))
}

async fn subject(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Order>>,
) -> Result<Json<Value>> {
    handle.set_group_subject(&body.contact, &id, &body.order.subject)?;
    Ok(Json(json!({})))
}

async fn description(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Order>>,
) -> Result<Json<Value>> {
    handle.set_group_description(&body.contact, &id, body.order.description.as_deref())?;
    Ok(Json(json!({})))
}

async fn settings(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<GroupSettings>>,
) -> Result<Json<Value>> {
    handle.set_group(&body.contact, &id, &body.order)?;
    Ok(Json(json!({})))
}

async fn invite(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Order>>,
) -> Result<Json<Value>> {
    Ok(Json(json!({ "code": handle.group_invite(&body.contact, &id, body.order.reset)? })))
}

async fn requests(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Order>>,
) -> Result<Json<Vec<MemberOutcome>>> {
    Ok(Json(handle.decide_requests(&body.contact, &id, body.order.approve, &body.order.phones)?))
}

async fn leave(
    State(handle): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<By<Order>>,
) -> Result<Json<Value>> {
    handle.leave_group(&body.contact, &id)?;
    Ok(Json(json!({})))
}

async fn join(State(handle): State<Handle>, Json(body): Json<By<Order>>) -> Result<Json<Value>> {
    let (jid, pending) = handle.join_group(&body.contact, &body.order.code)?;
    Ok(Json(json!({ "jid": jid, "pending": pending })))
}
