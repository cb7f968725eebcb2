//! The status page: what is shown to a list of contacts for a day.

use std::collections::HashSet;

use buffa::{Enumeration as _, MessageField};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::extended_text_message::FontType;
use whatsapp_rust::Client;
use whatsapp_rust::features::StatusSendOptions;

use super::{Connection, Payload};
use crate::channel::whatsapp_web::address::to_wire;
use crate::channel::{Error, Numbers as _, Prepared, Status, StatusContent};
use crate::domain::Jid;
use crate::domain::address::JidKind;

/// Addresses that WhatsApp is asked about at once.
const ASKED: usize = 250;

impl Connection {
    pub(super) async fn compose_status(&self, chat: &Jid, status: Status) -> Result<Prepared, Error> {
        let audience = self.hidden(&status.audience).await?;
        let message = match status.content {
            StatusContent::Text { text, background, font } => text_message(text, background, font)?,
            StatusContent::Media(media) => self.media_message(media).await?,
        };
        let mut prepared = self.prepared(chat, message.clone(), None).await?;
        prepared.payload = Box::new(Payload::Status { message: Box::new(message), audience });
        Ok(prepared)
    }

    /// The hidden identities of an audience: a status is sent to no other address. Who is not on
    /// WhatsApp is left out. Numbers are asked for many at once; those whose identity is on record come
    /// with that.
    async fn hidden(&self, audience: &[Jid]) -> Result<Vec<wacore_binary::Jid>, Error> {
        let (known, unknown): (Vec<Jid>, Vec<Jid>) =
            audience.iter().cloned().partition(|jid| jid.kind() == JidKind::Lid);
        let mut all = known;
        for some in unknown.chunks(ASKED) {
            all.extend(self.check(some).await?.into_iter().filter_map(|check| check.lid));
        }
        let mut seen = HashSet::new();
        all.retain(|lid| seen.insert(lid.clone()));
        let hidden = all.iter().map(to_wire).collect::<Result<Vec<_>, _>>()?;
        if hidden.is_empty() {
            let reason = "has nobody who is on WhatsApp".to_owned();
            return Err(Error::Invalid { field: "statusJidList", reason });
        }
        Ok(hidden)
    }

    /// As [`Connection::leave`].
    pub(super) async fn publish(
        &self,
        client: &Client,
        message: &wa::Message,
        audience: &[wacore_binary::Jid],
        id: &str,
    ) -> Result<(), Error> {
        let options = StatusSendOptions { message_id: Some(id.to_owned()), ..StatusSendOptions::default() };
        let status = client.status();
        self.left(client, audience.len(), status.send_raw(message.clone(), audience, options)).await
    }
}

fn text_message(text: String, background: u32, font: i32) -> Result<wa::Message, Error> {
    let font = FontType::from_i32(font).ok_or_else(|| Error::Invalid {
        field: "font",
        reason: format!("is not one of WhatsApp's: {font}"),
    })?;
    let text = wa::message::ExtendedTextMessage {
        text: Some(text),
        background_argb: Some(background),
        font: Some(font),
        ..Default::default()
    };
    Ok(wa::Message { extended_text_message: MessageField::some(text), ..Default::default() })
}
