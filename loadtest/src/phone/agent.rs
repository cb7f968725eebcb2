//! What an active phone does by itself, and what it has seen.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use wacore_binary::Jid;

use super::{attach::ReceivedMedia, secrets::Secrets};
use crate::sequence::Sequences;

/// Automatic behaviour of a contact.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Behaviour {
    /// Answers every decrypted message with a delivery receipt.
    pub auto_receipt: bool,
    /// Answers every decrypted message with a read receipt too.
    pub auto_read: bool,
    /// Answers every text with this text; `{n}` is the number of messages received so far, `{text}` the text.
    pub auto_reply: Option<String>,
    /// Addresses the contact's own stanzas by LID instead of phone number.
    pub use_lid: bool,
    /// Downloads, decrypts and checks the files of received messages.
    pub auto_download: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { auto_receipt: true, auto_read: false, auto_reply: None, use_lid: false, auto_download: true }
    }
}

/// A message that a phone decrypted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Number in the order of arrival at this phone, from 1.
    pub seq: u64,
    /// Message id.
    pub id: String,
    /// Chat: the sender's phone-number JID, the group's JID or `status@broadcast`.
    pub chat: String,
    /// Phone number of the sending account.
    pub from: String,
    /// Device of the sending account.
    pub device: u16,
    /// `text`, `extendedText`, `edit`, `revoke`, `reaction`, `image`, `video`, `gif`, `roundVideo`, `audio`,
    /// `voice`, `document`, `sticker`, `location`, `liveLocation`, `contact`, `contacts`, `poll`, `vote`,
    /// `list`, `listReply`, `buttons`, `buttonReply`, `interactive`, `other` or `undecryptable`.
    pub kind: String,
    /// Text, caption, name, question, new text of an edit or emoji of a reaction.
    pub text: Option<String>,
    /// Id of the message that an edit, revoke, reaction, vote or quote refers to.
    pub target: Option<String>,
    /// Id of the quoted message.
    #[serde(default)]
    pub quoted: Option<String>,
    /// JIDs of mentioned users.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// Whether it is marked as forwarded.
    #[serde(default)]
    pub forwarded: bool,
    /// Whether it may be opened only once.
    #[serde(default)]
    pub view_once: bool,
    /// Whether it disappears after some time.
    #[serde(default)]
    pub ephemeral: bool,
    /// Options of a poll or vote, cards of contacts, coordinates of a place, link, title, description and size of
    /// the thumbnail of a preview, ids of rows, id of a row or button, names and parameters of buttons.
    #[serde(default)]
    pub details: Vec<String>,
    /// The file that it carries.
    #[serde(default)]
    pub media: Option<ReceivedMedia>,
    /// Arrival in seconds since the Unix epoch.
    pub timestamp: u64,
}

/// A receipt or call signal that reached a phone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signalled {
    /// `delivered`, `read`, `played`, `retry`, `typing`, `paused`, `recording`, `reject`, ...
    pub kind: String,
    /// Phone number of the account it came from.
    pub from: String,
    /// Message or call ids it names.
    pub ids: Vec<String>,
    /// Arrival in seconds since the Unix epoch.
    pub timestamp: u64,
}

/// State of a phone's behaviour.
#[derive(Default)]
pub(crate) struct Agent {
    /// `None`: the phone ignores what it gets.
    pub(crate) behaviour: Option<Behaviour>,
    pub(crate) received: VecDeque<Received>,
    pub(crate) received_total: u64,
    pub(crate) signals: VecDeque<Signalled>,
    /// Numbered texts that arrived.
    pub(crate) sequences: Sequences,
    /// Last messages sent, for retry receipts: id to receiving account and padded plaintext.
    pub(crate) sent: HashMap<String, Sent>,
    pub(crate) sent_order: VecDeque<String>,
    /// Retries asked for, by message id.
    pub(crate) retries: HashMap<String, u32>,
    /// Calls that came in: id and who called.
    pub(crate) offers: VecDeque<(String, Jid)>,
    /// Secrets of messages, for votes and encrypted edits.
    pub(crate) secrets: Secrets,
    /// Group and member device pairs that already have this phone's sender key.
    pub(crate) distributed: HashSet<(String, String)>,
    /// Messages still to come that the phone pretends it cannot decrypt.
    pub(crate) deaf: u32,
    /// Messages still to be sent that arrive broken.
    pub(crate) corrupt: u32,
}

/// A message kept for retries.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) plaintext: Vec<u8>,
    pub(crate) stanza_type: &'static str,
    pub(crate) edit: Option<&'static str>,
    pub(crate) media_type: Option<&'static str>,
    pub(crate) group: Option<String>,
}

/// Most calls remembered.
const MAX_OFFERS: usize = 100;
/// Most messages kept for retries.
const MAX_SENT: usize = 1_000;
/// Most retry receipts for one message, as clients do it.
const MAX_RETRIES: u32 = 5;

/// Takes one when there is one left.
fn take(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

impl Agent {
    /// Remembers a sent message for retry receipts.
    pub(crate) fn remember(&mut self, id: &str, sent: Sent) {
        if self.sent.insert(id.to_owned(), sent).is_none() {
            self.sent_order.push_back(id.to_owned());
        }
        if self.sent_order.len() > MAX_SENT
            && let Some(oldest) = self.sent_order.pop_front()
        {
            self.sent.remove(&oldest);
        }
    }

    /// Remembers who calls.
    pub(crate) fn offered(&mut self, call_id: String, creator: Jid) {
        self.offers.push_back((call_id, creator));
        if self.offers.len() > MAX_OFFERS {
            self.offers.pop_front();
        }
    }

    /// The number of the next retry receipt for a message, or nothing when it has had enough of them.
    pub(crate) fn next_retry(&mut self, id: &str) -> Option<u32> {
        if self.retries.len() > MAX_SENT {
            self.retries.clear();
        }
        let count = self.retries.entry(id.to_owned()).or_default();
        *count += 1;
        (*count <= MAX_RETRIES).then_some(*count)
    }

    /// Whether the phone pretends that it cannot decrypt this message.
    pub(crate) fn pretends(&mut self) -> bool {
        self.behaviour.is_some() && take(&mut self.deaf)
    }

    /// Whether this message arrives broken.
    pub(crate) fn corrupts(&mut self) -> bool {
        take(&mut self.corrupt)
    }

    /// Appends to the received list and returns the number of the message.
    pub(crate) fn record(&mut self, mut received: Received, limit: usize) -> u64 {
        self.received_total += 1;
        received.seq = self.received_total;
        self.received.push_back(received);
        if self.received.len() > limit {
            self.received.pop_front();
        }
        self.received_total
    }

    /// Appends to the list of signals.
    pub(crate) fn signal(&mut self, signal: Signalled, limit: usize) {
        self.signals.push_back(signal);
        if self.signals.len() > limit {
            self.signals.pop_front();
        }
    }
}
