//! A message within a batch.

use std::sync::Arc;

use uuid::Uuid;

use super::MessageHead;
use crate::domain::{InstanceId, MessageKey, MessageStatus, StoredMessage};

/// The column's width; the oldest words go when there are more.
const UPDATES_MAX: usize = 255;

/// A message that was read or is to be inserted.
pub struct Slot {
    pub id: Uuid,
    pub instance: InstanceId,
    pub key: MessageKey,
    pub push_name: Option<String>,
    pub status: MessageStatus,
    pub updates: Vec<String>,
    pub message_type: String,
    pub timestamp: i64,
    pub source: String,
    pub deleted: bool,
    /// The content where it was read or replaced.
    pub content: Option<String>,
    pub edited: bool,
    pub changed: bool,
    /// Set for a row that does not exist yet.
    pub new: Option<New>,
}

pub struct New {
    pub message: Arc<StoredMessage>,
    pub idempotency_key: Option<String>,
}

impl Slot {
    pub fn insert(
        instance: InstanceId,
        message: &Arc<StoredMessage>,
        idempotency_key: Option<String>,
    ) -> Self {
        Self {
            id: message.id,
            instance,
            key: message.key.clone(),
            push_name: message.push_name.clone(),
            status: message.status,
            updates: message.updates.clone(),
            message_type: message.message_type.clone(),
            timestamp: message.timestamp,
            source: message.source.clone(),
            deleted: message.deleted,
            content: None,
            edited: false,
            changed: false,
            new: Some(New { message: Arc::clone(message), idempotency_key }),
        }
    }

    /// Whether it is the same message.
    pub fn is(&self, key: &MessageKey) -> bool {
        self.key.remote_jid == key.remote_jid
            && self.key.from_me == key.from_me
            && self.key.participant.as_deref().unwrap_or_default()
                == key.participant.as_deref().unwrap_or_default()
    }

    /// Whether a message of the same id is meant, by the chat in either form and its side.
    pub fn answers_to(&self, remote_jid: Option<&str>, from_me: bool) -> bool {
        let chat = remote_jid
            .is_none_or(|jid| self.key.remote_jid == jid || self.key.remote_jid_alt.as_deref() == Some(jid));
        self.key.from_me == from_me && chat
    }

    /// Whether `sender` wrote it. Of the account's own messages there is nothing to check: that
    /// they are its own was found out when the change arrived.
    pub fn is_by(&self, sender: Option<&str>) -> bool {
        let Some(sender) = sender else { return true };
        match &self.key.participant {
            _ if self.key.from_me => true,
            Some(participant) => participant == sender,
            None => self.key.remote_jid == sender || self.key.remote_jid_alt.as_deref() == Some(sender),
        }
    }

    pub fn append(&mut self, word: &str) {
        self.updates.push(word.to_owned());
        while self.updates.iter().map(|word| word.len() + 1).sum::<usize>() > UPDATES_MAX {
            self.updates.remove(0);
        }
        self.changed = true;
    }

    pub fn content(&self) -> Option<&str> {
        self.content.as_deref().or_else(|| self.new.as_ref().map(|new| &*new.message.message))
    }

    pub fn head(&self, with_content: bool) -> MessageHead {
        MessageHead {
            id: self.id,
            key: self.key.clone(),
            status: self.status,
            message_type: self.message_type.clone(),
            push_name: self.push_name.clone(),
            timestamp: self.timestamp,
            source: self.source.clone(),
            message: self.content().filter(|_| with_content).map(str::to_owned),
        }
    }
}

/// Whether a message moves. Only what is pending can fail: an answer may come after a receipt.
pub fn is_ahead(new: MessageStatus, old: MessageStatus) -> bool {
    new > old && new != MessageStatus::Error || (new, old) == (MessageStatus::Error, MessageStatus::Pending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageStatus::{Error, Pending, Read, ServerAck};

    #[test]
    fn a_status_only_moves_forward() {
        assert!(is_ahead(ServerAck, Pending) && is_ahead(Read, ServerAck) && is_ahead(Error, Pending));
        assert!(is_ahead(ServerAck, Error), "a later attempt may succeed");
        assert!(!is_ahead(ServerAck, Read) && !is_ahead(Error, ServerAck) && !is_ahead(Read, Read));
    }
}
