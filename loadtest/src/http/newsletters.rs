//! Admin routes about newsletters.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::Result,
    handle::{Handle, newsletters::NewsletterInfo},
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/admin/newsletters", get(list))
        .route("/admin/contacts/{phone}/newsletters", post(create))
        .route("/admin/contacts/{phone}/newsletters/follow", post(follow))
        .route("/admin/contacts/{phone}/newsletters/react", post(react))
        .with_state(handle)
}

async fn list(State(handle): State<Handle>) -> Json<Vec<NewsletterInfo>> {
    Json(handle.newsletters())
}

#[derive(Deserialize)]
struct Create {
    name: String,
    #[serde(default)]
    description: String,
}

async fn create(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Create>,
) -> Result<Json<NewsletterInfo>> {
    Ok(Json(handle.create_newsletter(&phone, &body.name, &body.description)?))
}

#[derive(Deserialize)]
struct Follow {
    jid: String,
    follow: bool,
}

async fn follow(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Follow>,
) -> Result<Json<Value>> {
    handle.follow_newsletter(&phone, &body.jid, body.follow)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct React {
    jid: String,
    server_id: u64,
    emoji: String,
}

async fn react(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<React>,
) -> Result<Json<Value>> {
    handle.react_to_post(&phone, &body.jid, body.server_id, &body.emoji)?;
    Ok(Json(json!({})))
}
