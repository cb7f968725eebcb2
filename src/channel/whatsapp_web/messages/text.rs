//! Texts.

use buffa::MessageField;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ExtendedTextMessage;

use super::{Connection, forward};
use crate::channel::{Error, Prepared};
use crate::domain::Jid;
use crate::media::Preview;

impl Connection {
    pub(super) async fn compose_text(
        &self,
        chat: &Jid,
        text: String,
        link_preview: bool,
        context: Option<wa::ContextInfo>,
    ) -> Result<Prepared, Error> {
        let preview = if link_preview { self.context.previews.of(&text).await } else { None };
        let message = match preview {
            // The short form, which becomes the long one when a context goes along.
            None => wa::Message { conversation: Some(text), ..Default::default() },
            Some(preview) => long(previewed(text, &preview)),
        };
        self.prepared(chat, message, context).await
    }

    /// A message on record once more.
    pub(super) async fn compose_forward(
        &self,
        chat: &Jid,
        content: &str,
        context: Option<&str>,
    ) -> Result<Prepared, Error> {
        let (message, context) = forward::message(content, context)?;
        self.prepared(chat, message, Some(context)).await
    }
}

/// A text in the long form.
pub(super) fn extended(text: String) -> wa::Message {
    long(ExtendedTextMessage { text: Some(text), ..Default::default() })
}

fn long(text: ExtendedTextMessage) -> wa::Message {
    wa::Message { extended_text_message: MessageField::some(text), ..Default::default() }
}

fn previewed(text: String, preview: &Preview) -> ExtendedTextMessage {
    let thumbnail = preview.thumbnail.as_ref();
    ExtendedTextMessage {
        text: Some(text),
        matched_text: Some(preview.url.clone()),
        title: Some(preview.title.clone()),
        description: preview.description.clone(),
        preview_type: Some(wa::message::extended_text_message::PreviewType::NONE),
        jpeg_thumbnail: thumbnail.map(|thumbnail| thumbnail.jpeg.to_vec()),
        thumbnail_width: thumbnail.map(|thumbnail| thumbnail.width),
        thumbnail_height: thumbnail.map(|thumbnail| thumbnail.height),
        ..Default::default()
    }
}
