//! Publishes with confirms: a message counts as sent when the broker says that it has it.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

use super::broker::PATIENCE;
use super::topology::{self, short};
use super::{Binding, Broker, Error};

/// How long the broker may take to confirm what was sent.
const CONFIRM: Duration = Duration::from_secs(30);
/// Bindings that are remembered as declared.
const DECLARED: usize = 20_000;
/// The delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where to.
    pub exchange: String,
    /// With which routing key.
    pub key: String,
    /// What it is about: the same event has the same id.
    pub id: Uuid,
    /// Its JSON.
    pub body: Vec<u8>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The broker has it.
    Confirmed,
    /// No queue wants it: what is declared is not there any more.
    Returned,
    /// Not known, or refused: to be sent again.
    Unknown,
}

/// Publishes messages, one batch at a time.
pub struct Publisher {
    broker: Broker,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    publishing: Option<Channel>,
    declaring: Option<Channel>,
    /// The connection that all of this belongs to.
    connection: u64,
    declared: HashSet<Binding>,
}

impl Publisher {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        Self { broker, open: Mutex::default() }
    }

    /// Returns as soon as messages can be published.
    pub async fn ready(&self) {
        let mut open = self.open.lock().await;
        while !is_up(open.publishing.as_ref()) {
            let (channel, connection) = self.broker.channel().await;
            open.belongs_to(connection);
            match timeout(PATIENCE, channel.confirm_select(ConfirmSelectOptions::default())).await {
                Ok(Ok(())) => open.publishing = Some(channel),
                Ok(Err(error)) => tracing::warn!(%error, "RabbitMQ does not confirm"),
                Err(_) => tracing::warn!("RabbitMQ does not answer"),
            }
        }
    }

    /// Declares a binding, once per connection.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is something else of that name, [`Error::Lost`].
    pub async fn declare(&self, binding: &Binding) -> Result<(), Error> {
        let mut open = self.open.lock().await;
        if open.declared.contains(binding) {
            return Ok(());
        }
        let late = |_| Error::Lost("no answer in time".to_owned());
        // A channel of its own: a refusal closes it, and what was published meanwhile is not harmed.
        if !is_up(open.declaring.as_ref()) {
            let (channel, connection) = timeout(PATIENCE, self.broker.channel()).await.map_err(late)?;
            open.belongs_to(connection);
            open.declaring = Some(channel);
        }
        let Some(channel) = &open.declaring else { return Ok(()) };
        let declared = timeout(PATIENCE, topology::declare(channel, binding)).await.map_err(late);
        declared.and_then(|answer| answer).inspect_err(|_| open.declaring = None)?;
        if open.declared.len() >= DECLARED {
            open.declared.clear();
        }
        open.declared.insert(binding.clone());
        Ok(())
    }

    /// Sends messages in their order, and returns when the broker has said what became of each.
    pub async fn send(&self, messages: &[Message]) -> Vec<Sent> {
        let mut open = self.open.lock().await;
        let Some(channel) = open.publishing.clone() else { return vec![Sent::Unknown; messages.len()] };
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            match timeout(CONFIRM, publish(&channel, message)).await {
                Ok(Ok(confirm)) => confirms.push(confirm),
                _ => break,
            }
        }
        let published = confirms.len();
        let Ok(confirmed) = timeout(CONFIRM, join_all(confirms)).await else {
            open.publishing = None;
            return vec![Sent::Unknown; messages.len()];
        };
        let mut sent = vec![Sent::Unknown; messages.len()];
        // Which confirmation brings a returned message is not said: all of them are looked at first.
        let mut returned: HashSet<(String, String)> = HashSet::new();
        for (sent, confirmation) in sent.iter_mut().zip(confirmed) {
            if let Ok(confirmation) = confirmation {
                *sent = if confirmation.is_ack() { Sent::Confirmed } else { Sent::Unknown };
                returned.extend(confirmation.take_message().map(|message| {
                    let id = message.properties.message_id().as_ref().map(ToString::to_string);
                    (message.exchange.to_string(), id.unwrap_or_default())
                }));
            }
        }
        for (sent, message) in sent.iter_mut().zip(messages) {
            if returned.contains(&(message.exchange.clone(), message.id.to_string())) {
                *sent = Sent::Returned;
            }
        }
        if !returned.is_empty() || published < messages.len() || !is_up(Some(&channel)) {
            // Something was removed at the broker, or the channel was closed because of it.
            open.declared.clear();
        }
        if !is_up(Some(&channel)) || sent.contains(&Sent::Unknown) {
            open.publishing = None;
        }
        sent
    }
}

impl Open {
    fn belongs_to(&mut self, connection: u64) {
        if self.connection != connection {
            *self = Self { connection, ..Self::default() };
        }
    }
}

fn is_up(channel: Option<&Channel>) -> bool {
    channel.is_some_and(|channel| channel.status().connected())
}

async fn publish(
    channel: &Channel,
    message: &Message,
) -> Result<impl Future<Output = lapin::Result<Confirmation>> + use<>, Error> {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.id.to_string())?);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let (exchange, key) = (short(&message.exchange)?, short(&message.key)?);
    Ok(channel.basic_publish(exchange, key, options, &message.body, properties).await?)
}
