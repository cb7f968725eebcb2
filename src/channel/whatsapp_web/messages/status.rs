//! The status page: what is shown to a list of contacts for a day.

use buffa::{Enumeration as _, MessageField};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::extended_text_message::FontType;
use whatsapp_rust::Client;
use whatsapp_rust::features::StatusSendOptions;

use super::{Connection, LEAVE, Payload, failed};
use crate::channel::whatsapp_web::address::{shown, to_wire};
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
    /// WhatsApp is left out.
    async fn hidden(&self, audience: &[Jid]) -> Result<Vec<wacore_binary::Jid>, Error> {
        let client = self.client()?;
        let (mut hidden, mut unknown) = (Vec::with_capacity(audience.len()), Vec::new());
        for jid in audience {
            let known = shown(client, &to_wire(jid)?, None).await.and_then(|shown| shown.alt);
            match known.filter(|_| jid.kind() != JidKind::Lid) {
                Some(lid) => hidden.push(to_wire(&lid)?),
                None if jid.kind() == JidKind::Lid => hidden.push(to_wire(jid)?),
                None => unknown.push(jid.clone()),
            }
        }
        for some in unknown.chunks(ASKED) {
            let found = self.check(some).await?.into_iter().filter_map(|check| check.lid);
            hidden.extend(found.map(|lid| to_wire(&lid)).collect::<Result<Vec<_>, _>>()?);
        }
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
        let sending = self.context.barrier.sending(status.send_raw(message.clone(), audience, options));
        match self.while_connected(LEAVE, sending).await {
            Some(sent) => sent.map(drop).map_err(|error| failed(client, &error)),
            None => Err(Error::NotConnected),
        }
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
