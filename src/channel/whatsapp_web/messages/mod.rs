//! Composing and sending messages: a file for each kind, and one for what goes along with any.

mod buttons;
mod contacts;
mod context;
mod forward;
mod list;
mod location;
mod media;
mod poll;
mod reaction;
mod status;
mod text;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryFutureExt as _;
use serde_json::{Value, json};
use wacore::proto_helpers::MessageExt as _;
use wacore_binary::JidExt as _;
use waproto::whatsapp as wa;
use whatsapp_rust::send::SendError;
use whatsapp_rust::{Client, RevokeType, SendOptions};

use super::address::to_wire;
use super::connection::Connection;
use super::content::Content as Shown;
use super::json::from_value;
use super::refusal::{Untyped, explained};
use crate::channel::{Content, Edit, Error, Messages, Outgoing, Prepared};
use crate::domain::{Jid, MessageKey};

/// How long WhatsApp may take to acknowledge a message before the answer says that it is pending.
const ACK: Duration = Duration::from_secs(15);

/// How long a message may take to leave: keys and devices of its recipients are asked for before.
const LEAVE: Duration = Duration::from_secs(20);
/// And for each recipient beside.
const LEAVE_EACH: Duration = Duration::from_millis(50);
/// Most members of a group.
const MEMBERS: usize = 1024;

/// What the contract shows beside most kinds of messages when nothing goes along with them.
const NO_CONTEXT: &str = r#"{"mentionedJid":[],"groupMentions":[]}"#;

/// What leaves the node.
enum Payload {
    Message(Box<wa::Message>),
    Edit { original: String, content: Box<wa::Message> },
    Delete { original: String, revoke: RevokeType },
    Status { message: Box<wa::Message>, audience: Vec<wacore_binary::Jid> },
}

#[async_trait]
impl Messages for Connection {
    async fn compose(&self, chat: &Jid, message: Outgoing) -> Result<Prepared, Error> {
        let context = self.context_info(chat, &message).await?;
        let shows_context = matches!(
            message.content,
            Content::Text { .. } | Content::Location(_) | Content::Contacts(_) | Content::Media(_)
        );
        let composed = match message.content {
            Content::Text { text, link_preview } => {
                self.compose_text(chat, text, link_preview, context).await
            }
            Content::Location(place) => self.prepared(chat, location::message(place), context).await,
            Content::Contacts(cards) => self.prepared(chat, contacts::message(cards), context).await,
            Content::Reaction { key, text } => {
                let now = self.context.seat.journal.now();
                self.prepared(chat, reaction::message(key, text, now), None).await
            }
            Content::Poll(poll) => self.prepared(chat, poll::message(poll), context).await,
            Content::List(list) => self.prepared(chat, list::message(list), context).await,
            Content::Buttons(buttons) => self.compose_buttons(chat, buttons, context).await,
            Content::Template(_) => Err(super::unsupported("sending templates")),
            Content::Forward { message, context_info } => {
                self.compose_forward(chat, &message, context_info.as_deref()).await
            }
            Content::Media(media) => {
                let message = self.media_message(media).await?;
                self.prepared(chat, message, context).await
            }
            Content::Status(status) => self.compose_status(chat, status).await,
        };
        let mut prepared = composed?;
        if shows_context {
            prepared.context_info.get_or_insert_with(|| NO_CONTEXT.to_owned());
        }
        Ok(prepared)
    }

