//! The identity of a message in a request.

use utoipa::ToSchema;

use super::forms;
use crate::domain::address::JidKind;
use crate::domain::{Jid, MessageKey, StoredMessage};
use crate::http::Error;
use crate::http::extract::LocalInstance;
use crate::http::fields::Fields;
use crate::http::message::address;

/// The identity of a message.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Key {
    /// WhatsApp's id of it.
    pub(super) id: String,
    /// The chat.
    #[schema(value_type = String)]
    pub(in crate::http) remote_jid: Jid,
    /// Whether the account itself sent it.
    pub(super) from_me: bool,
    /// Who sent it, in a group.
    pub(super) participant: Option<String>,
}

impl Key {
    /// Reads the identity among some fields.
    pub(in crate::http) fn among(fields: &Fields<'_>) -> Option<Self> {
        let id = fields.filled_text("id");
        let from_me = fields.required_flag("fromMe");
        let remote_jid = address(fields, "remoteJid");
        let participant = fields.text("participant").filter(|participant| !participant.is_empty());
        Some(Self { id: id?, from_me: from_me?, remote_jid: remote_jid?, participant })
    }

    /// The message on record, in whichever form its chat is known.
    pub(in crate::http) async fn stored(
        &self,
        instance: &LocalInstance,
    ) -> Result<Option<StoredMessage>, Error> {
        let found = instance.scope().messages().by_key_id(&self.id).await?;
        if found.is_empty() {
            return Ok(None);
        }
        let chats = forms(&instance.scope(), self.remote_jid.as_str()).await?;
        let matches = |message: &StoredMessage| {
            let alt = message.key.remote_jid_alt.as_ref();
            let chat = chats.contains(&message.key.remote_jid) || alt.is_some_and(|alt| chats.contains(alt));
            chat && message.key.from_me == self.from_me
        };
        Ok(found.into_iter().find(matches))
    }

    /// The whole identity: who sent a message in a group is looked up where the caller leaves it out.
    pub(in crate::http) async fn whole(&self, instance: &LocalInstance) -> Result<MessageKey, Error> {
        let stored = instance.scope().messages().by_key_ids(&self.unsigned()).await?;
        Ok(self.completed(&stored))
    }

    /// As [`Key::whole`] of each, with one look at the record.
    pub(super) async fn all_whole(keys: &[Self], instance: &LocalInstance) -> Result<Vec<MessageKey>, Error> {
        let unsigned: Vec<String> = keys.iter().flat_map(Self::unsigned).collect();
        let stored = instance.scope().messages().by_key_ids(&unsigned).await?;
        Ok(keys.iter().map(|key| key.completed(&stored)).collect())
    }

    /// The id, when its sender is missing.
    fn unsigned(&self) -> Vec<String> {
        let lacks = self.participant.is_none() && !self.from_me && self.remote_jid.kind() == JidKind::Group;
        lacks.then(|| self.id.clone()).into_iter().collect()
    }

    fn completed(&self, stored: &[StoredMessage]) -> MessageKey {
        // A group has one form only.
        let is_it = |message: &&StoredMessage| {
            let key = &message.key;
            key.id == self.id && key.remote_jid == self.remote_jid.as_str() && key.from_me == self.from_me
        };
        let signed = || stored.iter().find(is_it).and_then(|message| message.key.participant.clone());
        MessageKey {
            id: self.id.clone(),
            remote_jid: self.remote_jid.to_string(),
            from_me: self.from_me,
            participant: self.participant.clone().or_else(signed),
            remote_jid_alt: None,
        }
    }
}
