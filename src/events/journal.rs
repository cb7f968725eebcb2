//! Where an instance records what happened.

use std::borrow::Cow;
use std::sync::{Arc, RwLock};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{self, Outcome, Routed, Unit, Write, Writer};
use crate::domain::{
    Event, EventKind, Fence, HistoryPart, InstanceId, InstanceName, MediaPolicy, Sink, SinkKind,
};

use super::keeper::{Keep, Keeper};
use super::{Error, rabbitmq};

/// The webhook that receives the events of every instance.
pub const GLOBAL_WEBHOOK: &str = "webhook-global";

/// What a node delivers of every instance, beside what each tenant configured.
#[derive(Clone, Debug, Default)]
pub struct GlobalSinks {
    /// The events that go to the global webhook; empty when there is none.
    pub webhook: Vec<EventKind>,
    /// The events in RabbitMQ's feed of all instances; `None` when no broker is used, and what
    /// tenants configured is only stored.
    pub rabbitmq: Option<Vec<EventKind>>,
    /// Decides which files are kept; `None` when none is.
    pub keeper: Option<Arc<Keeper>>,
}

/// Records the state changes and the events of one instance, together and in order, under the
/// claim it was made with. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    instance: InstanceId,
    fence: Fence,
    writer: Writer,
    global: Arc<GlobalSinks>,
    sinks: Arc<RwLock<Arc<[Sink]>>>,
    clock: Arc<dyn Clock>,
}

impl Journal {
    /// A journal that writes under a claim.
    #[must_use]
    pub fn new(
        (instance, fence): (InstanceId, Fence),
        writer: Writer,
        global: Arc<GlobalSinks>,
        sinks: Vec<Sink>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { instance, fence, writer, global, sinks: Arc::new(RwLock::new(sinks.into())), clock }
    }

    /// The same journal under a newer claim.
    #[must_use]
    pub fn under(&self, fence: Fence) -> Self {
        Self { fence, ..self.clone() }
    }

    /// Whose journal it is.
    #[must_use]
    pub const fn instance(&self) -> InstanceId {
        self.instance
    }

    /// The claim.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.fence
    }

    /// Wall time in unix milliseconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The sinks of the instance.
    #[must_use]
    pub fn sinks(&self) -> Arc<[Sink]> {
        self.sinks
            .read()
            .map_or_else(|poisoned| Arc::clone(&poisoned.into_inner()), |sinks| Arc::clone(&sinks))
    }

    /// Replaces the sinks: events recorded from now on go there.
    pub fn set_sinks(&self, sinks: Vec<Sink>) {
        match self.sinks.write() {
            Ok(mut guard) => *guard = sinks.into(),
            Err(poisoned) => *poisoned.into_inner() = sinks.into(),
        }
    }

    /// Whether anybody receives events of this kind, so that building one is worth it.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        !self.targets(kind).is_empty()
    }

    fn targets(&self, kind: EventKind) -> Vec<&'static str> {
        let (mut targets, sinks) = (Vec::new(), self.sinks());
        let own = |wanted: SinkKind| sinks.iter().any(|sink| sink.kind == wanted && sink.wants(kind));
        if own(SinkKind::Webhook) {
            targets.push(SinkKind::Webhook.as_str());
        }
        if self.global.webhook.contains(&kind) {
            targets.push(GLOBAL_WEBHOOK);
        }
        // What nobody takes out of the outbox must not get into it.
        if let Some(global) = &self.global.rabbitmq {
            if own(SinkKind::Rabbitmq) {
                targets.push(rabbitmq::OWN);
            }
            if global.contains(&kind) {
                targets.push(rabbitmq::GLOBAL);
            }
        }
        targets
    }

    /// Addresses an event to everybody who wants it; empty when nobody does.
    #[must_use]
    pub fn routed(&self, event: Event) -> Vec<Routed> {
        let sinks = self.targets(event.kind);
        if sinks.is_empty() { Vec::new() } else { vec![Routed { event: Arc::new(event), sinks }] }
    }

    /// Builds an event about the instance itself and addresses it; empty when nobody wants it.
    #[must_use]
    pub fn event(&self, kind: EventKind, data: &impl serde::Serialize) -> Vec<Routed> {
        self.built(kind, data, None)
    }

    /// As [`Journal::event`], of a part of a history.
    #[must_use]
    pub fn event_of_history(
        &self,
        kind: EventKind,
        data: &impl serde::Serialize,
        part: HistoryPart,
    ) -> Vec<Routed> {
        self.built(kind, data, Some(part))
    }

    fn built(
        &self,
        kind: EventKind,
        data: &impl serde::Serialize,
        history: Option<HistoryPart>,
    ) -> Vec<Routed> {
        if !self.wants(kind) {
            return Vec::new();
        }
        match Event::once(kind, self.now(), data) {
            Ok(event) => self.routed(Event { history, ..event }),
            Err(error) => {
                tracing::error!(instance = %self.instance, kind = kind.wire(), %error, "an event cannot be written as JSON");
                Vec::new()
            }
        }
    }

    /// Whether the file of a message is kept, whose content this is, and under which link. A file is
    /// kept once [`Write::Media`] is recorded.
    #[must_use]
    pub fn keep<'a>(
        &self,
        policy: impl FnOnce() -> MediaPolicy,
        name: &InstanceName,
        message: Uuid,
        content: impl FnOnce() -> Option<Cow<'a, Map<String, Value>>>,
    ) -> Option<Keep> {
        let keeper = self.global.keeper.as_ref()?;
        keeper.keep(&policy(), name, message, &*content()?, self.now())
    }

    /// Writes all of it or nothing, and returns when it is durable.
    ///
    /// # Errors
    /// [`Error::Fenced`] under an old claim, [`Error::Unavailable`] when the database is out of reach.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Outcome, Error> {
        let keeper = self.global.keeper.as_ref();
        let keeper = keeper.filter(|_| writes.iter().any(|write| matches!(write, Write::Media { .. })));
        let outcome = self.writer.commit(self.unit(writes)).await?;
        if let Some(keeper) = keeper {
            keeper.ring(self.instance);
        }
        Ok(outcome)
    }

    /// Hands over events that nobody needs after the process has died (typing, a QR), and does not wait
    /// until they are durable.
    pub async fn emit(&self, events: Vec<Routed>) {
        if !events.is_empty() {
            drop(self.writer.submit(self.unit(events.into_iter().map(Write::Event).collect())).await);
        }
    }

    fn unit(&self, writes: Vec<Write>) -> Unit {
        Unit { instance: self.instance, fence: self.fence, writes }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Fenced => Self::Fenced,
            other if other.is_unavailable() => Self::Unavailable(Box::new(other)),
            other => Self::Database(Box::new(other)),
        }
    }
}
