//! The body of an event: the fields that matter, borrowed from it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::load::kinds::Kind;

/// Text of a body.
type Text<'a> = Cow<'a, str>;

/// An event, as webhooks and RabbitMQ have it.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow)]
    pub(super) instance: Text<'a>,
    /// Of the event; Evolution API's bodies have none.
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) data: Data<'a>,
}

/// What it is about.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Data<'a> {
    pub(super) key: Key,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) state: Option<Text<'a>>,
}

/// The key of a message.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Key {
    pub(super) from_me: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    conversation: Option<Text<'a>>,
    #[serde(borrow)]
    extended_text_message: Option<Content<'a>>,
    #[serde(borrow)]
    image_message: Option<Content<'a>>,
    #[serde(borrow)]
    video_message: Option<Content<'a>>,
    #[serde(borrow)]
    location_message: Option<Content<'a>>,
    #[serde(borrow)]
    contact_message: Option<Content<'a>>,
    #[serde(borrow)]
    poll_creation_message_v3: Option<Content<'a>>,
}

/// What people have put into words, in the field of its kind.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    caption: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    display_name: Option<Text<'a>>,
}

/// The field of a content that has the words.
type Field = for<'a> fn(&'a Content<'_>) -> Option<&'a str>;

impl Data<'_> {
    /// The words that may be a numbered text, and the kind of message that says them.
    pub(super) fn words(&self) -> Option<(Kind, &str)> {
        let message = self.message.as_ref()?;
        if let Some(text) = &message.conversation {
            return Some((Kind::Text, text));
        }
        let Message { extended_text_message, image_message, video_message, .. } = message;
        let Message { location_message, contact_message, poll_creation_message_v3, .. } = message;
        let fields: [(Kind, &Option<Content<'_>>, Field); 6] = [
            (Kind::Text, extended_text_message, |content| content.text.as_deref()),
            (Kind::Image, image_message, |content| content.caption.as_deref()),
            (Kind::Video, video_message, |content| content.caption.as_deref()),
            (Kind::Location, location_message, |content| content.name.as_deref()),
            (Kind::Contact, contact_message, |content| content.display_name.as_deref()),
            (Kind::Poll, poll_creation_message_v3, |content| content.name.as_deref()),
        ];
        fields.into_iter().find_map(|(kind, content, field)| Some((kind, field(content.as_ref()?)?)))
    }
}
