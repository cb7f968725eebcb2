//! The receiver of webhooks: reads the few fields that matter, and checks every numbered text.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::ListenerExt as _;
use serde::Deserialize;

use super::stream::Arrival;
use super::world::World;
use crate::sequence::{Direction, Payload};

/// Longest body that is read.
const MAX_BODY: usize = 16 << 20;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    instance: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Data<'a> {
    key: Key,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Key {
    from_me: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    conversation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    extended_text_message: Option<Extended<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Extended<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

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
    match serde_json::from_slice::<Body<'_>>(&body) {
        Ok(body) => take(&world, &body, at),
        Err(error) => {
            tracing::debug!(%error, "a webhook cannot be read");
            world.board.unreadable.add();
        }
    }
    StatusCode::OK
}

fn take(world: &World, body: &Body<'_>, at: Instant) {
    match body.event.as_ref() {
        "connection.update" if body.data.state.as_deref() == Some("open") => world.opened(&body.instance, at),
        // The sender may be told of its own text.
        "messages.upsert" if !body.data.key.from_me => {
            let Some(message) = &body.data.message else { return };
            let extended =
                message.extended_text_message.as_ref().and_then(|extended| extended.text.as_deref());
            let Some(payload) = message.conversation.as_deref().or(extended).and_then(Payload::parse) else {
                return;
            };
            if payload.run == world.run && payload.direction == Direction::In {
                arrived(world, body, payload, at);
            }
        }
        _ => {}
    }
}

fn arrived(world: &World, body: &Body<'_>, payload: Payload, at: Instant) {
    let Some(stream) = world.streams().get(payload.stream as usize) else {
        world.board.misrouted.add();
        return;
    };
    if stream.instance.name != body.instance {
        world.board.misrouted.add();
        return;
    }
    let mut hasher = DefaultHasher::new();
    body.id.hash(&mut hasher);
    let arrival = stream.inbound().observe(payload.number, hasher.finish());
    if arrival == Arrival::New {
        world.board.told.add();
        world.news.notify_waiters();
        world.board.last_told.set(at.saturating_duration_since(world.origin));
        if world.board.is_timing() {
            let latency = at.saturating_duration_since(world.origin + payload.sent);
            world.board.of(stream.role).inbound.record(latency);
        }
    }
}
