//! What a phone recognises in a message it received.

use wacore::proto_helpers::MessageExt as _;
use waproto::whatsapp::{
    ContextInfo, Message,
    message::{
        PollCreationMessage, ProtocolMessage, buttons_response_message::Response,
        interactive_message::InteractiveMessage as Flow, protocol_message::Type,
    },
};

/// What a message is and says.
#[derive(Default)]
pub(crate) struct Recognised {
    pub(crate) kind: &'static str,
    /// Text, caption, name, question, or emoji.
    pub(crate) text: Option<String>,
    /// Id of the message that an edit, revoke, reaction, vote or quote refers to.
    pub(crate) target: Option<String>,
    /// Id of the quoted message.
    pub(crate) quoted: Option<String>,
    pub(crate) mentions: Vec<String>,
    pub(crate) forwarded: bool,
    pub(crate) view_once: bool,
    pub(crate) ephemeral: bool,
    /// Options of a poll, contact cards, coordinates of a place, preview of a link, rows of a list, buttons.
    pub(crate) details: Vec<String>,
}

/// The message inside the wrapper for own devices, if there is one.
pub(crate) fn unwrap(message: Message) -> Message {
    wacore::messages::unwrap_device_sent(message)
}

/// Recognises a message with its wrappers.
pub(crate) fn recognise(message: &Message) -> Recognised {
    let base = message.get_base_message();
    let context = context(base);
    let quoted = context.and_then(|context| context.stanza_id.clone());
    let found = content(base);
    Recognised {
        target: found.target.or_else(|| quoted.clone()),
        quoted,
        mentions: context.map(|context| context.mentioned_jid.clone()).unwrap_or_default(),
        forwarded: context.is_some_and(|context| context.is_forwarded == Some(true)),
        view_once: message.is_view_once(),
        ephemeral: message.is_ephemeral() || message.get_ephemeral_expiration().is_some_and(|s| s > 0),
        ..found
    }
}

fn content(message: &Message) -> Recognised {
    if let Some(text) = &message.conversation {
        return known("text", Some(text.clone()));
    }
    if let Some(extended) = message.extended_text_message.as_option() {
        let preview = [&extended.matched_text, &extended.title, &extended.description];
        let mut details: Vec<String> = preview.into_iter().flatten().cloned().collect();
        details.extend(
            extended.jpeg_thumbnail.as_ref().map(|jpeg| format!("thumbnail of {} bytes", jpeg.len())),
        );
        return Recognised { details, ..known("extendedText", extended.text.clone()) };
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return protocol_message(protocol);
    }
    if let Some(reaction) = message.reaction_message.as_option() {
        let target = reaction.key.as_option().and_then(|key| key.id.clone());
        return Recognised { target, ..known("reaction", reaction.text.clone()) };
    }
    if let Some(found) = media(message).or_else(|| place(message)).or_else(|| cards(message)) {
        return found;
    }
    if let Some(poll) = poll(message) {
        let details = poll.options.iter().filter_map(|option| option.option_name.clone()).collect();
        return Recognised { details, ..known("poll", poll.name.clone()) };
    }
    if let Some(vote) = message.poll_update_message.as_option() {
        let target = vote.poll_creation_message_key.as_option().and_then(|key| key.id.clone());
        return Recognised { target, ..known("vote", None) };
    }
    if let Some(found) = interactive(message) {
        return found;
    }
    if message.sender_key_distribution_message.is_set() {
        return known("senderKeyDistribution", None);
    }
    known("other", None)
}

fn known(kind: &'static str, text: Option<String>) -> Recognised {
    Recognised { kind, text, ..Recognised::default() }
}

fn media(message: &Message) -> Option<Recognised> {
    if let Some(image) = message.image_message.as_option() {
        return Some(known("image", image.caption.clone()));
    }
    if let Some(video) = message.video_message.as_option() {
        let kind = if video.gif_playback == Some(true) { "gif" } else { "video" };
        return Some(known(kind, video.caption.clone()));
    }
    if message.ptv_message.is_set() {
        return Some(known("roundVideo", None));
    }
    if let Some(document) = message.document_message.as_option() {
        return Some(known("document", document.caption.clone()));
    }
    if let Some(audio) = message.audio_message.as_option() {
        return Some(known(if audio.ptt == Some(true) { "voice" } else { "audio" }, None));
    }
    message.sticker_message.is_set().then(|| known("sticker", None))
}

