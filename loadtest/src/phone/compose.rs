//! Builds the message of any kind that a contact is told to send.

use buffa::MessageField;
use wacore::{download::MediaType, proto_helpers::MessageExt as _};
use waproto::whatsapp::{
    ContextInfo, Message, MessageContextInfo, MessageKey,
    message::{
        ButtonsResponseMessage, ContactMessage, ContactsArrayMessage, FutureProofMessage,
        ListResponseMessage, LiveLocationMessage, LocationMessage, PollCreationMessage, ReactionMessage,
        TemplateButtonReplyMessage, buttons_response_message, list_response_message, poll_creation_message,
    },
};

use super::{
    files,
    kinds::{Card, Compose, Kind},
    secrets,
};
use crate::{
    clock::unix_millis,
    error::Result,
    world::{World, account::Account},
};

/// Builds the message, uploading its file. `chat` is how the contact names the chat in message keys.
pub(crate) fn message(world: &World, from: &Account, chat: &str, order: &Compose) -> Result<Message> {
    let mut message = content(world, from, chat, &order.content)?;
    if let Some(context) = context(order) {
        let captioned = message.document_with_caption_message.as_option_mut();
        let inner = captioned.and_then(|captioned| captioned.message.as_option_mut());
        match inner {
            Some(document) => document.set_context_info(context),
            None => message.set_context_info(context),
        };
    }
    if !message.message_context_info.is_set()
        && !matches!(order.content, Kind::Reaction { .. } | Kind::Vote { .. })
    {
        message.message_context_info = secret();
    }
    if order.view_once {
        message = files::view_once(message);
    }
    if order.ephemeral.is_some() {
        let info = message.message_context_info.clone();
        let wrapper = FutureProofMessage { message: MessageField::some(message) };
        message = Message {
            ephemeral_message: MessageField::some(wrapper),
            message_context_info: info,
            ..Default::default()
        };
    }
    Ok(message)
}

/// Quote, mentions and marks around a message.
fn context(order: &Compose) -> Option<ContextInfo> {
    if order.quoted.is_none() && order.mentions.is_empty() && !order.forwarded && order.ephemeral.is_none() {
        return None;
    }
    let quoted = order.quoted.as_ref();
    Some(ContextInfo {
        stanza_id: quoted.map(|quoted| quoted.id.clone()),
        participant: quoted.map(|quoted| quoted.participant.clone()),
        quoted_message: quoted.map_or_else(MessageField::default, |quoted| {
            MessageField::some(Message { conversation: Some(quoted.text.clone()), ..Default::default() })
        }),
        mentioned_jid: order.mentions.clone(),
        is_forwarded: order.forwarded.then_some(true),
        forwarding_score: order.forwarded.then_some(1),
        expiration: order.ephemeral,
        ..Default::default()
    })
}

/// A fresh message secret, which later votes and edits need.
fn secret() -> MessageField<MessageContextInfo> {
    MessageField::some(MessageContextInfo {
        message_secret: Some(rand::random::<[u8; 32]>().to_vec()),
        ..Default::default()
    })
}

