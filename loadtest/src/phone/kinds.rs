//! The kinds of messages that a contact can be told to send.

use serde::Deserialize;

use super::content::Quoted;

/// A file to send. In JSON its bytes are base64 in `data`, or `size` random bytes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct File {
    /// The bytes.
    #[serde(rename = "data", deserialize_with = "super::files::base64")]
    pub bytes: Vec<u8>,
    /// Length of the random content that stands in for absent bytes.
    pub size: usize,
    /// MIME type; one that fits the kind when absent.
    pub mimetype: Option<String>,
    /// File name of a document.
    pub name: Option<String>,
}

/// A contact card.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Display name.
    pub name: String,
    /// Phone number in the card.
    pub phone: String,
}

/// What a message says, without what any message may have around it.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Kind {
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// The picture.
        file: File,
        /// Text below it.
        caption: Option<String>,
    },
    /// A video.
    Video {
        /// The video.
        file: File,
        /// Text below it.
        caption: Option<String>,
        /// Plays in a loop without sound.
        #[serde(default)]
        gif: bool,
        /// A round video note.
        #[serde(default)]
        round: bool,
    },
    /// Sound.
    Audio {
        /// The sound.
        file: File,
        /// Recorded in the chat: a voice note.
        #[serde(default)]
        voice: bool,
        /// Length in seconds.
        #[serde(default)]
        seconds: u32,
    },
    /// Any file.
    Document {
        /// The file.
        file: File,
        /// Text below it.
        caption: Option<String>,
    },
    /// A sticker.
    Sticker {
        /// The WebP file.
        file: File,
        /// Whether it moves.
        #[serde(default)]
        animated: bool,
    },
    /// A place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Name of the place.
        name: Option<String>,
        /// Its address.
        address: Option<String>,
    },
    /// A place that moves.
    LiveLocation {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Text below it.
        caption: Option<String>,
        /// Number of the update.
        #[serde(default)]
        sequence: i64,
    },
    /// One or more contact cards.
    Contacts {
        /// The cards; more than one go as a list.
        cards: Vec<Card>,
    },
    /// A reaction; an empty emoji takes it back.
    Reaction {
        /// Message reacted to.
        id: String,
        /// Whether the contact itself sent that message.
        #[serde(default)]
        from_me: bool,
        /// Its author, in groups.
        participant: Option<String>,
        /// The emoji.
        #[serde(default)]
        emoji: String,
    },
    /// A poll.
    Poll {
        /// The question.
        question: String,
        /// The answers to choose from.
        options: Vec<String>,
        /// How many answers may be chosen; 0 is any number.
        #[serde(default)]
        selectable: u32,
    },
    /// A vote in a poll that the contact sent or received.
    Vote {
        /// Message id of the poll.
        id: String,
        /// The chosen options.
        options: Vec<String>,
    },
    /// The choice of a row of a list.
    ListReply {
        /// Title of the row.
        title: String,
        /// Id of the row.
        row: String,
    },
    /// The choice of a button.
    ButtonReply {
        /// Text of the button.
        text: String,
        /// Id of the button.
        button: String,
        /// The button of a template.
        #[serde(default)]
        template: bool,
    },
}

/// A message to send from a contact.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compose {
    /// Phone number of an account or JID of a group that the contact is a member of.
    pub to: String,
    /// What it says.
    #[serde(flatten)]
    pub content: Kind,
    /// Message that it quotes.
    #[serde(default)]
    pub quoted: Option<Quoted>,
    /// JIDs of mentioned users.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// Marked as forwarded.
    #[serde(default)]
    pub forwarded: bool,
    /// May be opened once.
    #[serde(default)]
    pub view_once: bool,
    /// Disappears after this many seconds.
    #[serde(default)]
    pub ephemeral: Option<u32>,
}

impl Compose {
    /// A message with nothing around its content.
    pub fn new(to: impl Into<String>, content: Kind) -> Self {
        Self {
            to: to.into(),
            content,
            quoted: None,
            mentions: Vec::new(),
            forwarded: false,
            view_once: false,
            ephemeral: None,
        }
    }
}
