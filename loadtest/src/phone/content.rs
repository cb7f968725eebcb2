//! Message contents that a phone sends, and what it recognises in those it receives.

use buffa::MessageField;
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

fn plain(message: Message) -> Content {
    Content { message, stanza_type: "text", edit: None }
}

/// A text, or a reply when `quoted` is given.
pub(crate) fn text(text: &str, quoted: Option<&Quoted>, extended: bool) -> Content {
    if quoted.is_none() && !extended {
        return plain(Message { conversation: Some(text.to_owned()), ..Default::default() });
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
    plain(Message {
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
    Content { message, stanza_type: "text", edit: Some(EDIT) }
}

/// Deletion of an own message for everyone.
pub(crate) fn revoke(chat: &str, id: &str) -> Content {
    let protocol =
        ProtocolMessage { key: own_key(chat, id), r#type: Some(Type::REVOKE), ..Default::default() };
    let message = Message { protocol_message: MessageField::some(protocol), ..Default::default() };
    Content { message, stanza_type: "text", edit: Some(REVOKE) }
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
    Content { message, stanza_type: "reaction", edit: None }
}

/// Kind, text and target message id of a content.
pub(crate) struct Recognised {
    pub(crate) kind: &'static str,
    pub(crate) text: Option<String>,
    pub(crate) target: Option<String>,
}

/// The message inside the wrapper for own devices, if there is one.
pub(crate) fn unwrap(message: Message) -> Message {
    wacore::messages::unwrap_device_sent(message)
}

/// Recognises a content.
pub(crate) fn recognise(message: &Message) -> Recognised {
    let known = |kind, text: Option<String>| Recognised { kind, text, target: None };
    if let Some(inner) = message.edited_message.as_option().and_then(|wrapper| wrapper.message.as_option()) {
        return recognise(inner);
    }
    if let Some(text) = &message.conversation {
        return known("text", Some(text.clone()));
    }
    if let Some(extended) = message.extended_text_message.as_option() {
        let target = extended.context_info.as_option().and_then(|context| context.stanza_id.clone());
        return Recognised { kind: "extendedText", text: extended.text.clone(), target };
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return recognise_protocol(protocol);
    }
    if let Some(reaction) = message.reaction_message.as_option() {
        let target = reaction.key.as_option().and_then(|key| key.id.clone());
        return Recognised { kind: "reaction", text: reaction.text.clone(), target };
    }
    if let Some(image) = message.image_message.as_option() {
        return known("image", image.caption.clone());
    }
    if let Some(video) = message.video_message.as_option() {
        return known("video", video.caption.clone());
    }
    if let Some(document) = message.document_message.as_option() {
        return known("document", document.caption.clone());
    }
    if message.audio_message.is_set() {
        return known("audio", None);
    }
    if message.sticker_message.is_set() {
        return known("sticker", None);
    }
    if let Some(location) = message.location_message.as_option() {
        return known("location", location.name.clone());
    }
    if let Some(contact) = message.contact_message.as_option() {
        return known("contact", contact.display_name.clone());
    }
    if message.sender_key_distribution_message.is_set() {
        return known("senderKeyDistribution", None);
    }
    known("other", None)
}

fn recognise_protocol(protocol: &ProtocolMessage) -> Recognised {
    let target = protocol.key.as_option().and_then(|key| key.id.clone());
    match protocol.r#type {
        Some(Type::REVOKE) => Recognised { kind: "revoke", text: None, target },
        Some(Type::MESSAGE_EDIT) => {
            let text = protocol.edited_message.as_option().and_then(|edited| recognise(edited).text);
            Recognised { kind: "edit", text, target }
        }
        _ => Recognised { kind: "protocol", text: None, target },
    }
}