fn content(world: &World, from: &Account, chat: &str, kind: &Kind) -> Result<Message> {
    let mut message = Message::default();
    match kind {
        Kind::Text { text } => message.conversation = Some(text.clone()),
        Kind::Image { file, caption } => {
            let file = files::upload(world, file, MediaType::Image, "image/jpeg")?;
            message.image_message = MessageField::some(files::image(file, caption.clone()));
        }
        Kind::Video { file, caption, gif, round } => {
            let file = files::upload(world, file, MediaType::Video, "video/mp4")?;
            let video = MessageField::some(files::video(file, caption.clone(), *gif));
            if *round { message.ptv_message = video } else { message.video_message = video }
        }
        Kind::Audio { file, voice, seconds } => {
            let file = files::upload(world, file, MediaType::Audio, "audio/ogg; codecs=opus")?;
            message.audio_message = MessageField::some(files::audio(file, *voice, *seconds));
        }
        Kind::Document { file, caption } => {
            let name = file.name.clone();
            let file = files::upload(world, file, MediaType::Document, "application/octet-stream")?;
            message = files::document(file, name, caption.clone());
        }
        Kind::Sticker { file, animated } => {
            let file = files::upload(world, file, MediaType::Sticker, "image/webp")?;
            message.sticker_message = MessageField::some(files::sticker(file, *animated));
        }
        Kind::Location { latitude, longitude, name, address } => {
            message.location_message = MessageField::some(LocationMessage {
                degrees_latitude: Some(*latitude),
                degrees_longitude: Some(*longitude),
                name: name.clone(),
                address: address.clone(),
                ..Default::default()
            });
        }
        Kind::LiveLocation { latitude, longitude, caption, sequence } => {
            message.live_location_message = MessageField::some(LiveLocationMessage {
                degrees_latitude: Some(*latitude),
                degrees_longitude: Some(*longitude),
                caption: caption.clone(),
                sequence_number: Some(*sequence),
                ..Default::default()
            });
        }
        Kind::Contacts { cards } => cards_message(&mut message, cards),
        Kind::Reaction { id, from_me, participant, emoji } => {
            message.reaction_message = MessageField::some(ReactionMessage {
                key: MessageField::some(MessageKey {
                    remote_jid: Some(chat.to_owned()),
                    from_me: Some(*from_me),
                    id: Some(id.clone()),
                    participant: participant.clone(),
                }),
                text: Some(emoji.clone()),
                sender_timestamp_ms: i64::try_from(unix_millis()).ok(),
                ..Default::default()
            });
        }
        Kind::Poll { question, options, selectable } => poll(&mut message, question, options, *selectable),
        Kind::Vote { id, options } => message = secrets::cast_vote(world, from, chat, id, options)?,
        Kind::ListReply { title, row } => {
            message.list_response_message = MessageField::some(ListResponseMessage {
                title: Some(title.clone()),
                list_type: Some(list_response_message::ListType::SINGLE_SELECT),
                single_select_reply: MessageField::some(list_response_message::SingleSelectReply {
                    selected_row_id: Some(row.clone()),
                }),
                ..Default::default()
            });
        }
        Kind::ButtonReply { text, button, template } => button_reply(&mut message, text, button, *template),
    }
    Ok(message)
}

fn cards_message(message: &mut Message, cards: &[Card]) {
    let mut contacts: Vec<ContactMessage> = cards
        .iter()
        .map(|card| ContactMessage {
            display_name: Some(card.name.clone()),
            vcard: Some(format!(
                "BEGIN:VCARD\nVERSION:3.0\nFN:{0}\nTEL;type=CELL;waid={1}:+{1}\nEND:VCARD",
                card.name, card.phone
            )),
            ..Default::default()
        })
        .collect();
    match contacts.pop() {
        Some(only) if contacts.is_empty() => message.contact_message = MessageField::some(only),
        last => {
            contacts.extend(last);
            message.contacts_array_message = MessageField::some(ContactsArrayMessage {
                display_name: Some(format!("{} contacts", contacts.len())),
                contacts,
                ..Default::default()
            });
        }
    }
}

/// Single-choice polls go in another field than the others, as clients do it.
fn poll(message: &mut Message, question: &str, options: &[String], selectable: u32) {
    let options = options
        .iter()
        .map(|name| poll_creation_message::Option { option_name: Some(name.clone()), ..Default::default() });
    let poll = MessageField::some(PollCreationMessage {
        name: Some(question.to_owned()),
        options: options.collect(),
        selectable_options_count: Some(selectable),
        ..Default::default()
    });
    if selectable == 1 {
        message.poll_creation_message_v3 = poll
    } else {
        message.poll_creation_message = poll
    }
    message.message_context_info = secret();
}

fn button_reply(message: &mut Message, text: &str, button: &str, template: bool) {
    if template {
        message.template_button_reply_message = MessageField::some(TemplateButtonReplyMessage {
            selected_id: Some(button.to_owned()),
            selected_display_text: Some(text.to_owned()),
            ..Default::default()
        });
    } else {
        message.buttons_response_message = MessageField::some(ButtonsResponseMessage {
            selected_button_id: Some(button.to_owned()),
            r#type: Some(buttons_response_message::Type::DISPLAY_TEXT),
            response: Some(buttons_response_message::Response::SelectedDisplayText(text.to_owned())),
            ..Default::default()
        });
    }
}
