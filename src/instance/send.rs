//! Sending with a record: the row is there before the message leaves, and says afterwards what
//! became of it. A crash in between leaves a row that is `PENDING`: it is never sent blindly again.
//! What is on record as `ERROR` has not left; who asks again with its idempotency key sends it, under the
//! id that it had: should it have left all the same, its recipients see it once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use super::Error;
use super::handle::Handle;
use crate::channel::{self, Prepared};
use crate::domain::message::{self, present};
use crate::domain::{Event, EventKind, MessageStatus, StoredMessage};
use crate::events::{self, Amendment, Keep, MessageHead, Routed, Unread, Write};
use crate::lifecycle::Phase;
use crate::telemetry::metrics::{KIND, OUTCOME, SEND_DURATION, SENDS};
use crate::telemetry::tally::Count;

/// First wait for a database that is away; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How a send is made, beside what is sent.
#[derive(Clone, Debug, Default)]
pub struct Send {
    /// The caller's own name of the request: a repeat answers what the first one made.
    pub idempotency_key: Option<String>,
}

/// What a send has made.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The row.
    pub message: Arc<StoredMessage>,
    /// Whether an earlier request with the same idempotency key made it, and this one sent nothing.
    pub repeated: bool,
    /// The link to its file, when that is kept and told.
    pub media_url: Option<String>,
}

/// What is on record when a send begins.
enum Begun {
    /// Nobody sends this row but us.
    Ours(Arc<StoredMessage>),
    /// An earlier request made it.
    Theirs(Sent),
}

impl Handle {
    /// What an earlier request with this idempotency key has come to.
    ///
    /// # Errors
    /// [`Error::IdempotencyMismatch`] when that was another message, [`Error::Database`],
    /// [`Error::Record`].
    async fn earlier(&self, key: &str, prepared: &Prepared) -> Result<Option<Begun>, Error> {
        let Some(message) = self.scope().messages().by_idempotency_key(key).await? else { return Ok(None) };
        let same = message.key.remote_jid == prepared.key.remote_jid
            && lasting(&message.message) == lasting(&prepared.message);
        if !same {
            return Err(Error::IdempotencyMismatch);
        }
        if message.status == MessageStatus::Error
            && let Some(message) = self.taken_up(&message, prepared).await?
        {
            return Ok(Some(Begun::Ours(Arc::new(message))));
        }
        let media_url = self.keep(&message).and_then(|keep| keep.url);
        Ok(Some(Begun::Theirs(Sent { message: Arc::new(message), repeated: true, media_url })))
    }

    /// Makes a failed send pending again. Its content is replaced by that of this request: keys of files
    /// and of votes are made anew for each. `None` when it has not failed after all, or somebody else
    /// takes it up at the same time.
    async fn taken_up(
        &self,
        failed: &StoredMessage,
        prepared: &Prepared,
    ) -> Result<Option<StoredMessage>, Error> {
        let (key_id, remote_jid) = (failed.key.id.clone(), Some(failed.key.remote_jid.clone()));
        let content = prepared.message.clone();
        let change: Amendment = Arc::new(move |head: &MessageHead| {
            (head.status == MessageStatus::Error).then(|| content.clone())
        });
        let renewed =
            Write::Amend { key_id: key_id.clone(), remote_jid: remote_jid.clone(), change, events: None };
        let status = MessageStatus::Pending;
        let pending = Write::Status { key_id, remote_jid, from_me: true, status, events: None };
        let outcome = self.0.journal.commit(vec![renewed, pending]).await?;
        let taken_up = outcome.inserted.last() == Some(&true);
        Ok(taken_up.then(|| StoredMessage {
            status,
            message: prepared.message.clone(),
            timestamp: self.0.journal.now() / 1000,
            ..failed.clone()
        }))
    }

