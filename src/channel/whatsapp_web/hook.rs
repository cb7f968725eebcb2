//! Incoming messages on their way to the record: WhatsApp gets its acknowledgement only after they
//! are durable. The hook runs under the library's lock of the sender, so it never calls the client
//! for something that waits; what is to be done about a message afterwards goes to the intake.

use std::sync::Arc;
use std::time::Duration;

use wacore::types::events::InboundMessage;
use whatsapp_rust::{Client, InboundDurabilityHook, anyhow, async_trait};

use super::connection::Context;
use super::intake::Item;
use super::{history, inbound};
use crate::domain::address::STATUS_BROADCAST;
use crate::events::{self, Write};
use crate::telemetry::metrics::INBOUND_MESSAGES;
use crate::telemetry::tally::Count;

/// First wait for a database that is away; each next one is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub struct Hook(pub Arc<Context>);

#[async_trait]
impl InboundDurabilityHook for Hook {
    async fn on_messages(&self, client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let mut writes = Vec::new();
        for message in batch {
            writes.extend(inbound::translate(&self.0, &client, message).await);
        }
        // What this node does not have of a history when its message is acknowledged never comes again.
        if batch.iter().any(history::announces) && !self.0.spool.settled().await {
            anyhow::bail!("the connection ended before a part of the history was noted");
        }
        if writes.is_empty() {
            return Ok(());
        }
        if let Err(error) = commit(&self.0, writes).await {
            if matches!(error, events::Error::Fenced) {
                self.0.fenced();
            }
            return Err(error.into());
        }
        metrics::counter!(INBOUND_MESSAGES).increment(batch.len() as u64);
        self.0.seat.tally.add(Count::Received, batch.len() as u64);
        for message in batch.iter().filter(|message| self.is_to_be_read(message)) {
            self.0.intake.offer(Item::Read(Arc::clone(&message.info)));
        }
        Ok(())
    }
}

/// Records what WhatsApp will not tell again on this connection: waits for a database that is away for
/// as long as the connection lasts. What it was to teach is not known when it fails.
///
/// # Errors
/// Those of the journal; [`events::Error::Unavailable`] only when the connection is over.
pub(super) async fn commit(context: &Context, writes: Vec<Write>) -> Result<(), events::Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        let committed = context.seat.journal.commit(writes.clone()).await;
        if matches!(committed, Err(events::Error::Unavailable(_)))
            && context.over.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
        {
            pause = (pause * 2).min(LONGEST_PAUSE);
            continue;
        }
        return committed.map(drop).inspect_err(|_| context.unlearn(&writes));
    }
}

impl Hook {
    fn is_to_be_read(&self, message: &InboundMessage) -> bool {
        let source = &message.info.source;
        let settings = self.0.seat.settings.borrow();
        let is_status = source.chat.to_non_ad_string() == STATUS_BROADCAST;
        let wanted = if is_status { settings.read_status } else { settings.read_messages };
        drop(settings);
        wanted && !source.is_from_me && !inbound::is_ignored(&self.0, &message.info)
    }
}
