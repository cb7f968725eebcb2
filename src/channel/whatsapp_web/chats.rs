//! What the account's devices agree on about its chats: written as app state, which all of them read.

use async_trait::async_trait;
use futures::TryFutureExt as _;
use whatsapp_rust::features::{AppStateError, SyncActionMessageRange, message_key, message_range};

use super::address::to_wire;
use super::connection::Connection;
use super::refusal::Untyped;
use crate::channel::{Anchor, Chats, Error, Mute};
use crate::domain::Jid;

fn range(newest: Option<&Anchor>) -> Result<Option<SyncActionMessageRange>, Error> {
    let Some(newest) = newest else { return Ok(None) };
    let parse = |text: &str| {
        let jid = Jid::parse(text).map_err(|error| Error::Protocol(error.to_string()))?;
        to_wire(&jid)
    };
    let chat = parse(&newest.key.remote_jid)?;
    let participant = newest.key.participant.as_deref().map(parse).transpose()?;
    let key = message_key(newest.key.id.clone(), &chat, newest.key.from_me, participant.as_ref());
    Ok(Some(message_range(newest.timestamp, None, vec![(key, newest.timestamp)])))
}

impl Connection {
    /// Makes a change that the account's devices share. A device that was linked a moment ago has not
    /// been given the keys for it yet.
    pub(super) async fn shared(
        &self,
        change: impl Future<Output = Result<(), AppStateError>>,
    ) -> Result<(), Error> {
        let change = async {
            match change.await {
                Err(AppStateError::InvalidRequest(reason)) => Ok(Err(reason)),
                other => other.map(Ok),
            }
        };
        self.answer(change).await?.map_err(|reason| Error::Unavailable(reason.into()))
    }
}

#[async_trait]
impl Chats for Connection {
    async fn archive(&self, chat: &Jid, archived: bool, newest: Option<&Anchor>) -> Result<(), Error> {
        let (client, chat, range) = (self.client()?, to_wire(chat)?, range(newest)?);
        let actions = client.chat_actions();
        if archived {
            self.shared(actions.archive_chat(&chat, range)).await
        } else {
            self.shared(actions.unarchive_chat(&chat, range)).await
        }
    }

    async fn mark(&self, chat: &Jid, read: bool, newest: Option<&Anchor>) -> Result<(), Error> {
        let (client, chat, range) = (self.client()?, to_wire(chat)?, range(newest)?);
        self.shared(client.chat_actions().mark_chat_as_read(&chat, read, range)).await
    }

    async fn mute(&self, chat: &Jid, mute: Mute) -> Result<(), Error> {
        let (client, chat) = (self.client()?, to_wire(chat)?);
        let actions = client.chat_actions();
        match mute {
            Mute::Off => self.shared(actions.unmute_chat(&chat)).await,
            Mute::Forever => self.shared(actions.mute_chat(&chat)).await,
            Mute::Until(time) if time <= self.context.seat.journal.now() => {
                Err(Error::Invalid { field: "until", reason: "is in the past".to_owned() })
            }
            Mute::Until(time) => self.shared(actions.mute_chat_until(&chat, time)).await,
        }
    }

    async fn fetch_older(&self, chat: &Jid, than: &Anchor, count: u32) -> Result<String, Error> {
        let (client, chat) = (self.client()?, to_wire(chat)?);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let (id, from_me, time) = (&than.key.id, than.key.from_me, than.timestamp.saturating_mul(1000));
        let asking = client.fetch_message_history(&chat, id, from_me, time, count);
        let asking = asking.map_err(Untyped::from);
        self.answer(self.context.barrier.sending(asking)).await
    }

    async fn pin(&self, chat: &Jid, pinned: bool) -> Result<(), Error> {
        let (client, chat) = (self.client()?, to_wire(chat)?);
        let actions = client.chat_actions();
        if pinned {
            self.shared(actions.pin_chat(&chat)).await
        } else {
            self.shared(actions.unpin_chat(&chat)).await
        }
    }
}
