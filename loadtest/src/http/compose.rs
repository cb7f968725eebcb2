//! Admin routes about messages of all kinds.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};

use crate::{
    error::Result,
    handle::{Handle, contacts::Sent},
    phone::kinds::Compose,
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/contacts/{phone}/compose", post(compose))
        .route("/admin/contacts/{phone}/media/{id}", get(media))
        .with_state(handle)
}

async fn compose(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Compose>,
) -> Result<Json<Sent>> {
    Ok(Json(handle.compose(&phone, body).await?))
}

async fn media(State(handle): State<Handle>, Path((phone, id)): Path<(String, String)>) -> Result<Vec<u8>> {
    handle.received_media(&phone, &id)
}
