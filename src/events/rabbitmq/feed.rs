//! The tenants' own feeds and the feed of all instances, with the names that consumers of Evolution
//! API know.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;

use super::publisher::Sent;
use super::{Binding, Error, Exchange, GLOBAL, Message, Publisher, Queue};
use crate::db::OutboxRow;
use crate::domain::{EventKind, InstanceId};
use crate::events::{About, Body, Carried, Carrier};

/// Longest name at the broker, in bytes.
const LONGEST: usize = 255;

/// What the feed needs to know of an instance.
#[derive(Clone, Default, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The account's address when it is known.
    pub sender: Option<String>,
    /// Its token, if it may be told.
    pub token: Option<String>,
    /// Whether its own feed is switched on.
    pub feed: bool,
}

/// The directory cannot answer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the instance cannot be looked up now")]
pub struct Unavailable;

/// Knows the instances. Deleted ones are known while rows of them wait.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// What is known of an instance; `None` when nothing is left of it.
    ///
    /// # Errors
    /// [`Unavailable`]: asked again soon.
    async fn tenant(&self, instance: InstanceId) -> Result<Option<Tenant>, Unavailable>;
}

/// Exchanges and queues.
#[derive(Clone, Debug)]
pub struct Names {
    /// The exchange of the global feed; `None` when that is off.
    pub global: Option<String>,
    /// What the names of the global queues begin with.
    pub prefix: Option<String>,
    /// What the names of other things of ours at the broker begin with.
    pub reserved: Vec<String>,
}

impl Names {
    /// An instance's exchange is called as the instance, its queues begin with that; all of them
    /// stay when the instance is deleted, since somebody may still read what is in them.
    fn own(&self, tenant: &Tenant, instance: InstanceId, kind: EventKind) -> Binding {
        let name = if self.fits(&tenant.name) { tenant.name.clone() } else { instance.to_string() };
        let queue = Queue::plain(format!("{name}.{}", kind.wire()));
        Binding { exchange: Exchange::Topic(name), queue, key: kind.wire().to_owned() }
    }

    fn global(&self, exchange: &str, kind: EventKind) -> Binding {
        let prefix = self.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let queue = Queue::plain(format!("{}{}", prefix.unwrap_or_default(), kind.wire()));
        Binding { exchange: Exchange::Topic(exchange.to_owned()), queue, key: kind.wire().to_owned() }
    }