    /// Puts a message on record before it is sent.
    ///
    /// # Errors
    /// As [`Handle::earlier`].
    async fn begun(&self, prepared: &Prepared, idempotency_key: Option<String>) -> Result<Begun, Error> {
        if let Some(key) = &idempotency_key
            && let Some(begun) = self.earlier(key, prepared).await?
        {
            return Ok(begun);
        }
        let message = Arc::new(self.row(prepared));
        let pending = Write::Message {
            message: Arc::clone(&message),
            idempotency_key: idempotency_key.clone(),
            fresh: idempotency_key.is_none(),
            events: Vec::new(),
        };
        let outcome = self.0.journal.commit(vec![pending]).await?;
        // Somebody else sent the same request at the same time: the row is theirs.
        if let (Some(key), Some(false)) = (&idempotency_key, outcome.inserted.first())
            && let Some(begun) = self.earlier(key, prepared).await?
        {
            return Ok(begun);
        }
        Ok(Begun::Ours(message))
    }

    /// Records a composed message, sends it, and records what became of it. With the idempotency key of a
    /// message that could not be sent, that message is sent.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Record`] before anything left; [`Error::Channel`] when
    /// WhatsApp refused, which is on record then as `ERROR`.
    pub async fn send(&self, mut prepared: Prepared, how: Send) -> Result<Sent, Error> {
        let working = self.enter()?;
        let began = Instant::now();
        let message = match self.begun(&prepared, how.idempotency_key).await? {
            Begun::Ours(message) => message,
            Begun::Theirs(sent) => return Ok(sent),
        };
        prepared.key.clone_from(&message.key);
        let (status, outcome) = match working.messages().transmit(&prepared).await {
            Ok(()) => (MessageStatus::ServerAck, "sent"),
            // Whether it left is unknown: the row stays `PENDING`, and a late acknowledgement moves it on.
            Err(channel::Error::Timeout) => (MessageStatus::Pending, "unknown"),
            Err(error) => {
                self.answered(&message, MessageStatus::Error, Vec::new(), None).await;
                self.measured(&message, "failed", began);
                return Err(error.into());
            }
        };
        let keep = self.keep(&message);
        let media_url = keep.as_ref().and_then(|keep| keep.url.clone());
        let told = self.told(&message, media_url.as_deref())?;
        self.answered(&message, status, told, keep).await;
        self.measured(&message, outcome, began);
        Ok(Sent { message, repeated: false, media_url })
    }

    /// Whether the file of a message is kept.
    fn keep(&self, message: &StoredMessage) -> Option<Keep> {
        let content = || serde_json::from_str(&message.message).ok().map(Cow::Owned);
        self.0.journal.keep(|| self.settings().media, self.name(), message.id, content)
    }

    /// Records what became of a send. Its caller is told that in any case: one who is told of a database
    /// that is away instead sends the message again. The record is made when the database is back.
    async fn answered(
        &self,
        message: &StoredMessage,
        status: MessageStatus,
        events: Vec<Routed>,
        keep: Option<Keep>,
    ) {
        let chat = Write::Chat {
            remote_jid: message.key.remote_jid.clone(),
            remote_jid_alt: message.key.remote_jid_alt.clone(),
            name: None,
            unread: Unread::Keep,
            last: Some((message.id, message.timestamp)),
            on_new: self.chat_is_new(message),
            on_change: Vec::new(),
        };
        let message_timestamp = Some(message.timestamp);
        let sent = Write::Sent { id: message.id, status, message_timestamp, events };
        let file = keep.map(|keep| Write::Media { message: message.id, kind: keep.kind });
        let writes: Vec<Write> = [sent, chat].into_iter().chain(file).collect();
        let Err(error) = self.0.journal.commit(writes.clone()).await else { return };
        tracing::warn!(instance = %self.name(), id = message.key.id, %error, "an answered send is not on record yet");
        if matches!(error, events::Error::Unavailable(_)) {
            let (handle, over) = (self.clone(), self.0.lifecycle.phase(Phase::Database));
            let recording = async move { over.run_until_cancelled(handle.record_later(writes)).await };
            self.0.lifecycle.spawn("record of a send", recording);
        }
    }

