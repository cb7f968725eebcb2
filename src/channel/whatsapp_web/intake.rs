//! What the library reports beside messages, in order and bounded: the library's event bus calls
//! inline and must not be held up, so reports are queued here and dealt with one after another.

use std::sync::Arc;

use tokio::sync::mpsc;
use wacore::types::events::{Event, EventHandler};
use wacore::types::message::MessageInfo;
use wacore_binary::Jid as WireJid;

use super::connection::Context;
use super::{address, calls, changes, groups, receipts, subscriber};
use crate::telemetry::Outage;
use crate::telemetry::metrics::{DROPPED_EVENTS, SINK};

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
    /// Hidden identities whose phone numbers became known: the users of both.
    Pairs(Vec<(String, String)>),
}

/// Lookups that may wait. They ask WhatsApp, and must not hold up the reports.
const LOOKUPS: usize = 256;

/// Parts of a history that may wait, compressed. A whole history of many years has fewer.
const BLOBS: usize = 1024;

/// A picture that changed: whose, and whether it is gone.
pub struct Picture {
    pub of: WireJid,
    pub removed: bool,
}

/// The writing end.
pub struct Intake {
    queue: mpsc::Sender<Item>,
    pictures: mpsc::Sender<Picture>,
    histories: mpsc::Sender<Arc<Event>>,
    crowd: Outage,
}

/// The reading ends.
pub struct Ends {
    pub items: mpsc::Receiver<Item>,
    pub pictures: mpsc::Receiver<Picture>,
    pub histories: mpsc::Receiver<Arc<Event>>,
}

impl Intake {
    /// An intake, and its reading ends.
    pub fn new() -> (Self, Ends) {
        let (queue, items) = mpsc::channel(CAPACITY);
        let (pictures, changed) = mpsc::channel(LOOKUPS);
        let (histories, blobs) = mpsc::channel(BLOBS);
        (
            Self { queue, pictures, histories, crowd: Outage::new() },
            Ends { items, pictures: changed, histories: blobs },
        )
    }

    /// Queues a part of the history; drops it with an alarm when too many wait.
    fn history(&self, event: Arc<Event>) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.histories.try_send(event) {
            metrics::counter!(DROPPED_EVENTS, SINK => "intake").increment(1);
            tracing::error!("a part of the history was dropped, because too many wait");
        }
    }

    /// Queues a lookup of a picture; a contact whose picture is not looked up keeps the old one.
    pub fn look_up(&self, picture: Picture) {
        if self.pictures.try_send(picture).is_err() {
            tracing::debug!("a picture is not looked up, because too many wait");
        }
    }

    /// Queues a report, and answers whether there was room for it. What is dropped is counted, and told
    /// once until there is room again.
    pub fn offer(&self, item: Item) -> bool {
        let full = matches!(self.queue.try_send(item), Err(mpsc::error::TrySendError::Full(_)));
        if full {
            metrics::counter!(DROPPED_EVENTS, SINK => "intake").increment(1);
            if self.crowd.begins() {
                tracing::error!("reports of WhatsApp are dropped, because too many wait");
            }
        } else if self.queue.capacity() > CAPACITY / 2 {
            self.crowd.ends();
        }
        !full
    }
}

/// Subscribes to the library's bus.
pub struct Bus(pub Arc<Context>);

impl EventHandler for Bus {
    fn handle_event(&self, event: Arc<Event>) {
        if matches!(&*event, Event::HistorySync(_)) {
            return self.0.intake.history(event);
        }
        subscriber::at_once(&self.0, &event);
        if subscriber::is_queued(&event) {
            let is_of_group = matches!(&*event, Event::GroupUpdate(_));
            if !self.0.intake.offer(Item::Event(event)) && is_of_group {
                self.0.groups.doubt(self.0.seat.journal.now());
            }
        }
    }

    fn interest(&self) -> wacore::types::events::EventInterest {
        subscriber::interest()
    }
}

/// Deals with reports until the connection is over, and then with those that were acknowledged before
/// and belong on record.
pub async fn drain(context: Arc<Context>, mut items: mpsc::Receiver<Item>) {
    let over = context.over.clone();
    while let Some(Some(item)) = over.run_until_cancelled(items.recv()).await {
        deal(&context, item).await;
    }
    items.close();
    while let Some(item) = items.recv().await {
        if item.is_for_the_record() {
            deal(&context, item).await;
        }
    }
    context.records.finish();
}

impl Item {
    /// Whether it needs nothing but the record.
    fn is_for_the_record(&self) -> bool {
        match self {
            Self::Late(_) | Self::Pairs(_) => true,
            Self::Event(event) => matches!(&**event, Event::Receipt(_)) || changes::is_one(event),
            Self::Read(_) => false,
        }
    }
}

async fn deal(context: &Arc<Context>, item: Item) {
    let Some(client) = context.client() else {
        if item.is_for_the_record() {
            context.records.lost(1);
        }
        return;
    };
    match item {
        Item::Read(info) => receipts::mark_read(&client, &info).await,
        Item::Late(id) => subscriber::late_ack(context, &id).await,
        Item::Pairs(users) => {
            let pairs: Vec<_> = users.iter().filter_map(|(lid, pn)| address::pair(lid, pn)).collect();
            address::learnt(context, &pairs).await;
        }
        Item::Event(event) => match &*event {
            Event::Receipt(receipt) => receipts::receipt(context, &client, receipt).await,
            Event::IncomingCall(call) => calls::incoming(context, &client, call).await,
            Event::ChatPresence(update) => receipts::typing(context, &client, update).await,
            Event::Presence(update) => receipts::presence(context, &client, update).await,
            event if changes::is_one(event) => changes::apply(context, &client, event).await,
            Event::GroupUpdate(update) => groups::notified(context, &client, update).await,
            other => subscriber::later(context, &client, other).await,
        },
    }
}

/// Looks pictures up until the connection is over.
pub async fn drain_pictures(context: Arc<Context>, mut pictures: mpsc::Receiver<Picture>) {
    let over = context.over.clone();
    while let Some(Some(picture)) = over.run_until_cancelled(pictures.recv()).await {
        let Some(client) = context.client() else { continue };
        over.run_until_cancelled(changes::picture(&context, &client, &picture)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_past_the_bound_are_refused_and_told_once_until_there_is_room() {
        let (intake, mut ends) = Intake::new();
        let offer = || intake.offer(Item::Late(String::new()));
        assert!((0..CAPACITY).all(|_| offer()));
        assert!(!offer() && !offer());
        assert!(!intake.crowd.begins(), "it was told");
        assert!(ends.items.try_recv().is_ok() && offer(), "one more");
        assert!(!intake.crowd.begins(), "it is crowded still");
        while ends.items.try_recv().is_ok() {}
        assert!(offer());
        assert!(intake.crowd.begins(), "the next one is news");
    }
}
