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

impl Item {
    /// Whether it tells of a change of a group, which WhatsApp tells once.
    fn is_of_group(&self) -> bool {
        matches!(self, Self::Event(event) if matches!(&**event, Event::GroupUpdate(_)))
    }
}

/// Something that WhatsApp is asked about, while other reports go on.
pub enum Lookup {
    Picture(Picture),
    Joined(Box<groups::Joining>),
}

/// A picture that changed: whose, and whether it is gone.
pub struct Picture {
    pub of: WireJid,
    pub removed: bool,
}

/// The writing end.
pub struct Intake {
    queue: mpsc::Sender<Item>,
    lookups: mpsc::Sender<Lookup>,
    crowd: Outage,
}

/// The reading ends.
pub struct Ends {
    pub items: mpsc::Receiver<Item>,
    pub lookups: mpsc::Receiver<Lookup>,
}

impl Intake {
    /// An intake, and its reading ends.
    pub fn new() -> (Self, Ends) {
        let (queue, items) = mpsc::channel(CAPACITY);
        let (lookups, looked_up) = mpsc::channel(LOOKUPS);
        (Self { queue, lookups, crowd: Outage::new() }, Ends { items, lookups: looked_up })
    }

    /// Queues a lookup of a picture; a contact whose picture is not looked up keeps the old one.
    pub fn look_up(&self, picture: Picture) {
        if self.lookups.try_send(Lookup::Picture(picture)).is_err() {
            tracing::debug!("a picture is not looked up, because too many wait");
        }
    }

    /// Queues a lookup of a group that we have joined; gives it back when too many wait.
    pub fn look_up_joined(&self, joining: Box<groups::Joining>) -> Result<(), Box<groups::Joining>> {
        match self.lookups.try_send(Lookup::Joined(joining)) {
            Err(mpsc::error::TrySendError::Full(Lookup::Joined(joining))) => Err(joining),
            // Of a connection that is over nothing is looked up.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Queues a report, and answers whether it is queued: it is not when there is no room, or the connection is
    /// over. What is dropped is counted, and told once until there is room again.
    pub fn offer(&self, item: Item) -> bool {
        let offered = self.queue.try_send(item);
        if matches!(offered, Err(mpsc::error::TrySendError::Full(_))) {
            metrics::counter!(DROPPED_EVENTS, SINK => "intake").increment(1);
            if self.crowd.begins() {
                tracing::error!("reports of WhatsApp are dropped, because too many wait");
            }
        } else if self.queue.capacity() > CAPACITY / 2 {
            self.crowd.ends();
        }
        offered.is_ok()
    }
}

/// Subscribes to the library's bus.
pub struct Bus(pub Arc<Context>);

impl EventHandler for Bus {
    fn handle_event(&self, event: Arc<Event>) {
        if matches!(&*event, Event::HistorySync(_)) {
            return self.0.spool.put(event);
        }
        subscriber::at_once(&self.0, &event);
        if subscriber::is_queued(&event) {
            let item = Item::Event(event);
            let is_of_group = item.is_of_group();
            if !self.0.intake.offer(item) && is_of_group {
                self.0.groups.doubt(self.0.seat.journal.now());
            }
        }
    }

    fn interest(&self) -> wacore::types::events::EventInterest {
        subscriber::interest()
    }
}

/// Deals with reports until the connection is over, and then with those that were acknowledged before and
/// belong on record. WhatsApp takes the others for known: what they told of groups is doubted, and that is on
/// record when this ends.
pub async fn drain(context: Arc<Context>, mut items: mpsc::Receiver<Item>) {
    let _drained = context.drained.clone().drop_guard();
    let over = context.over.clone();
    while let Some(Some(item)) = over.run_until_cancelled(items.recv()).await {
        deal(&context, item).await;
    }
    let (for_the_record, of_groups) = left(&mut items);
    for item in for_the_record {
        deal(&context, item).await;
    }
    context.records.finish();
    if of_groups {
        context.groups.doubt(context.seat.journal.now());
    }
    if let Err(error) = context.record_doubts().await {
        tracing::warn!(instance = %context.seat.name, %error, "a doubt about groups could not be recorded");
    }
}

/// Takes what is left of a queue: what belongs on record, and whether anything else told of groups.
fn left(items: &mut mpsc::Receiver<Item>) -> (Vec<Item>, bool) {
    items.close();
    let (mut for_the_record, mut of_groups) = (Vec::new(), false);
    while let Ok(item) = items.try_recv() {
        of_groups |= item.is_of_group();
        if item.is_for_the_record() {
            for_the_record.push(item);
        }
    }
    (for_the_record, of_groups)
}

/// Asks WhatsApp until the connection is over.
pub async fn drain_lookups(context: Arc<Context>, mut lookups: mpsc::Receiver<Lookup>) {
    let over = context.over.clone();
    while let Some(Some(lookup)) = over.run_until_cancelled(lookups.recv()).await {
        let Some(client) = context.client() else { continue };
        match lookup {
            Lookup::Picture(picture) => {
                over.run_until_cancelled(changes::picture(&context, &client, &picture)).await;
            }
            Lookup::Joined(joining) => context.joined(&client, &joining).await,
        }
    }
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
        if item.is_of_group() {
            context.groups.doubt(context.seat.journal.now());
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

#[cfg(test)]
mod tests {
    use wacore::stanza::groups::GroupNotificationAction;
    use wacore::types::events::GroupUpdate;

    use super::*;

    #[test]
    fn of_what_is_left_some_belongs_on_record_and_groups_are_missed() {
        for of_group in [false, true] {
            let (intake, mut ends) = Intake::new();
            assert!(intake.offer(Item::Late("1".to_owned())));
            if of_group {
                let update = GroupUpdate::builder()
                    .group_jid("1@g.us".parse().unwrap())
                    .timestamp(Default::default())
                    .is_lid_addressing_mode(false)
                    .action(GroupNotificationAction::Announce)
                    .build();
                assert!(intake.offer(Item::Event(Arc::new(Event::GroupUpdate(update)))));
            }
            assert!(intake.offer(Item::Late("2".to_owned())));
            let (for_the_record, of_groups) = left(&mut ends.items);
            assert_eq!((for_the_record.len(), of_groups), (2, of_group));
            assert!(!intake.offer(Item::Late("3".to_owned())), "nobody deals with it any more");
        }
    }

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
