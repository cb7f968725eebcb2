//! What the nodes tell of: every numbered message is checked, by whatever feed it is told.
//!
//! A feed takes delivery and says how; [`body`] reads the few fields that matter, and [`Feed`]s are
//! verified apart, because each must tell of everything.

mod body;
pub mod rabbitmq;
#[cfg(test)]
mod tests;
mod topology;
pub mod webhooks;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;

use super::kinds::Kind;
use super::stream::Arrival;
use super::world::World;
use crate::sequence::{Direction, Payload};
use body::Body;

/// Which feeds the run receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Receive {
    /// Webhooks
    #[default]
    Webhook,
    /// The instances' own RabbitMQ exchanges
    Rabbitmq,
    /// Both, each verified by itself
    Both,
}

/// One way by which nodes tell of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Webhooks.
    Webhook,
    /// The instances' own RabbitMQ exchanges.
    Rabbitmq,
}

impl Receive {
    /// The feeds; the first is the one by which latencies and rates are told.
    pub fn feeds(self) -> &'static [Feed] {
        match self {
            Self::Webhook => &[Feed::Webhook],
            Self::Rabbitmq => &[Feed::Rabbitmq],
            Self::Both => &[Feed::Webhook, Feed::Rabbitmq],
        }
    }

    /// The feed by which latencies and rates are told.
    pub fn first(self) -> Feed {
        if self == Self::Rabbitmq { Feed::Rabbitmq } else { Feed::Webhook }
    }

    /// Whether this feed is received.
    pub fn has(self, feed: Feed) -> bool {
        self.feeds().contains(&feed)
    }
}

/// How an event arrived.
struct Delivery {
    feed: Feed,
    at: Instant,
    /// The feed itself says that it may have delivered it before.
    again: bool,
    /// Name of the event where the body has none.
    id: String,
}

/// Takes the body of an event.
fn take(world: &World, bytes: &[u8], delivery: &Delivery) {
    match serde_json::from_slice::<Body<'_>>(bytes) {
        Ok(body) => read(world, &body, delivery),
        Err(error) => {
            tracing::debug!(%error, "an event cannot be read");
            world.board.unreadable.add();
        }
    }
}

fn read(world: &World, body: &Body<'_>, delivery: &Delivery) {
    match body.event.as_ref() {
        "connection.update" if body.data.state.as_deref() == Some("open") => {
            world.opened(&body.instance, delivery.at);
        }
        // The sender may be told of its own text.
        "messages.upsert" if !body.data.key.from_me => {
            let Some((kind, words)) = body.data.words() else { return };
            let Some(payload) = Payload::parse(words) else { return };
            if payload.run == world.run && payload.direction == Direction::In {
                arrived(world, body, (kind, payload), delivery);
            }
        }
        _ => {}
    }
}

fn arrived(world: &World, body: &Body<'_>, (kind, payload): (Kind, Payload), delivery: &Delivery) {
    let stream = world.streams().get(payload.stream as usize);
    let Some(stream) = stream.filter(|stream| stream.instance.name == body.instance) else {
        world.board.misrouted.add();
        return;
    };
    let id = if body.id.is_empty() { delivery.id.as_str() } else { &body.id };
    let event = (!id.is_empty()).then(|| {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        hasher.finish()
    });
    let Delivery { feed, at, .. } = *delivery;
    let (arrival, highest) = {
        let mut inbound = stream.inbound();
        let arrivals = inbound.of(feed);
        (arrivals.observe(payload.number, event, delivery.again), arrivals.check.highest)
    };
    if arrival != Arrival::New || highest != payload.number {
        let (instance, number) = (&body.instance, payload.number);
        tracing::debug!(%instance, ?feed, ?arrival, number, highest, id, "a message out of turn");
    }
    if arrival != Arrival::New {
        return;
    }
    let latency = at.saturating_duration_since(world.origin + payload.sent);
    let board = &world.board;
    board.backlog.arrived(payload.sent, at.saturating_duration_since(world.origin));
    if feed == Feed::Rabbitmq {
        board.rabbitmq.told.add();
        if board.is_timing() {
            board.rabbitmq.latency.record(latency);
        }
    }
    if feed == world.options.receive.first() {
        board.told.add();
        board.kinds[kind as usize].add();
        board.last_told.set(at.saturating_duration_since(world.origin));
        if board.is_timing() {
            board.of(stream.role).inbound.record(latency);
        }
    }
    world.news.notify_waiters();
}
