//! Several nodes as processes, on PostgreSQL and Redis servers of the test's own, against a simulated
//! WhatsApp: who has which instance, and what a fault costs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may fail, and then says why"
)]

#[path = "cluster/nginx.rs"]
mod behind_nginx;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/history.rs"]
mod history;
#[path = "support/nginx.rs"]
mod nginx;
#[path = "cluster/operators.rs"]
mod operators;
#[path = "cluster/partitions.rs"]
mod partitions;
#[path = "cluster/routing.rs"]
mod routing;
#[path = "support/services/mod.rs"]
mod services;
#[path = "cluster/storage.rs"]
mod storage;
#[path = "node/support.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;
#[path = "cluster/world.rs"]
mod world;
