//! Reactions.

use buffa::MessageField;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ReactionMessage;

use crate::domain::MessageKey;

/// `at` is unix milliseconds.
pub(super) fn message(key: MessageKey, text: String, at: i64) -> wa::Message {
    let key = wa::MessageKey {
        remote_jid: Some(key.remote_jid),
        from_me: Some(key.from_me),
        id: Some(key.id),
        participant: key.participant,
    };
    let reaction = ReactionMessage {
        key: MessageField::some(key),
        text: Some(text),
        sender_timestamp_ms: Some(at),
        ..Default::default()
    };
    wa::Message { reaction_message: MessageField::some(reaction), ..Default::default() }
}
