//! Files for webhooks, from WhatsApp's hosts.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::parts;
use crate::channel::whatsapp_web::Downloads;
use crate::config::Config;
use crate::{media, webhook};

struct Attach {
    downloads: Arc<Downloads>,
    files: media::Handle,
    limit: u64,
}

#[async_trait]
impl webhook::Attach for Attach {
    async fn base64(&self, message: &str) -> Option<String> {
        let opened = self.downloads.get(message, self.limit).await;
        let file = opened.inspect_err(|error| tracing::debug!(%error, "a file is not attached")).ok()?.file;
        let encoded = self.files.work(move || Ok(BASE64_STANDARD.encode(file.bytes()?))).await;
        encoded.ok()
    }
}

/// Gets the files of messages from WhatsApp's hosts.
pub fn attach(config: &Config, files: &media::Handle) -> anyhow::Result<Arc<dyn webhook::Attach>> {
    let (downloads, limit) = (downloads(config, files)?, config.media.base64_max_bytes);
    Ok(Arc::new(Attach { downloads, files: files.clone(), limit }))
}

/// Gets files from WhatsApp's hosts, through the node's proxy when it has one.
pub fn downloads(config: &Config, files: &media::Handle) -> anyhow::Result<Arc<Downloads>> {
    let http = parts::whatsapp_http()?.with_proxy(parts::proxy(config.proxy.as_ref())?)?;
    Ok(Arc::new(Downloads::new(http, tokio::runtime::Handle::current(), files.clone())))
}
