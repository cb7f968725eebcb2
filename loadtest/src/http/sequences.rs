//! Admin route about numbered texts.

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde::Deserialize;

use crate::{handle::Handle, sequence::StreamCheck};

pub(super) fn router(handle: Handle) -> Router {
    Router::new().route("/admin/sequences", get(sequences)).with_state(handle)
}

#[derive(Deserialize)]
struct Of {
    run: u32,
}

async fn sequences(State(handle): State<Handle>, Query(of): Query<Of>) -> Json<Vec<StreamCheck>> {
    Json(handle.sequences(of.run))
}
