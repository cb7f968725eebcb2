//! Votes in polls. A vote is read with the secret that the poll was sent with, which is on record
//! with the poll, so it is counted inside the writer, in the transaction that stores the vote.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wacore::poll::{PollVoteCiphertext, compute_option_hash, decrypt_poll_vote_with_secret};
use wacore::types::message::MessageInfo;
use waproto::whatsapp as wa;

use super::address::{Shown, from_wire};
use super::connection::Context;
use super::content::BOOKKEEPING;
use crate::domain::{Event, EventKind, poll};
use crate::events::{EventsFor, MessageHead, Write};

/// An encrypted vote, and everybody's addresses: those of the poll's author and of the voter are
/// part of the key, in the form in which the voter's client knew them.
struct Vote {
    payload: Vec<u8>,
    iv: Vec<u8>,
    poll: String,
    voter: Shown,
    chat: Shown,
    own: Vec<String>,
    /// The author as the vote names it, in groups.
    author: Option<String>,
    /// Unix milliseconds.
    at: i64,
}

/// The change of the poll that a message votes in, if it does.
pub fn counted(
    context: &Context,
    message: &wa::Message,
    info: &MessageInfo,
    [chat, voter]: [&Shown; 2],
) -> Option<Write> {
    let update = message.poll_update_message.as_option()?;
    let key = update.poll_creation_message_key.as_option()?;
    let sealed = update.vote.as_option()?;
    let client = context.client()?;
    let own = [client.pn(), client.lid()];
    let vote = Vote {
        payload: sealed.enc_payload.clone()?,
        iv: sealed.enc_iv.clone()?,
        poll: key.id.clone()?,
        voter: voter.clone(),
        chat: chat.clone(),
        own: own.iter().flatten().filter_map(from_wire).map(|jid| jid.to_string()).collect(),
        author: key.participant.clone(),
        at: update.sender_timestamp_ms.unwrap_or_else(|| info.timestamp.timestamp_millis()),
    };
    Some(Write::Amend {
        key_id: vote.poll.clone(),
        remote_jid: Some(vote.chat.jid.to_string()),
        events: told(context, &vote, &info.id),
        change: Arc::new(move |head| vote.applied(head)),
    })
}

impl Vote {
    /// The poll's content with the vote.
    fn applied(&self, head: &MessageHead) -> Option<String> {
        let mut content: Value = serde_json::from_str(head.message.as_deref()?).ok()?;
        let secret = STANDARD.decode(content[BOOKKEEPING]["messageSecret"].as_str()?).ok()?;
        let Some(hashes) = self.opened(head, &secret) else {
            tracing::debug!("a vote could not be decrypted");
            return None;
        };
        let mut chosen = poll::options(&content);
        chosen.retain(|name| hashes.iter().any(|hash| hash[..] == compute_option_hash(name)[..]));
        let alt = self.voter.alt.as_ref().map(ToString::to_string);
        let voter = (self.voter.jid.as_str(), alt.as_deref());
        poll::vote(&mut content, voter, self.at, chosen).then(|| content.to_string())
    }

    /// The hashes of the chosen answers. The library's own reader tries two pairs of addresses and
    /// asks the client for them, which the writer must not wait for; here are all that may be meant.
    fn opened(&self, head: &MessageHead, secret: &[u8]) -> Option<Vec<Vec<u8>>> {
        let sealed = PollVoteCiphertext { enc_payload: &self.payload, enc_iv: &self.iv };
        let mut authors: Vec<&str> = self.author.as_deref().into_iter().collect();
        if head.key.from_me {
            authors.extend(self.own.iter().map(String::as_str));
        } else {
            authors.extend(head.key.participant.as_deref());
            authors.extend(
                [Some(&self.chat.jid), self.chat.alt.as_ref()].into_iter().flatten().map(|jid| jid.as_str()),
            );
        }
        let voters = || [Some(&self.voter.jid), self.voter.alt.as_ref()].into_iter().flatten();
        authors.iter().find_map(|author| {
            voters().find_map(|voter| {
                decrypt_poll_vote_with_secret(sealed, secret, &self.poll, author, voter.as_str()).ok()
            })
        })
    }
}

/// The poll with all its votes, as other updates of messages are told.
fn told(context: &Context, vote: &Vote, stanza: &str) -> EventsFor {
    let journal = context.seat.journal.clone();
    if !journal.wants(EventKind::MessagesUpdate) {
        return None;
    }
    let (chat, voter) = (vote.chat.jid.to_string(), vote.voter.jid.to_string());
    let stanza = stanza.to_owned();
    Some(Arc::new(move |head| {
        let content: Value =
            head.message.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut data = json!({
            "keyId": head.key.id,
            "remoteJid": head.key.remote_jid,
            "fromMe": head.key.from_me,
            "status": head.status,
            "pollUpdates": poll::tally(&content),
            "instanceId": journal.instance(),
            "messageId": head.id,
        });
        if let Some(participant) = &head.key.participant {
            data["participant"] = json!(participant);
        }
        let about = (chat.as_str(), voter.as_str(), head.key.id.as_str(), stanza.as_str());
        let event =
            Event::about_message(journal.instance(), EventKind::MessagesUpdate, about, journal.now(), &data);
        event.map(|event| journal.routed(event)).unwrap_or_default()
    }))
}
