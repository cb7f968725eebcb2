//! Texts.

use buffa::MessageField;
use serde_json::json;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ExtendedTextMessage;

use super::{Connection, Payload, forward};
use crate::channel::whatsapp_web::json::to_value;
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
        let message = match (&context, preview) {
            // The short form can carry neither a context nor a preview.
            (None, None) => wa::Message { conversation: Some(text.clone()), ..Default::default() },
            (_, preview) => {
                let mut message = extended(text.clone());
                if let Some(extended) = message.extended_text_message.as_option_mut() {
                    extended.context_info =
                        context.clone().map_or_else(MessageField::none, MessageField::some);
                    if let Some(preview) = preview {
                        add(extended, &preview);
                    }
                }
                message
            }
        };
        self.prepared_text(chat, text, message, context).await
    }

    /// A message on record once more.
    pub(super) async fn compose_forward(
        &self,
        chat: &Jid,
        content: &str,
        context: Option<&str>,
    ) -> Result<Prepared, Error> {
        let (message, context) = forward::message(content, context)?;
        let text = message.extended_text_message.as_option().and_then(|extended| extended.text.clone());
        match text {
            Some(text) => {
                let mut message = message;
                if let Some(extended) = message.extended_text_message.as_option_mut() {
                    extended.context_info = MessageField::some(context.clone());
                }
                self.prepared_text(chat, text, message, Some(context)).await
            }
            None => self.prepared(chat, message, Some(context)).await,
        }
    }

    async fn prepared_text(
        &self,
        chat: &Jid,
        text: String,
        message: wa::Message,
        context: Option<wa::ContextInfo>,
    ) -> Result<Prepared, Error> {
        let shown = context.as_ref().and_then(|context| to_value(context).ok());
        Ok(Prepared {
            key: self.new_key(chat).await?,
            // As the contract shows every text that was sent.
            message_type: "conversation".to_owned(),
            message: json!({ "conversation": text }).to_string(),
            context_info: shown.map(|context| context.to_string()),
            payload: Box::new(Payload::Message(Box::new(message))),
        })
    }
}

/// A text in the long form.
pub(super) fn extended(text: String) -> wa::Message {
    let text = ExtendedTextMessage { text: Some(text), ..Default::default() };
    wa::Message { extended_text_message: MessageField::some(text), ..Default::default() }
}

fn add(text: &mut ExtendedTextMessage, preview: &Preview) {
    text.matched_text = Some(preview.url.clone());
    text.title = Some(preview.title.clone());
    text.description.clone_from(&preview.description);
    text.preview_type = Some(wa::message::extended_text_message::PreviewType::NONE);
    if let Some(thumbnail) = &preview.thumbnail {
        text.jpeg_thumbnail = Some(thumbnail.jpeg.to_vec());
        text.thumbnail_width = Some(thumbnail.width);
        text.thumbnail_height = Some(thumbnail.height);
    }
}