    /// Whether a tenant's name can be used: not one that would lead into somebody else's exchange
    /// or queues, and not one that the broker cannot take. Such a tenant's things are called by the
    /// instance's id.
    fn fits(&self, name: &str) -> bool {
        let longest = EventKind::ALL.iter().map(|kind| kind.wire().len()).max().unwrap_or_default();
        let ours = self.global.iter().chain(&self.prefix);
        let below = |ours: &String| {
            name.strip_prefix(ours.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        name.len() + 1 + longest <= LONGEST
            && !name.starts_with("amq.")
            && !ours.into_iter().any(|ours| ours == name)
            && !self.reserved.iter().any(below)
    }
}

/// Publishes rows of the two feeds.
pub struct Feed {
    publisher: Publisher,
    directory: Arc<dyn Directory>,
    names: Names,
    server_url: Option<String>,
    expose_token: bool,
}

impl Feed {
    /// A feed. `server_url` is our public address; `expose_token` puts the tokens of the instances
    /// into the bodies.
    pub fn new(
        publisher: Publisher,
        directory: Arc<dyn Directory>,
        names: Names,
        server_url: Option<String>,
        expose_token: bool,
    ) -> Self {
        Self { publisher, directory, names, server_url, expose_token }
    }

    fn binding(&self, row: &OutboxRow, tenant: &Tenant) -> Option<Binding> {
        if row.sink == GLOBAL {
            return Some(self.names.global(self.names.global.as_deref()?, row.event.kind));
        }
        tenant.feed.then(|| self.names.own(tenant, row.instance, row.event.kind))
    }

    fn message(&self, row: &OutboxRow, tenant: &Tenant, binding: &Binding) -> Option<Message> {
        let about = About {
            instance: &tenant.name,
            destination: None,
            sender: tenant.sender.as_deref(),
            server_url: self.server_url.as_deref(),
            token: tenant.token.as_deref().filter(|_| self.expose_token),
        };
        let body = serde_json::to_vec(&Body::new(row, about)).ok()?;
        let exchange = binding.exchange.name().to_owned();
        Some(Message { exchange, key: binding.key.clone(), id: row.event.id, body })
    }

    /// What a row becomes; `None` when nobody wants it any more.
    async fn prepare(&self, row: &OutboxRow, tenant: Option<&Tenant>) -> Result<Option<Message>, Error> {
        let binding = tenant.and_then(|tenant| Some((tenant, self.binding(row, tenant)?)));
        let Some((tenant, binding)) = binding else { return Ok(None) };
        self.publisher.declare(&binding).await?;
        Ok(self.message(row, tenant, &binding))
    }
}

#[async_trait]
impl Carrier for Feed {
    async fn ready(&self) {
        self.publisher.ready().await;
    }

    async fn carry(&self, rows: &[OutboxRow]) -> Carried {
        let mut carried = Carried::default();
        let mut tenants: HashMap<InstanceId, Option<Tenant>> = HashMap::new();
        let (mut ids, mut messages) = (Vec::new(), Vec::new());
        for row in rows {
            if carried.waiting.contains(&row.instance) {
                continue;
            }
            let tenant = match tenants.entry(row.instance) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => match self.directory.tenant(row.instance).await {
                    Ok(tenant) => place.insert(tenant),
                    Err(Unavailable) => {
                        carried.waiting.insert(row.instance);
                        continue;
                    }
                },
            };
            match self.prepare(row, tenant.as_ref()).await {
                Ok(Some(message)) => {
                    ids.push((row.id, row.instance));
                    messages.push(message);
                }
                Ok(None) => carried.dropped.push(row.id),
                Err(Error::Lost(_)) => break,
                Err(error) => {
                    tracing::warn!(instance = %row.instance, %error, "the feed of an instance has to wait");
                    carried.waiting.insert(row.instance);
                }
            }
        }
        for ((id, instance), sent) in ids.into_iter().zip(self.publisher.send(&messages).await) {
            match sent {
                Sent::Confirmed => carried.published.push(id),
                Sent::Returned | Sent::Unknown => drop(carried.waiting.insert(instance)),
            }
        }
        carried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            global: Some("evolution_exchange".to_owned()),
            prefix: Some("east".to_owned()),
            reserved: vec!["waggle.webhook".to_owned()],
        }
    }

    fn own(name: &str) -> (String, String) {
        let tenant = Tenant { name: name.to_owned(), feed: true, ..Tenant::default() };
        let instance = InstanceId(uuid::Uuid::from_u128(7));
        let binding = names().own(&tenant, instance, EventKind::MessagesUpsert);
        (binding.exchange.name().to_owned(), binding.queue.name)
    }

    #[test]
    fn names_are_those_that_consumers_know() {
        assert_eq!(own("q1"), ("q1".to_owned(), "q1.messages.upsert".to_owned()));
        let global = names().global("evolution_exchange", EventKind::GroupParticipantsUpdate);
        assert_eq!(global.queue.name, "east.group-participants.update");
        assert_eq!(global.key, "group-participants.update");
        let plain = Names { prefix: None, ..names() };
        assert_eq!(plain.global("x", EventKind::Call).queue.name, "call");
    }

    #[test]
    fn no_tenant_reaches_what_is_not_its_own_and_none_is_too_long() {
        let id = "00000000-0000-0000-0000-000000000007";
        let long = "客".repeat(100);
        for name in ["evolution_exchange", "east", "waggle.webhook", "waggle.webhook.p.1", "amq.topic", &long]
        {
            assert_eq!(own(name), (id.to_owned(), format!("{id}.messages.upsert")), "{name}");
        }
    }
}
