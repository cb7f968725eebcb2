//! What the library reports beside messages, in order and bounded: the library's event bus calls
//! inline and must not be held up, so reports are queued here and dealt with one after another.

use std::sync::Arc;

use tokio::sync::mpsc;
use wacore::types::events::{Event, EventHandler};
use wacore::types::message::MessageInfo;

use super::connection::Context;
use super::{calls, receipts, subscriber};

/// Reports that may wait. A receipt storm after a long absence fits; past it reports are dropped
/// with an alarm, and the statuses they carried are not updated.
const CAPACITY: usize = 4096;

/// A report.
pub enum Item {
    /// Something of the library's event bus.
    Event(Arc<Event>),
    /// An incoming message that is to be marked as read.
    Read(Arc<MessageInfo>),
    /// An acknowledgement that nobody waited for.
    Late(String),
}

/// The writing end.
pub struct Intake {
    queue: mpsc::Sender<Item>,
}

impl Intake {
    /// An intake, and its reading end.
    pub fn new() -> (Self, mpsc::Receiver<Item>) {
        let (queue, items) = mpsc::channel(CAPACITY);
        (Self { queue }, items)
    }

    /// Queues a report; drops it with an alarm when the queue is full.
    pub fn offer(&self, item: Item) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(item) {
            metrics::counter!(crate::telemetry::metrics::DROPPED_EVENTS).increment(1);
            tracing::error!("a report of WhatsApp was dropped, because too many wait");
        }
    }
}

/// Subscribes to the library's bus.
pub struct Bus(pub Arc<Context>);

impl EventHandler for Bus {
    fn handle_event(&self, event: Arc<Event>) {
        subscriber::at_once(&self.0, &event);
        if subscriber::is_queued(&event) {
            self.0.intake.offer(Item::Event(event));
        }
    }

    fn interest(&self) -> wacore::types::events::EventInterest {
        subscriber::interest()
    }
}

/// Deals with reports until the connection is over.
pub async fn drain(context: Arc<Context>, mut items: mpsc::Receiver<Item>) {
    let over = context.over.clone();
    while let Some(Some(item)) = over.run_until_cancelled(items.recv()).await {
        let Some(client) = context.client() else { continue };
        match item {
            Item::Read(info) => receipts::mark_read(&client, &info).await,
            Item::Late(id) => subscriber::late_ack(&context, &id).await,
            Item::Event(event) => match &*event {
                Event::Receipt(receipt) => receipts::receipt(&context, &client, receipt).await,
                Event::IncomingCall(call) => calls::incoming(&context, &client, call).await,
                Event::ChatPresence(update) => receipts::typing(&context, &client, update).await,
                Event::Presence(update) => receipts::presence(&context, &client, update).await,
                other => subscriber::later(&context, &client, other).await,
            },
        }
    }
}
