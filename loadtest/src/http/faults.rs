//! Admin routes about faults, and the faults of the media host.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    error::Result,
    handle::Handle,
    world::{
        World,
        faults::{
            StandingFaults,
            order::{Fault, FaultOrder, Scope, Step},
        },
    },
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/faults", get(standing).post(inject).delete(lift))
        .route("/admin/scenario", post(scenario))
        .with_state(handle)
}

async fn standing(State(handle): State<Handle>) -> Json<StandingFaults> {
    Json(handle.faults())
}

async fn inject(State(handle): State<Handle>, Json(order): Json<FaultOrder>) -> Result<Json<Value>> {
    Ok(Json(json!({ "struck": handle.inject(order)? })))
}

async fn lift(State(handle): State<Handle>) -> Result<Json<Value>> {
    handle.inject(FaultOrder { scope: Scope::default(), fault: Fault::Lift })?;
    Ok(Json(json!({})))
}

async fn scenario(State(handle): State<Handle>, Json(steps): Json<Vec<Step>>) -> Json<Value> {
    let count = steps.len();
    handle.run_scenario(steps);
    Json(json!({ "steps": count }))
}

/// Puts the faults of the media host before its routes.
pub(super) fn on_media(world: Arc<World>, router: Router) -> Router {
    router.layer(middleware::from_fn_with_state(world, media))
}

async fn media(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    if let Some((delay_ms, status)) = world.faults.take_media(request.method() == Method::POST) {
        tokio::select! {
            () = sleep(Duration::from_millis(delay_ms)) => {}
            () = world.tasks.stop().cancelled() => {}
        }
        if let Some(code) = status {
            return StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response();
        }
    }
    next.run(request).await
}