    async fn compose_edit(&self, key: &MessageKey, edit: &Edit) -> Result<Prepared, Error> {
        let chat = parse(&key.remote_jid)?;
        let (content, shown) = match &edit.file {
            Some(content) => {
                let unknown = |_| {
                    let reason = "names a message of a form that is not known".to_owned();
                    Error::Invalid { field: "key", reason }
                };
                let shown: Value = serde_json::from_str(content).map_err(unknown)?;
                (from_value(&shown).map_err(unknown)?, shown)
            }
            None => {
                let shown = json!({"extendedTextMessage": {"text": edit.text}});
                (text::extended(edit.text.clone()), shown)
            }
        };
        let now = self.context.seat.journal.now().to_string();
        let protocol =
            json!({"key": key, "type": "MESSAGE_EDIT", "editedMessage": shown, "timestampMs": now});
        Ok(Prepared {
            key: self.new_key(&chat).await?,
            message_type: "protocolMessage".to_owned(),
            message: json!({ "protocolMessage": protocol }).to_string(),
            context_info: None,
            payload: Box::new(Payload::Edit { original: key.id.clone(), content: Box::new(content) }),
        })
    }

    async fn compose_delete(&self, key: &MessageKey) -> Result<Prepared, Error> {
        let chat = parse(&key.remote_jid)?;
        let revoke = match (key.from_me, &key.participant) {
            (true, _) => RevokeType::Sender,
            (false, Some(sender)) => RevokeType::Admin { original_sender: to_wire(&parse(sender)?)? },
            (false, None) => {
                let reason =
                    "of somebody else can only be deleted in a group, and needs its participant".to_owned();
                return Err(Error::Invalid { field: "fromMe", reason });
            }
        };
        Ok(Prepared {
            key: self.new_key(&chat).await?,
            message_type: "protocolMessage".to_owned(),
            message: json!({"protocolMessage": {"key": key, "type": "REVOKE"}}).to_string(),
            context_info: None,
            payload: Box::new(Payload::Delete { original: key.id.clone(), revoke }),
        })
    }

    async fn transmit(&self, prepared: &Prepared) -> Result<(), Error> {
        let client = self.client()?;
        let to = to_wire(&parse(&prepared.key.remote_jid)?)?;
        let payload = prepared.payload.downcast_ref::<Payload>();
        let payload = payload.ok_or_else(|| Error::Protocol("composed by another channel".to_owned()))?;
        match payload {
            Payload::Message(message) => self.send(client, to, message, &prepared.key.id).await,
            Payload::Status { message, audience } => {
                self.acknowledged(&prepared.key.id, self.publish(client, message, audience, &prepared.key.id))
                    .await
            }
            Payload::Edit { original, content } => {
                let edit = client.edit_message(to, original, (**content).clone());
                self.carried(client, edit).await.map(drop)
            }
            Payload::Delete { original, revoke } => {
                let revocation = client.revoke_message(to, original, revoke.clone());
                self.carried(client, revocation).await
            }
        }
    }

