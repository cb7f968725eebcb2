//! Admin routes about the media host.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{error::Result, handle::Handle, world::media::MediaStats};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/media", get(stats))
        .route("/admin/media/expire", post(expire))
        .route("/admin/media/forget", post(forget))
        .route("/admin/media/renew-auth", post(renew_auth))
        .route("/admin/media/cut-upload", post(cut_upload))
        .with_state(handle)
}

async fn stats(State(handle): State<Handle>) -> Json<MediaStats> {
    Json(handle.media_stats())
}

#[derive(Deserialize)]
struct File {
    path: String,
    #[serde(default = "not_found")]
    status: u16,
}

fn not_found() -> u16 {
    404
}

async fn expire(State(handle): State<Handle>, Json(body): Json<File>) -> Result<Json<Value>> {
    handle.expire_media(&body.path, body.status)?;
    Ok(Json(json!({})))
}

async fn forget(State(handle): State<Handle>, Json(body): Json<File>) -> Result<Json<Value>> {
    handle.forget_media(&body.path)?;
    Ok(Json(json!({})))
}

async fn renew_auth(State(handle): State<Handle>) -> Json<Value> {
    handle.renew_media_auth();
    Json(json!({}))
}

#[derive(Deserialize)]
struct Cut {
    bytes: usize,
}

async fn cut_upload(State(handle): State<Handle>, Json(body): Json<Cut>) -> Json<Value> {
    handle.cut_next_upload(body.bytes);
    Json(json!({}))
}
