//! Everything on the port: chat upgrade, media, admin.

pub(crate) mod admin;
pub(crate) mod app_state;
pub(crate) mod chat;
pub(crate) mod compose;
pub(crate) mod contacts;
pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod media;
pub(crate) mod media_admin;
pub(crate) mod newsletters;
pub(crate) mod observe;
pub(crate) mod profile;
pub(crate) mod range;
pub(crate) mod routes;
pub(crate) mod sequences;
pub(crate) mod upkeep;

use std::sync::Arc;

use axum::Router;

use crate::{handle::Handle, world::World};

/// Largest request body: media up to 100 MiB.
const MAX_BODY: usize = 100 * 1024 * 1024;

/// The router of the port.
pub(crate) fn router(world: Arc<World>) -> Router {
    let handle = Handle::new(world.clone());
    Router::new()
        .merge(chat::router(world.clone()))
        .merge(faults::on_media(world.clone(), media::router(world)))
        .merge(admin::router(handle.clone()))
        .merge(sequences::router(handle.clone()))
        .merge(contacts::router(handle.clone()))
        .merge(compose::router(handle.clone()))
        .merge(groups::router(handle.clone()))
        .merge(history::router(handle.clone()))
        .merge(app_state::router(handle.clone()))
        .merge(profile::router(handle.clone()))
        .merge(newsletters::router(handle.clone()))
        .merge(media_admin::router(handle.clone()))
        .merge(faults::router(handle.clone()))
        .merge(observe::router(handle.clone()))
        .merge(upkeep::router(handle))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
}
