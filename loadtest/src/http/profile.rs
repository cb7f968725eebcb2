//! Admin routes about profiles, block lists, restrictions, calls and server properties.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::Result,
    handle::{Handle, profile::ProfileChange},
    phone::call::CallStep,
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/accounts/{phone}/profile", post(profile))
        .route("/admin/accounts/{phone}/block", post(block))
        .route("/admin/accounts/{phone}/restricted", post(restricted))
        .route("/admin/contacts/{phone}/call-step", post(call_step))
        .route("/admin/props", post(props))
        .with_state(handle)
}

async fn profile(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<ProfileChange>,
) -> Result<Json<Value>> {
    handle.set_profile(&phone, body)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Block {
    other: String,
    blocked: bool,
}

async fn block(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Block>,
) -> Result<Json<Value>> {
    handle.block(&phone, &body.other, body.blocked)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Restricted {
    restricted: bool,
}

async fn restricted(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Restricted>,
) -> Result<Json<Value>> {
    handle.set_restricted(&phone, body.restricted)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    to: String,
    call_id: String,
    step: CallStep,
    reason: Option<String>,
}

async fn call_step(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Step>,
) -> Result<Json<Value>> {
    handle.call_step(&phone, &body.to, &body.call_id, body.step, body.reason.as_deref())?;
    Ok(Json(json!({})))
}

async fn props(State(handle): State<Handle>, Json(body): Json<BTreeMap<u32, String>>) -> Json<Value> {
    handle.set_props(body);
    Json(json!({}))
}
