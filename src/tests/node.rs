//! One node as its users know it: the real binary, over its HTTP API, against the simulated
//! WhatsApp and a real receiver of webhooks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may fail, and then says why"
)]

#[path = "support/services/mod.rs"]
mod services;
#[path = "node/support.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;

#[path = "node/bad_input.rs"]
mod bad_input;
#[path = "node/calls.rs"]
mod calls;
#[path = "node/cards.rs"]
mod cards;
#[path = "node/chats.rs"]
mod chats;
#[path = "node/choices.rs"]
mod choices;
#[path = "node/contract.rs"]
mod contract;
#[path = "node/converter.rs"]
mod converter;
#[path = "node/durability.rs"]
mod durability;
#[path = "node/group_changes.rs"]
mod group_changes;
#[path = "node/group_doubts.rs"]
mod group_doubts;
#[path = "node/group_events.rs"]
mod group_events;
#[path = "node/groups.rs"]
mod groups;
#[path = "node/history.rs"]
mod history;
#[path = "node/instances.rs"]
mod instances;
#[path = "node/kept.rs"]
mod kept;
#[path = "node/kinds.rs"]
mod kinds;
#[path = "node/labels.rs"]
mod labels;
#[path = "node/load.rs"]
mod load;
#[path = "node/low_level.rs"]
mod low_level;
#[path = "node/media.rs"]
mod media;
#[path = "node/messages.rs"]
mod messages;
#[path = "node/metrics.rs"]
mod metrics;
#[path = "node/objects.rs"]
mod objects;
#[path = "node/outage.rs"]
mod outage;
#[path = "node/outages.rs"]
mod outages;
#[path = "node/pairing.rs"]
mod pairing;
#[path = "node/passing_on.rs"]
mod passing_on;
#[path = "node/patience.rs"]
mod patience;
#[path = "node/polls.rs"]
mod polls;
#[path = "node/presence.rs"]
mod presence;
#[path = "node/previews.rs"]
mod previews;
#[path = "node/profile.rs"]
mod profile;
#[path = "node/proxies.rs"]
mod proxies;
#[path = "node/questions.rs"]
mod questions;
#[path = "node/rabbitmq.rs"]
mod rabbitmq;
#[path = "node/ratchet.rs"]
mod ratchet;
#[path = "node/redis.rs"]
mod redis;
#[path = "node/refusals.rs"]
mod refusals;
#[path = "node/replies.rs"]
mod replies;
#[path = "node/revokes.rs"]
mod revokes;
#[path = "node/search.rs"]
mod search;
#[path = "node/serving.rs"]
mod serving;
#[path = "node/storage.rs"]
mod storage;
#[path = "node/storage_faults.rs"]
mod storage_faults;
#[path = "node/tenancy.rs"]
mod tenancy;
#[path = "node/webhooks.rs"]
mod webhooks;
#[path = "node/worker.rs"]
mod worker;
