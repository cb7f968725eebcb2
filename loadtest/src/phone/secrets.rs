//! Message secrets: with them a phone reads and casts votes, and reads encrypted edits
//! (whatsapp-rust 0.7.0, `wacore::secret_enc_addon`).

use std::collections::{HashMap, VecDeque};

use buffa::MessageField;
use wacore::{
    message_edit::{MessageEditContext, decrypt_message_edit},
    poll::{self, PollVoteCiphertext},
};
use waproto::whatsapp::{
    Message, MessageKey,
    message::{
        PollEncValue, PollUpdateMessage, SecretEncryptedMessage, secret_encrypted_message::SecretEncType,
    },
};

use super::{recognise, send::own_address};
use crate::{
    clock::unix_millis,
    error::{Error, Result},
    world::{World, account::Account},
};

/// Most messages whose secrets a phone keeps.
const MAX_SECRETS: usize = 1_000;

/// What a phone keeps of a message that others refer to.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) secret: Vec<u8>,
    /// Phone number of the author.
    pub(crate) author: String,
    /// Options, when it is a poll.
    pub(crate) options: Vec<String>,
}

/// Secrets by message id, oldest dropped first.
#[derive(Default)]
pub(crate) struct Secrets {
    by_id: HashMap<String, Secret>,
    order: VecDeque<String>,
}

impl Secrets {
    /// Keeps the secret of a message that has one.
    pub(crate) fn remember(&mut self, id: &str, author: &str, message: &Message) {
        let secret = message.message_context_info.as_option().and_then(|info| info.message_secret.clone());
        let Some(secret) = secret else { return };
        let options = recognise::poll(message).map(|poll| {
            poll.options.iter().filter_map(|option| option.option_name.clone()).collect::<Vec<_>>()
        });
        let kept = Secret { secret, author: author.to_owned(), options: options.unwrap_or_default() };
        if self.by_id.insert(id.to_owned(), kept).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > MAX_SECRETS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Secret> {
        self.by_id.get(id).cloned()
    }
}

/// The two address forms of author and actor, as either may have been hashed into a key.
fn addresses(author: &Account, actor: &Account) -> [(String, String); 2] {
    [(author.pn().to_string(), actor.pn().to_string()), (author.lid().to_string(), actor.lid().to_string())]
}

fn parties(world: &World, phone: &Account, id: &str) -> Option<(Secret, std::sync::Arc<Account>)> {
    let secret = phone.agent().secrets.find(id)?;
    let author = world.directory.phone(&secret.author)?;
    Some((secret, author))
}

/// The names of the options that `voter` selected, as far as `phone` knows the poll.
pub(crate) fn read_vote(
    world: &World,
    phone: &Account,
    voter: &Account,
    vote: &PollUpdateMessage,
) -> Option<Vec<String>> {
    let id = vote.poll_creation_message_key.as_option()?.id.as_deref()?;
    let sealed = vote.vote.as_option()?;
    let ciphertext =
        PollVoteCiphertext { enc_payload: sealed.enc_payload.as_deref()?, enc_iv: sealed.enc_iv.as_deref()? };
    let (secret, author) = parties(world, phone, id)?;
    let hashes = addresses(&author, voter).iter().find_map(|(author, voter)| {
        poll::decrypt_poll_vote_with_secret(ciphertext, &secret.secret, id, author, voter).ok()
    })?;
    let name = |hash: &Vec<u8>| {
        let known = secret.options.iter().find(|option| poll::compute_option_hash(option)[..] == hash[..]);
        known.cloned().unwrap_or_else(|| hex::encode(hash))
    };
    Some(hashes.iter().map(name).collect())
}

/// The vote of `voter` for these options of a poll that its phone knows.
pub(crate) fn cast_vote(
    world: &World,
    voter: &Account,
    chat: &str,
    id: &str,
    options: &[String],
) -> Result<Message> {
    let (secret, author) = parties(world, voter, id).ok_or_else(|| Error::NotFound(format!("poll {id}")))?;
    let hashes: Vec<Vec<u8>> = options.iter().map(|name| poll::compute_option_hash(name).to_vec()).collect();
    let lid = own_address(voter).is_lid() || chat.ends_with("@g.us");
    let [pns, lids] = addresses(&author, voter);
    let (creator, actor) = if lid { lids } else { pns };
    let (payload, iv) = poll::encrypt_poll_vote_with_secret(&hashes, &secret.secret, id, &creator, &actor)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    let update = PollUpdateMessage {
        poll_creation_message_key: MessageField::some(MessageKey {
            remote_jid: Some(chat.to_owned()),
            from_me: Some(author.phone == voter.phone),
            id: Some(id.to_owned()),
            participant: chat.ends_with("@g.us").then_some(creator),
        }),
        vote: MessageField::some(PollEncValue { enc_payload: Some(payload), enc_iv: Some(iv.to_vec()) }),
        sender_timestamp_ms: i64::try_from(unix_millis()).ok(),
        ..Default::default()
    };
    Ok(Message { poll_update_message: MessageField::some(update), ..Default::default() })
}

/// Target and new content of an encrypted edit by `editor`.
pub(crate) fn read_edit(
    world: &World,
    phone: &Account,
    editor: &Account,
    edit: &SecretEncryptedMessage,
) -> Option<(String, Message)> {
    if edit.secret_enc_type != Some(SecretEncType::MessageEdit) {
        return None;
    }
    let id = edit.target_message_key.as_option()?.id.clone()?;
    let (payload, iv) = (edit.enc_payload.as_deref()?, edit.enc_iv.as_deref()?);
    let (secret, author) = parties(world, phone, &id)?;
    let message = addresses(&author, editor).iter().find_map(|(author, editor)| {
        let context =
            MessageEditContext { original_msg_id: &id, original_sender_jid: author, editor_jid: editor };
        decrypt_message_edit(payload, iv, &secret.secret, &context).ok()
    })?;
    Some((id, message))
}
