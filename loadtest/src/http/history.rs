//! Admin routes about histories.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::{Value, json};

use crate::{error::Result, handle::Handle, phone::past::History};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/history", post(set))
        .route("/admin/accounts/{phone}/history", post(send))
        .with_state(handle)
}

async fn set(State(handle): State<Handle>, Json(body): Json<Option<History>>) -> Json<Value> {
    handle.set_history(body);
    Json(json!({}))
}

async fn send(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<History>,
) -> Result<Json<Value>> {
    handle.send_history(&phone, body)?;
    Ok(Json(json!({})))
}
