//! Keeping the files of messages: the store, the links to it, who fills it, and who hands out what it has.

use std::sync::Arc;

use anyhow::Context as _;

use super::attach;
use crate::archive::{Deps, Service, Shelf};
use crate::clock::Clock;
use crate::config::{Config, Secret};
use crate::db::Database;
use crate::events::{Keeper, KeeperOptions};
use crate::instance::Registry;
use crate::lifecycle;
use crate::media::{self, Store};

/// Who signs the links to files, when files are kept.
pub fn keeper(config: &Config, key: &Secret) -> Option<Arc<Keeper>> {
    config.media.store.as_ref()?;
    let here = || {
        tracing::warn!("SERVER_URL is not set: mediaUrl names this machine as localhost");
        format!("http://localhost:{}", config.server.port)
    };
    let options = KeeperOptions {
        server_url: config.server.url.clone().unwrap_or_else(here),
        lifetime: config.media.link_lifetime,
        video: config.media.save_video,
    };
    Some(Arc::new(Keeper::new(options, key.expose().as_bytes())))
}

/// The store, when files are kept.
pub fn store(config: &Config, files: &media::Handle) -> anyhow::Result<Option<Store>> {
    let Some(place) = &config.media.store else { return Ok(None) };
    Ok(Some(Store::new(place, files.clone()).context("the store of files cannot be used")?))
}

/// Hands out what the store has, when files are kept.
pub fn shelf(config: &Config, files: &media::Handle, store: Option<&Store>) -> anyhow::Result<Option<Shelf>> {
    let Some(store) = store else { return Ok(None) };
    Ok(Some(Shelf::new(store.clone(), attach::downloads(config, files)?)))
}

/// Fills the store.
pub fn service(
    config: &Config,
    (keeper, store, files): (Arc<Keeper>, Store, &media::Handle),
    (registry, database): (&Registry, &Database),
    clock: &Arc<dyn Clock>,
    lifecycle: &lifecycle::Handle,
) -> anyhow::Result<Service> {
    Ok(Service::new(Deps {
        database: database.clone(),
        registry: registry.clone(),
        client_name: config.database.client_name.clone(),
        store,
        files: attach::downloads(config, files)?,
        keeper,
        retention: config.media.retention,
        clock: Arc::clone(clock),
        lifecycle: lifecycle.clone(),
    }))
}
