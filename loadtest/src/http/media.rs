//! The media host: blobs by path, ciphertexts as the clients made them.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use crate::world::World;

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/mms/{kind}/{hash}", post(upload))
        .route("/v/{*path}", get(download))
        .with_state(world)
}

/// Stores a blob. `resume=1` asks how much of it is known, which is always nothing.
async fn upload(
    State(world): State<Arc<World>>,
    Path((kind, hash)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    if query.contains_key("resume") && body.is_empty() {
        return Json(json!({ "resume": "0" })).into_response();
    }
    let path = format!("/v/{kind}/{hash}");
    let url = format!("https://{}{path}", world.media_host);
    world.media.put(path.clone(), body);
    Json(json!({ "url": url, "direct_path": path })).into_response()
}

async fn download(State(world): State<Arc<World>>, Path(path): Path<String>) -> Response {
    match world.media.get(&format!("/v/{path}")) {
        Some(blob) => blob.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
