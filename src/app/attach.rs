//! Files for webhooks, from WhatsApp's hosts.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::parts;
use crate::channel::whatsapp_web::Downloads;
use crate::config::Config;
use crate::{media, webhook};

struct Attach {
    downloads: Downloads,
    files: media::Handle,
    limit: u64,
}

#[async_trait]
impl webhook::Attach for Attach {
    async fn base64(&self, message: &str) -> Option<String> {
        let file = self.downloads.open(message, self.limit).await?;
        let encoded = self.files.work(move || Ok(BASE64_STANDARD.encode(file.bytes()?))).await;
        encoded.ok()
    }
}

/// Gets the files of messages from WhatsApp's hosts.
pub fn attach(config: &Config, files: media::Handle) -> anyhow::Result<Arc<dyn webhook::Attach>> {
    let downloads = Downloads::new(parts::whatsapp_http()?, tokio::runtime::Handle::current(), files.clone());
    Ok(Arc::new(Attach { downloads, files, limit: config.media.base64_max_bytes }))
}
