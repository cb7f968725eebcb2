//! Message contents that a phone sends.

use buffa::MessageField;
use wacore::send::{media_type_from_message, stanza_type_from_message};
use waproto::whatsapp::{
    ContextInfo, Message, MessageKey,
    message::{ExtendedTextMessage, ProtocolMessage, ReactionMessage, protocol_message::Type},
};

use crate::clock::unix_millis;

/// `edit` attribute of a message edit.
pub(crate) const EDIT: &str = "1";
/// `edit` attribute of a revoke by the sender.
pub(crate) const REVOKE: &str = "7";

/// What to send.
pub(crate) struct Content {
    pub(crate) message: Message,
    /// `type` attribute of the stanza.
    pub(crate) stanza_type: &'static str,
    /// `edit` attribute of the stanza.
    pub(crate) edit: Option<&'static str>,
    /// `mediatype` attribute of the ciphertexts.
    pub(crate) media_type: Option<&'static str>,
}

impl Content {
    /// Id of the message that this one changes, and its new content; nothing when it is revoked.
    pub(crate) fn change(&self) -> Option<(&str, Option<&Message>)> {
        self.edit?;
        let protocol = self.message.protocol_message.as_option()?;
        let target = protocol.key.as_option()?.id.as_deref()?;
        Some((target, protocol.edited_message.as_option()))
    }

    /// A message with the attributes that clients give to its kind.
    pub(crate) fn of(message: Message) -> Self {
        Self {
            stanza_type: stanza_type_from_message(&message),
            media_type: media_type_from_message(&message),
            edit: None,
            message,
        }
    }
}

/// A message that a quote refers to.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// Id of the quoted message.
    pub id: String,
    /// JID of its author.
    pub participant: String,
    /// Its text.
    #[serde(default)]
    pub text: String,
}

/// A text, or a reply when `quoted` is given.
pub(crate) fn text(text: &str, quoted: Option<&Quoted>, extended: bool) -> Content {
    if quoted.is_none() && !extended {
        return Content::of(Message { conversation: Some(text.to_owned()), ..Default::default() });
    }
    let context = quoted.map(|quoted| ContextInfo {
        stanza_id: Some(quoted.id.clone()),
        participant: Some(quoted.participant.clone()),
        quoted_message: MessageField::some(Message {
            conversation: Some(quoted.text.clone()),
            ..Default::default()
        }),
        ..Default::default()
    });
    Content::of(Message {
        extended_text_message: MessageField::some(ExtendedTextMessage {
            text: Some(text.to_owned()),
            context_info: context.map_or_else(MessageField::default, MessageField::some),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn own_key(chat: &str, id: &str) -> MessageField<MessageKey> {
    MessageField::some(MessageKey {
        remote_jid: Some(chat.to_owned()),
        from_me: Some(true),
        id: Some(id.to_owned()),
        ..Default::default()
    })
}

/// New text for an own message.
pub(crate) fn edit(chat: &str, id: &str, text: &str) -> Content {
    let protocol = ProtocolMessage {
        key: own_key(chat, id),
        r#type: Some(Type::MESSAGE_EDIT),
        edited_message: MessageField::some(Message {
            conversation: Some(text.to_owned()),
            ..Default::default()
        }),
        timestamp_ms: i64::try_from(unix_millis()).ok(),
        ..Default::default()
    };
    let message = Message { protocol_message: MessageField::some(protocol), ..Default::default() };
    Content { edit: Some(EDIT), ..Content::of(message) }
}

/// Deletion of an own message for everyone.
pub(crate) fn revoke(chat: &str, id: &str) -> Content {
    let protocol =
        ProtocolMessage { key: own_key(chat, id), r#type: Some(Type::REVOKE), ..Default::default() };
    let message = Message { protocol_message: MessageField::some(protocol), ..Default::default() };
    Content { edit: Some(REVOKE), ..Content::of(message) }
}

/// A reaction to a message; an empty emoji removes it.
pub(crate) fn reaction(chat: &str, id: &str, from_me: bool, emoji: &str) -> Content {
    let reaction = ReactionMessage {
        key: MessageField::some(MessageKey {
            remote_jid: Some(chat.to_owned()),
            from_me: Some(from_me),
            id: Some(id.to_owned()),
            ..Default::default()
        }),
        text: Some(emoji.to_owned()),
        sender_timestamp_ms: i64::try_from(unix_millis()).ok(),
        ..Default::default()
    };
    let message = Message { reaction_message: MessageField::some(reaction), ..Default::default() };
    Content::of(message)
}
