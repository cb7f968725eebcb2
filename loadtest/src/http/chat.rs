//! The WebSocket upgrade of the chat socket.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio_websockets::ServerBuilder;

use crate::{session, world::World};

/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().route("/ws/chat", get(upgrade)).with_state(world)
}

fn accept_key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes();
    Some(BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize()))
}

async fn upgrade(State(world): State<Arc<World>>, mut request: Request) -> Response {
    if let Some(code) = world.faults.take_connection() {
        return status(StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE));
    }
    let Some(accept) = accept_key(request.headers()) else {
        return status(StatusCode::UPGRADE_REQUIRED);
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let tasks = world.tasks.clone();
    tasks.spawn(async move {
        match upgraded.await {
            Ok(io) => session::run(world, ServerBuilder::new().serve(TokioIo::new(io))).await,
            Err(error) => tracing::debug!(%error, "upgrade failed"),
        }
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept.parse() {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
