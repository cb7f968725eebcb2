//! Parts that the library does not know any more: it announced them on an earlier connection.

use std::sync::Arc;

use bytes::Bytes;
use wacore::history_sync::process_history_sync_bytes_filtered;
use wacore::store::commands::DeviceCommand;
use wacore::types::events::{Event, LazyHistorySync};
use wacore::types::presence::ReceiptType;
use wacore_binary::builder::NodeBuilder;
use waproto::whatsapp::message::HistorySyncNotification;
use whatsapp_rust::{Client, anyhow};

use crate::channel::whatsapp_web::address;
use crate::channel::whatsapp_web::connection::Context;

/// Why a part is not here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may be here later.
    #[error("it could not be downloaded: {0}")]
    Away(anyhow::Error),
    /// It never will.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Downloads a part and reads it as the library would, and tells the phone that it is here. What only the
/// library can take over is left out: the secrets of old polls and the privacy tokens of chats. It asks for
/// tokens again when it needs them.
///
/// # Errors
/// [`Error`].
pub async fn fetch(
    context: &Context,
    client: &Client,
    message_id: &str,
    mut notice: HistorySyncNotification,
) -> Result<Arc<Event>, Error> {
    let compressed = match notice.initial_hist_bootstrap_inline_payload.take() {
        Some(inline) => Bytes::from(inline),
        None => Bytes::from(client.download(&notice).await.map_err(Error::Away)?),
    };
    let reading = tokio::task::spawn_blocking(move || {
        process_history_sync_bytes_filtered(compressed, None, true, |_| false)
    });
    let unreadable = |error: &dyn std::error::Error| Error::Unreadable(error.to_string());
    let read = reading.await.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))?;
    let pairs: Vec<_> =
        read.lid_mappings.iter().filter_map(|pair| address::pair(&pair.lid, &pair.phone_number)).collect();
    address::learnt(context, &pairs).await;
    if let Some(salt) = read.nct_salt {
        let command = DeviceCommand::SetNctSaltFromHistorySync(salt);
        client.persistence_manager().process_command(command).await;
    }
    receipt(context, client, message_id).await;
    let lazy = LazyHistorySync::new(
        read.compressed_bytes.unwrap_or_default(),
        read.decompressed_size,
        notice.sync_type.map(|kind| kind as i32).unwrap_or_default(),
        notice.chunk_order,
        notice.progress,
    );
    Ok(Arc::new(Event::HistorySync(Box::new(lazy))))
}

/// The earlier connection may have ended before the phone was told.
async fn receipt(context: &Context, client: &Client, message_id: &str) {
    let Some(own) = client.pn() else { return };
    let receipt = NodeBuilder::new("receipt")
        .attr("id", message_id)
        .attr("type", ReceiptType::HistorySync.as_wire_str())
        .attr("to", own.to_non_ad_string())
        .build();
    if let Err(error) = client.send_node(receipt).await {
        tracing::debug!(instance = %context.seat.name, %error, "the phone is not told of its history");
    }
}
