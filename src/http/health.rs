//! `/health/{live,ready,startup}`: for those who start, watch and route to the node.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;

/// How long the database may take to answer.
pub(super) const DATABASE: Duration = Duration::from_secs(2);

/// The process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Instances are loaded.
pub async fn startup(state: web::Data<State>) -> HttpResponse {
    answer(&[("instances", state.registry.is_loaded())])
}

/// Requests can be served: instances are loaded, the database answers, and nobody stops the node.
pub async fn ready(state: web::Data<State>) -> HttpResponse {
    let database = tokio::time::timeout(DATABASE, state.database.ping()).await;
    answer(&[
        ("database", matches!(database, Ok(Ok(())))),
        ("instances", state.registry.is_loaded()),
        ("serving", !state.is_draining()),
    ])
}

pub(super) fn answer(checks: &[(&str, bool)]) -> HttpResponse {
    let good = checks.iter().all(|(_, good)| *good);
    let status = if good { "ok" } else { "unavailable" };
    let checks: serde_json::Map<_, _> =
        checks.iter().map(|(name, good)| ((*name).to_owned(), json!(good))).collect();
    let mut response = if good { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(json!({"status": status, "checks": checks}))
}