    /// Few wait here: no send begins without the database.
    async fn record_later(&self, writes: Vec<Write>) {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.0.journal.commit(writes.clone()).await {
                Err(events::Error::Unavailable(_)) => pause = (pause * 2).min(LONGEST_PAUSE),
                Ok(_) => return,
                Err(error) => {
                    tracing::error!(instance = %self.name(), %error, "a send that left stays on record as pending");
                    return;
                }
            }
        }
    }

    fn chat_is_new(&self, message: &StoredMessage) -> Vec<Routed> {
        let data = serde_json::json!([{"remoteJid": message.key.remote_jid, "instanceId": self.id()}]);
        self.0.journal.event(EventKind::ChatsUpsert, &data)
    }

    fn row(&self, prepared: &Prepared) -> StoredMessage {
        let own = self.0.view.borrow().profile_name.clone();
        StoredMessage {
            id: Uuid::now_v7(),
            key: prepared.key.clone(),
            push_name: Some(own.unwrap_or_else(|| message::OWN_NAME.to_owned())),
            status: MessageStatus::Pending,
            updates: Vec::new(),
            message_type: prepared.message_type.clone(),
            message: prepared.message.clone(),
            context_info: prepared.context_info.clone(),
            source: "web".to_owned(),
            timestamp: self.0.journal.now() / 1000,
            deleted: false,
        }
    }

    fn measured(&self, message: &StoredMessage, outcome: &'static str, began: Instant) {
        let kind = message::kind(&message.message_type);
        metrics::counter!(SENDS, KIND => kind, OUTCOME => outcome).increment(1);
        metrics::histogram!(SEND_DURATION, KIND => kind).record(began.elapsed());
        let count = if outcome == "failed" { Count::Failed } else { Count::Sent };
        self.0.place.tally().add(count, 1);
    }

    /// The event of a send, as its answer.
    fn told(&self, message: &StoredMessage, media_url: Option<&str>) -> Result<Vec<Routed>, Error> {
        if !self.0.journal.wants(EventKind::SendMessage) {
            return Ok(Vec::new());
        }
        let data: Box<RawValue> = present::sent(message, self.id(), media_url);
        let key = &message.key;
        let about = (key.remote_jid.as_str(), "me", key.id.as_str(), "");
        let event =
            Event::about_message(self.id(), EventKind::SendMessage, about, self.0.journal.now(), &data);
        event
            .map(|event| self.0.journal.routed(event))
            .map_err(|error| Error::Channel(channel::Error::Protocol(error.to_string())))
    }
}

/// Fields that are made anew for every send, or that are noted later: they do not tell requests apart.
const PASSING: [&str; 5] =
    ["messageContextInfo", "messageParamsJson", "pollVotes", "reference_id", "senderTimestampMs"];

/// Fields of a file that differ with every upload of it: files are told apart by their bytes.
const OF_UPLOAD: [&str; 6] =
    ["url", "directPath", "mediaKey", "fileEncSha256", "mediaKeyTimestamp", "streamingSidecar"];

/// A content as far as it is the same whenever the same is sent.
fn lasting(content: &str) -> Value {
    let mut content = serde_json::from_str(content).unwrap_or_else(|_| Value::from(content));
    forget_passing(&mut content);
    content
}

fn forget_passing(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !PASSING.contains(&name.as_str()));
            if fields.contains_key("fileSha256") {
                fields.retain(|name, _| !OF_UPLOAD.contains(&name.as_str()));
            }
            if let Some(Value::String(text)) = fields.get_mut("buttonParamsJson") {
                *text = lasting(text).to_string();
            }
            fields.values_mut().for_each(forget_passing);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_passing),
        _ => {}
    }
}
