//! Admin routes about accounts, devices and faults.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::ROUTES;
use crate::{
    error::{Error, Result},
    handle::{Handle, devices::AccountInfo},
    pairing::qr::Paired,
    world::{faults::LoginFailure, stats::Stats},
};

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin", get(async || ROUTES))
        .route("/admin/mock-phone/scan-qr", post(scan_qr))
        .route("/admin/mock-phone/enter-code", post(enter_code))
        .route("/admin/stats", get(stats))
        .route("/admin/accounts", get(accounts))
        .route("/admin/accounts/{phone}", get(account))
        .route("/admin/accounts/{phone}/exists", post(exists))
        .route("/admin/devices/drop", post(drop_device))
        .route("/admin/devices/drop-all", post(drop_all))
        .route("/admin/devices/remove", post(remove))
        .route("/admin/devices/replace", post(replace))
        .route("/admin/logins/fail", post(fail_logins))
        .route("/admin/latency", post(latency))
        .with_state(handle)
}

async fn scan_qr(
    State(handle): State<Handle>,
    Query(query): Query<HashMap<String, String>>,
    text: String,
) -> Result<Json<Paired>> {
    Ok(Json(handle.scan_qr(&text, query.get("phone").map(String::as_str)).await?))
}

async fn enter_code(State(handle): State<Handle>, text: String) -> Result<Json<Paired>> {
    let (phone, code) = text
        .trim()
        .split_once(' ')
        .ok_or_else(|| Error::Invalid("the body must be \"PHONE CODE\"".into()))?;
    Ok(Json(handle.enter_code(phone, code.trim()).await?))
}

async fn stats(State(handle): State<Handle>) -> Json<Stats> {
    Json(handle.stats())
}

async fn accounts(State(handle): State<Handle>) -> Json<Vec<AccountInfo>> {
    Json(handle.accounts())
}

async fn account(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<AccountInfo>> {
    Ok(Json(handle.account_info(&phone)?))
}

#[derive(Deserialize)]
struct Exists {
    exists: bool,
}

async fn exists(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Exists>,
) -> Result<Json<Value>> {
    handle.set_exists(&phone, body.exists)?;
    Ok(Json(json!({ "phone": phone, "exists": body.exists })))
}

#[derive(Deserialize)]
struct DeviceRef {
    phone: String,
    device: Option<u16>,
}

impl DeviceRef {
    fn device(&self) -> Result<u16> {
        self.device.ok_or_else(|| Error::Invalid("device is missing".into()))
    }
}

async fn drop_device(State(handle): State<Handle>, Json(body): Json<DeviceRef>) -> Result<Json<Value>> {
    Ok(Json(json!({ "dropped": handle.drop_connections(&body.phone, body.device)? })))
}

async fn drop_all(State(handle): State<Handle>) -> Json<Value> {
    Json(json!({ "dropped": handle.drop_all() }))
}

async fn remove(State(handle): State<Handle>, Json(body): Json<DeviceRef>) -> Result<Json<Value>> {
    handle.remove_device(&body.phone, body.device()?)?;
    Ok(Json(json!({})))
}

async fn replace(State(handle): State<Handle>, Json(body): Json<DeviceRef>) -> Result<Json<Value>> {
    handle.replace(&body.phone, body.device()?)?;
    Ok(Json(json!({})))
}

async fn fail_logins(State(handle): State<Handle>, Json(body): Json<LoginFailure>) -> Json<Value> {
    handle.fail_logins(body);
    Json(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LatencyBody {
    latency_ms: u64,
    #[serde(default)]
    jitter_ms: u64,
}

async fn latency(State(handle): State<Handle>, Json(body): Json<LatencyBody>) -> Json<Value> {
    handle.set_latency(body.latency_ms, body.jitter_ms);
    Json(json!({}))
}
