//! The media host: ciphertexts as the clients made them.
//!
//! The clients always ask for `https://HOST`; this port is plain HTTP, so a client of the simulator rewrites
//! the scheme for loopback hosts.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::range;
use crate::world::World;

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/mms/{kind}/{hash}", post(upload))
        .route("/product/{kind}/{hash}", post(upload))
        .route("/v/{*path}", get(download))
        .with_state(world)
}

#[derive(Deserialize)]
struct UploadQuery {
    auth: Option<String>,
    resume: Option<String>,
    file_offset: Option<usize>,
}

#[derive(Deserialize)]
struct DownloadQuery {
    auth: Option<String>,
}

/// Stores a file, or answers `resume=1`: `complete`, or how much of it is known.
async fn upload(
    State(world): State<Arc<World>>,
    Path((kind, hash)): Path<(String, String)>,
    Query(query): Query<UploadQuery>,
    body: Body,
) -> Response {
    match query.auth {
        None => return StatusCode::UNAUTHORIZED.into_response(),
        Some(auth) if auth != world.media.auth() => return StatusCode::FORBIDDEN.into_response(),
        Some(_) => {}
    }
    let path = format!("/v/{kind}/{hash}");
    let url = format!("https://{}{path}", world.media_host);
    let part = world.media.part(&path);
    if query.resume.is_some() {
        if world.media.has(&path) {
            return Json(json!({ "resume": "complete", "url": url, "direct_path": path })).into_response();
        }
        return Json(json!({ "resume": part.len().to_string() })).into_response();
    }
    let known = match query.file_offset {
        None => Bytes::new(),
        Some(offset) if offset <= part.len() => part.slice(..offset),
        Some(_) => return StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
    };
    match read(&world, known, body).await {
        Ok(bytes) if !intact(&hash, &bytes) => {
            world.media.forget(&path);
            (StatusCode::BAD_REQUEST, Json(json!({ "error": "hash mismatch" }))).into_response()
        }
        Ok(bytes) => {
            world.media.put(path.clone(), bytes);
            Json(json!({ "url": url, "direct_path": path })).into_response()
        }
        Err(Broken { status, part }) => {
            world.media.put_part(path, part);
            status.into_response()
        }
    }
}

struct Broken {
    status: StatusCode,
    part: Bytes,
}

/// Reads a body after what is known of it already.
async fn read(world: &World, known: Bytes, body: Body) -> Result<Bytes, Broken> {
    let limit = world.media.limit;
    let cut = world.media.take_cut();
    let start = known.len();
    let mut bytes = Vec::from(known);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(Broken { status: StatusCode::BAD_REQUEST, part: bytes.into() });
        };
        if bytes.len() + piece.len() > limit {
            return Err(Broken { status: StatusCode::PAYLOAD_TOO_LARGE, part: Bytes::new() });
        }
        bytes.extend_from_slice(&piece);
    }
    match cut {
        Some(cut) => {
            bytes.truncate(start + cut);
            Err(Broken { status: StatusCode::SERVICE_UNAVAILABLE, part: bytes.into() })
        }
        None => Ok(bytes.into()),
    }
}

/// Whether the path's last segment is the hash of the bytes. Shorter names are not hashes.
fn intact(name: &str, bytes: &[u8]) -> bool {
    match BASE64_URL_SAFE_NO_PAD.decode(name) {
        Ok(hash) if hash.len() == 32 => hash == Sha256::digest(bytes)[..],
        _ => true,
    }
}

async fn download(
    State(world): State<Arc<World>>,
    Path(path): Path<String>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Response {
    if query.auth.is_some_and(|auth| auth != world.media.auth()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let blob = match world.media.get(&format!("/v/{path}")) {
        Ok(blob) => blob,
        Err(status) => return StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND).into_response(),
    };
    let total = blob.len();
    let mut response = match headers.get(header::RANGE).and_then(|range| range.to_str().ok()) {
        None => blob.into_response(),
        Some(wanted) => match range::parse(wanted, total) {
            None => StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
            Some(range) => {
                let shown = format!("bytes {}-{}/{total}", range.start, range.end - 1);
                let mut response = (StatusCode::PARTIAL_CONTENT, blob.slice(range)).into_response();
                if let Ok(shown) = HeaderValue::from_str(&shown) {
                    response.headers_mut().insert(header::CONTENT_RANGE, shown);
                }
                response
            }
        },
    };
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}