fn place(message: &Message) -> Option<Recognised> {
    let coordinates = |latitude: Option<f64>, longitude: Option<f64>| {
        [latitude, longitude].into_iter().flatten().map(|degrees| degrees.to_string()).collect()
    };
    if let Some(place) = message.location_message.as_option() {
        let details = coordinates(place.degrees_latitude, place.degrees_longitude);
        return Some(Recognised { details, ..known("location", place.name.clone()) });
    }
    let place = message.live_location_message.as_option()?;
    let details = coordinates(place.degrees_latitude, place.degrees_longitude);
    Some(Recognised { details, ..known("liveLocation", place.caption.clone()) })
}

fn cards(message: &Message) -> Option<Recognised> {
    if let Some(card) = message.contact_message.as_option() {
        let details = card.vcard.iter().cloned().collect();
        return Some(Recognised { details, ..known("contact", card.display_name.clone()) });
    }
    let cards = message.contacts_array_message.as_option()?;
    let details = cards.contacts.iter().filter_map(|card| card.vcard.clone()).collect();
    Some(Recognised { details, ..known("contacts", cards.display_name.clone()) })
}

/// The poll that a message creates, in whatever field.
pub(crate) fn poll(message: &Message) -> Option<&PollCreationMessage> {
    [
        &message.poll_creation_message,
        &message.poll_creation_message_v2,
        &message.poll_creation_message_v3,
        &message.poll_creation_message_v5,
    ]
    .into_iter()
    .find_map(|field| field.as_option())
}

fn interactive(message: &Message) -> Option<Recognised> {
    if let Some(reply) = message.list_response_message.as_option() {
        let row = reply.single_select_reply.as_option().and_then(|reply| reply.selected_row_id.clone());
        return Some(Recognised {
            details: row.into_iter().collect(),
            ..known("listReply", reply.title.clone())
        });
    }
    if let Some(reply) = message.buttons_response_message.as_option() {
        let details = reply.selected_button_id.iter().cloned().collect();
        let text = reply.response.as_ref().map(|Response::SelectedDisplayText(text)| text.clone());
        return Some(Recognised { details, ..known("buttonReply", text) });
    }
    if let Some(reply) = message.template_button_reply_message.as_option() {
        let details = reply.selected_id.iter().cloned().collect();
        return Some(Recognised { details, ..known("buttonReply", reply.selected_display_text.clone()) });
    }
    if let Some(list) = message.list_message.as_option() {
        let rows = list.sections.iter().flat_map(|section| &section.rows);
        let details = rows.filter_map(|row| row.row_id.clone()).collect();
        let text = list.description.clone().or_else(|| list.title.clone());
        return Some(Recognised { details, ..known("list", text) });
    }
    if let Some(buttons) = message.buttons_message.as_option() {
        return Some(known("buttons", buttons.content_text.clone()));
    }
    let interactive = message.interactive_message.as_option()?;
    let body = interactive.body.as_option().and_then(|body| body.text.clone());
    let buttons = match &interactive.interactive_message {
        Some(Flow::NativeFlowMessage(flow)) => flow.buttons.as_slice(),
        _ => &[],
    };
    let details = buttons
        .iter()
        .map(|button| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{} {}", part(&button.name), part(&button.button_params_json))
        })
        .collect();
    Some(Recognised { details, ..known("interactive", body) })
}

fn protocol_message(protocol: &ProtocolMessage) -> Recognised {
    let target = protocol.key.as_option().and_then(|key| key.id.clone());
    match protocol.r#type {
        Some(Type::REVOKE) => Recognised { target, ..known("revoke", None) },
        Some(Type::MESSAGE_EDIT) => {
            let text = protocol.edited_message.as_option().and_then(|edited| recognise(edited).text);
            Recognised { target, ..known("edit", text) }
        }
        Some(Type::EPHEMERAL_SETTING) => Recognised { target, ..known("ephemeralSetting", None) },
        _ => Recognised { target, ..known("protocol", None) },
    }
}

/// The context of a message: quote, mentions, forwarding.
fn context(message: &Message) -> Option<&ContextInfo> {
    macro_rules! first {
        ($($field:ident),+ $(,)?) => {
            None$(.or_else(|| message.$field.as_option().and_then(|part| part.context_info.as_option())))+
        };
    }
    first!(
        extended_text_message,
        image_message,
        video_message,
        ptv_message,
        audio_message,
        document_message,
        sticker_message,
        location_message,
        live_location_message,
        contact_message,
        contacts_array_message,
        poll_creation_message,
        poll_creation_message_v2,
        poll_creation_message_v3,
        poll_creation_message_v5,
        list_response_message,
        buttons_response_message,
        template_button_reply_message,
        list_message,
        buttons_message,
        interactive_message,
    )
}