    async fn mark_read(&self, keys: &[MessageKey]) -> Result<(), Error> {
        let client = self.client()?;
        // One receipt tells of many messages of one sender in one chat.
        let mut receipts: BTreeMap<(&str, Option<&str>), Vec<&str>> = BTreeMap::new();
        for key in keys.iter().filter(|key| !key.from_me) {
            let of = (key.remote_jid.as_str(), key.participant.as_deref());
            receipts.entry(of).or_default().push(&key.id);
        }
        for ((chat, sender), ids) in receipts {
            let chat = to_wire(&parse(chat)?)?;
            let sender = sender.map(parse).transpose()?.as_ref().map(to_wire).transpose()?;
            let telling = client.mark_as_read(&chat, sender.as_ref(), &ids);
            self.answer(telling.map_err(Untyped::from)).await?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Jid, Error> {
    Jid::parse(text).map_err(|error| Error::Invalid { field: "remoteJid", reason: error.to_string() })
}

/// Why a message has not left.
fn failed(client: &Client, error: &SendError) -> Error {
    match error {
        SendError::NotLoggedIn | SendError::Client(_) => Error::NotConnected,
        _ if !client.is_connected() => Error::NotConnected,
        SendError::InvalidRequest(reason) => {
            Error::Invalid { field: "key", reason: format!("cannot be sent: {reason}") }
        }
        // The question came before the message, which has not left.
        other => match explained(other) {
            Error::Timeout => Error::NotConnected,
            why => why,
        },
    }
}

impl Connection {
    /// A change of a message, as far as its stanza has left.
    async fn carried<T>(
        &self,
        client: &Client,
        change: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, Error> {
        let left = async { Ok::<_, Infallible>(self.context.barrier.sending(change).await) };
        self.answer(left).await?.map_err(|error| failed(client, &error))
    }

    /// Sends under our own id and waits for WhatsApp's acknowledgement.
    async fn send(
        &self,
        client: &Client,
        to: wacore_binary::Jid,
        message: &wa::Message,
        id: &str,
    ) -> Result<(), Error> {
        self.acknowledged(id, self.leave(client, to, message, id)).await
    }

    /// Waits for WhatsApp's acknowledgement of what leaves under an id.
    async fn acknowledged(
        &self,
        id: &str,
        leaving: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let answer = self.context.acks.expect(id);
        let outcome = match leaving.await {
            Ok(()) => match self.while_connected(ACK, answer).await {
                Some(Ok(None)) => return Ok(()),
                Some(Ok(Some(code))) => Err(Error::Refused(format!("error {code}"))),
                Some(Err(_)) | None => Err(Error::Timeout),
            },
            Err(error) => Err(error),
        };
        self.context.acks.forget(id);
        outcome
    }

    /// Encrypts and writes to the socket. The write is the last step: what did not come to its end
    /// has not left.
    async fn leave(
        &self,
        client: &Client,
        to: wacore_binary::Jid,
        message: &wa::Message,
        id: &str,
    ) -> Result<(), Error> {
        let options = SendOptions::default().with_message_id(id);
        let recipients = if to.is_group() { MEMBERS } else { 1 };
        let sending = client.send_message_with_options(to, message.clone(), options);
        self.left(client, recipients, sending).await
    }

    /// What leaves for so many recipients, or does not: after its time it has not.
    async fn left<T>(
        &self,
        client: &Client,
        recipients: usize,
        sending: impl Future<Output = Result<T, SendError>>,
    ) -> Result<(), Error> {
        let within = LEAVE + LEAVE_EACH * u32::try_from(recipients).unwrap_or(u32::MAX);
        match self.while_connected(within, self.context.barrier.sending(sending)).await {
            Some(sent) => sent.map(drop).map_err(|error| failed(client, &error)),
            None if self.context.over.is_cancelled() => Err(Error::NotConnected),
            None => {
                Err(Error::Unavailable("WhatsApp did not give the keys of the recipients in time".into()))
            }
        }
    }

    async fn new_key(&self, chat: &Jid) -> Result<MessageKey, Error> {
        let wire = to_wire(chat)?;
        let shown = super::address::shown(self.client()?, &wire, None).await;
        let (jid, alt) = shown.map_or_else(|| (chat.clone(), None), |shown| (shown.jid, shown.alt));
        Ok(MessageKey {
            id: message_id(),
            remote_jid: jid.to_string(),
            from_me: true,
            participant: None,
            remote_jid_alt: alt.map(|alt| alt.to_string()),
        })
    }

    /// A composed message as it is recorded and then sent.
    async fn prepared(
        &self,
        chat: &Jid,
        mut message: wa::Message,
        context: Option<wa::ContextInfo>,
    ) -> Result<Prepared, Error> {
        if let Some(context) = context {
            message.set_context_info(context);
        }
        let Shown { message_type, fields, context_info } = Shown::of(&message)
            .ok_or_else(|| Error::Protocol("a message without content was composed".to_owned()))?;
        Ok(Prepared {
            key: self.new_key(chat).await?,
            context_info,
            message: Value::Object(fields).to_string(),
            message_type,
            payload: Box::new(Payload::Message(Box::new(message))),
        })
    }
}

/// An id in the form of WhatsApp Web's: `3EB0` and 18 upper-case hexadecimal digits.
fn message_id() -> String {
    format!("3EB0{}", hex::encode_upper(rand::random::<[u8; 9]>()))
}
