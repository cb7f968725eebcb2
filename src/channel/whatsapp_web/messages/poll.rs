//! Polls.

use buffa::MessageField;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{PollCreationMessage, poll_creation_message};

use crate::channel::kinds::Poll;

pub(super) fn message(poll: Poll) -> wa::Message {
    let option = |name| poll_creation_message::Option { option_name: Some(name), ..Default::default() };
    let single = poll.selectable == 1;
    let poll = MessageField::some(PollCreationMessage {
        name: Some(poll.name),
        selectable_options_count: Some(poll.selectable),
        options: poll.values.into_iter().map(option).collect(),
        ..Default::default()
    });
    // WhatsApp Web has a field of its own for polls with one answer (whatsapp-rust 0.7.0, `features::polls`).
    let mut message = if single {
        wa::Message { poll_creation_message_v3: poll, ..Default::default() }
    } else {
        wa::Message { poll_creation_message: poll, ..Default::default() }
    };
    message.message_context_info = secret();
    message
}

/// Whether a message is a poll.
pub(super) fn is_one(message: &wa::Message) -> bool {
    [&message.poll_creation_message, &message.poll_creation_message_v2, &message.poll_creation_message_v3]
        .into_iter()
        .any(|field| field.is_set())
}

/// A fresh secret, which the votes are encrypted with.
pub(super) fn secret() -> MessageField<wa::MessageContextInfo> {
    let secret = rand::random::<[u8; 32]>().to_vec();
    MessageField::some(wa::MessageContextInfo { message_secret: Some(secret), ..Default::default() })
}
