//! The receiver of webhooks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::ListenerExt as _;

use super::{Delivery, Feed, take};
use crate::load::world::World;

/// Longest body that is read.
const MAX_BODY: usize = 16 << 20;

/// Binds the port of the receiver.
///
/// # Errors
/// When it is taken.
pub async fn bind(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.with_context(|| format!("webhooks cannot be received on {address}"))
}

/// Receives until the run's tasks are stopped.
pub async fn serve(world: Arc<World>, listener: tokio::net::TcpListener) {
    let stop = world.tasks.stop().clone();
    let router = Router::new()
        .fallback(receive)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(world);
    let listener = listener.tap_io(|socket| {
        // A socket without it is slow, and shows in the measures.
        let _ = socket.set_nodelay(true);
    });
    let serve = axum::serve(listener, router);
    tokio::select! {
        () = stop.cancelled_owned() => {}
        // It ends only with the process.
        _ = serve => {}
    }
}

async fn receive(State(world): State<Arc<World>>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    if world.options.webhook_failures > 0.0 && rand::random_bool(world.options.webhook_failures.min(1.0)) {
        world.board.turned_away.add();
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    take(&world, &body, &Delivery { feed: Feed::Webhook, at, again: false, id: String::new() });
    StatusCode::OK
}
