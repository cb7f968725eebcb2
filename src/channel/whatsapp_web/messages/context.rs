//! What goes along with a message of any kind: the one that it answers, and who is mentioned.

use buffa::MessageField;
use serde_json::Value;
use waproto::whatsapp as wa;

use super::Connection;
use crate::channel::groups::Member;
use crate::channel::whatsapp_web::address::from_wire;
use crate::channel::whatsapp_web::content::BOOKKEEPING;
use crate::channel::whatsapp_web::json::from_value;
use crate::channel::{Error, Outgoing, Quoted};
use crate::domain::Jid;
use crate::domain::address::JidKind;

impl Connection {
    /// `None` when nothing goes along.
    pub(super) async fn context_info(
        &self,
        chat: &Jid,
        message: &Outgoing,
    ) -> Result<Option<wa::ContextInfo>, Error> {
        let mut mentioned: Vec<String> = message.mentioned.iter().map(ToString::to_string).collect();
        if message.mention_everyone && chat.kind() == JidKind::Group {
            mentioned = self.members(chat).await?;
        }
        if mentioned.is_empty() && message.quoted.is_none() {
            return Ok(None);
        }
        let quote = message.quoted.as_ref().map(|quoted| self.quote(chat, quoted)).transpose()?;
        Ok(Some(wa::ContextInfo { mentioned_jid: mentioned, ..quote.unwrap_or_default() }))
    }

    fn quote(&self, chat: &Jid, quoted: &Quoted) -> Result<wa::ContextInfo, Error> {
        let client = self.client()?;
        let own = client.pn().and_then(|jid| from_wire(&jid)).map(|jid| jid.to_string());
        let author = match (&quoted.key.participant, quoted.key.from_me) {
            (Some(participant), _) => Some(participant.clone()),
            (None, true) => own,
            (None, false) => Some(quoted.key.remote_jid.clone()),
        };
        // The chat may be named in either of its forms.
        let forms = [Some(&quoted.key.remote_jid), quoted.key.remote_jid_alt.as_ref()];
        let other_chat = !forms.into_iter().flatten().any(|form| form == chat.as_str());
        Ok(wa::ContextInfo {
            stanza_id: Some(quoted.key.id.clone()),
            participant: author,
            remote_jid: other_chat.then(|| quoted.key.remote_jid.clone()),
            quoted_message: MessageField::some(quoted_message(quoted.message.as_deref())),
            ..Default::default()
        })
    }

    /// In the form in which the members see each other.
    async fn members(&self, group: &Jid) -> Result<Vec<String>, Error> {
        let group = self.group(group).await?;
        let hidden = group.addressing_mode == "lid";
        let shown = |member: Member| member.lid.filter(|_| hidden).unwrap_or(member.id).to_string();
        Ok(group.participants.into_iter().map(shown).collect())
    }
}

/// The answered message, for the preview above the answer, without what it answered itself.
fn quoted_message(message: Option<&str>) -> wa::Message {
    let content = message.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(mut content) = content else { return wa::Message::default() };
    // The secret of a poll is for those who got the poll.
    content.as_object_mut().and_then(|parts| parts.remove(BOOKKEEPING));
    for part in content.as_object_mut().into_iter().flat_map(|parts| parts.values_mut()) {
        if let Some(part) = part.as_object_mut() {
            part.remove("contextInfo");
        }
    }
    from_value(&content).unwrap_or_default()
}
