//! Files for webhooks: from the store when they are kept, otherwise from WhatsApp's hosts.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::parts;
use crate::archive::Shelf;
use crate::channel::whatsapp_web::Downloads;
use crate::config::Config;
use crate::db::Database;
use crate::domain::InstanceId;
use crate::media::File;
use crate::{media, webhook};

struct Attach {
    shelf: Option<Shelf>,
    database: Database,
    downloads: Arc<Downloads>,
    files: media::Handle,
    limit: u64,
}

impl Attach {
    async fn kept(&self, instance: InstanceId, id: &str, message: &str) -> Option<File> {
        let scope = self.database.instance(instance);
        Some(self.shelf.as_ref()?.open(&scope, (id, message), self.limit).await.ok()??.file)
    }

    async fn downloaded(&self, message: &str) -> Option<File> {
        let opened = self.downloads.get(message, self.limit).await;
        Some(opened.inspect_err(|error| tracing::debug!(%error, "a file is not attached")).ok()?.file)
    }
}

#[async_trait]
impl webhook::Attach for Attach {
    async fn base64(&self, instance: InstanceId, id: &str, message: &str) -> Option<String> {
        let file = match self.kept(instance, id, message).await {
            Some(file) => file,
            None => self.downloaded(message).await?,
        };
        let encoded = self.files.work(move || Ok(BASE64_STANDARD.encode(file.bytes()?))).await;
        encoded.ok()
    }
}

/// Gets the files of messages.
pub fn attach(
    config: &Config,
    files: &media::Handle,
    database: &Database,
    shelf: Option<Shelf>,
) -> anyhow::Result<Arc<dyn webhook::Attach>> {
    let (downloads, limit) = (downloads(config, files)?, config.media.base64_max_bytes);
    Ok(Arc::new(Attach { shelf, database: database.clone(), downloads, files: files.clone(), limit }))
}

/// Gets files from WhatsApp's hosts, through the node's proxy when it has one.
pub fn downloads(config: &Config, files: &media::Handle) -> anyhow::Result<Arc<Downloads>> {
    let http = parts::whatsapp_http()?.with_proxy(parts::proxy(config.proxy.as_ref())?)?;
    Ok(Arc::new(Downloads::new(http, tokio::runtime::Handle::current(), files.clone())))
}
