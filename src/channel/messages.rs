//! Messages that are sent.

use std::any::Any;

use async_trait::async_trait;

use super::Error;
use super::kinds::{Buttons, Card, List, Poll, Template};
use crate::domain::{Jid, MessageKey};
use crate::media;

/// A message to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What it says.
    pub content: Content,
    /// The message it answers.
    pub quoted: Option<Quoted>,
    /// Who is mentioned.
    pub mentioned: Vec<Jid>,
    /// Mention every member of the group.
    pub mention_everyone: bool,
}

/// What a message says. To add a kind: a variant here, and a file in each provider that has it.
#[derive(Clone, Debug)]
pub enum Content {
    /// A text.
    Text {
        /// Formatting is untouched.
        text: String,
        /// Whether a preview of the first link may be made.
        link_preview: bool,
    },
    /// A place.
    Location(Location),
    /// Contact cards, at least one.
    Contacts(Vec<Card>),
    /// An emoji on a message, which may be in another form than WhatsApp knows it; an empty one
    /// takes back what was there.
    Reaction {
        /// The message.
        key: MessageKey,
        /// The emoji.
        text: String,
    },
    /// A poll.
    Poll(Poll),
    /// A list to choose from.
    List(List),
    /// A text with buttons.
    Buttons(Buttons),
    /// A message that WhatsApp approved before.
    Template(Template),
    /// A message on record once more, marked as forwarded.
    Forward {
        /// Its content as JSON text in the form of the API.
        message: String,
        /// What went along with it, as JSON text: how often it was forwarded before.
        context_info: Option<String>,
    },
    /// A file.
    Media(Media),
    /// Something for the status page; its chat is `status@broadcast`.
    Status(Status),
}

/// The new content of a message.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The new text or caption.
    pub text: String,
    /// The whole new content as JSON text, where the text is only the caption of a file.
    pub file: Option<String>,
}

/// A file to send.
#[derive(Clone, Debug)]
pub struct Media {
    /// The file, ready for WhatsApp.
    pub file: media::Ready,
    /// The text below it, where the kind has one.
    pub caption: Option<String>,
    /// A video that plays in a loop without sound.
    pub gif: bool,
}

/// Something for the status page.
#[derive(Clone, Debug)]
pub struct Status {
    /// What is shown.
    pub content: StatusContent,
    /// Who can see it.
    pub audience: Vec<Jid>,
}

/// What the status page shows.
#[derive(Clone, Debug)]
pub enum StatusContent {
    /// A text on a colour.
    Text {
        /// The text.
        text: String,
        /// The colour as `0xAARRGGBB`.
        background: u32,
        /// The number of one of WhatsApp's fonts.
        font: i32,
    },
    /// A picture, a video or a voice note.
    Media(Media),
}

/// A place.
#[derive(Clone, Debug)]
pub struct Location {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// What the place is called.
    pub name: String,
    /// Where it is, in words.
    pub address: String,
}

impl From<Content> for Outgoing {
    /// Without a quoted message and mentions.
    fn from(content: Content) -> Self {
        Self { content, quoted: None, mentioned: Vec::new(), mention_everyone: false }
    }
}

/// A message that is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Quoted {
    /// Its identity.
    pub key: MessageKey,
    /// Its content as JSON text in the form of the API, when it is known.
    pub message: Option<String>,
}

/// A message that is ready to be recorded and then sent.
pub struct Prepared {
    /// Its identity, with an id of our own choice.
    pub key: MessageKey,
    /// The name of the field of `message` that holds the content.
    pub message_type: String,
    /// The content as JSON text in the form of the API.
    pub message: String,
    /// Quoted message and mentions as JSON text.
    pub context_info: Option<String>,
    /// The provider's own form.
    pub payload: Box<dyn Any + Send + Sync>,
}

/// Sending and marking messages. Sends to one chat are made in the order of the calls.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Composes a message. Nothing is sent, but media is uploaded, and metadata of a group may be
    /// fetched.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::Unsupported`] when the provider does not have
    /// the kind; [`Error::NotConnected`].
    async fn compose(&self, chat: &Jid, message: Outgoing) -> Result<Prepared, Error>;

    /// Composes an edit of one of our own messages.
    ///
    /// # Errors
    /// As [`Messages::compose`].
    async fn compose_edit(&self, key: &MessageKey, edit: &Edit) -> Result<Prepared, Error>;

    /// Composes the deletion of a message for everyone.
    ///
    /// # Errors
    /// As [`Messages::compose`].
    async fn compose_delete(&self, key: &MessageKey) -> Result<Prepared, Error>;

    /// Sends, and returns when WhatsApp has acknowledged.
    ///
    /// # Errors
    /// [`Error::Refused`] when WhatsApp did not take it, [`Error::Timeout`] when that is unknown.
    async fn transmit(&self, prepared: &Prepared) -> Result<(), Error>;

    /// Tells the senders that messages were read.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    async fn mark_read(&self, keys: &[MessageKey]) -> Result<(), Error>;
}
