//! Admin routes about app state.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    error::Result,
    handle::{Handle, app_state::StateRecord},
    phone::settings::Change,
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/accounts/{phone}/app-state", get(read).post(change))
        .route("/admin/accounts/{phone}/app-state/announce", post(announce))
        .with_state(handle)
}

async fn read(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Vec<StateRecord>>> {
    Ok(Json(handle.app_state(&phone)?))
}

async fn announce(State(handle): State<Handle>, Path(phone): Path<String>) -> Result<Json<Value>> {
    handle.announce_app_state(&phone)?;
    Ok(Json(json!({})))
}

async fn change(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Change>,
) -> Result<Json<Value>> {
    handle.change(&phone, &body)?;
    Ok(Json(json!({})))
}
