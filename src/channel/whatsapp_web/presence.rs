//! Being online, and typing.

use std::sync::Arc;

use async_trait::async_trait;
use whatsapp_rust::{Client, PresenceError};

use super::address::to_wire;
use super::connection::Connection;
use crate::channel::{ChatState, Error, Presence};
use crate::domain::Jid;

/// Shows the account as online, or not.
pub async fn set_online(client: &Arc<Client>, online: bool) -> Result<(), PresenceError> {
    if online { client.presence().set_available().await } else { client.presence().set_unavailable().await }
}

#[async_trait]
impl Presence for Connection {
    async fn online(&self, online: bool) -> Result<(), Error> {
        let client = self.client()?;
        let showing = async {
            match set_online(client, online).await {
                Err(error @ PresenceError::PushNameEmpty) => Ok(Err(error)),
                other => other.map(Ok),
            }
        };
        // WhatsApp shows who is online by name, which the phone tells a moment after linking.
        self.answer(showing).await?.map_err(|nameless| Error::Unavailable(Box::new(nameless)))
    }

    async fn chat_state(&self, chat: &Jid, state: ChatState) -> Result<(), Error> {
        let (client, to) = (self.client()?, to_wire(chat)?);
        let chat_state = client.chatstate();
        self.answer(async {
            match state {
                ChatState::Composing => chat_state.send_composing(&to).await,
                ChatState::Recording => chat_state.send_recording(&to).await,
                ChatState::Paused => chat_state.send_paused(&to).await,
            }
        })
        .await
    }

    async fn subscribe(&self, contact: &Jid) -> Result<(), Error> {
        self.answer(self.client()?.presence().subscribe(to_wire(contact)?)).await
    }
}
