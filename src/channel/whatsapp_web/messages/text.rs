//! Texts.

use buffa::MessageField;
use serde_json::json;
use waproto::whatsapp as wa;

use super::{Connection, Payload};
use crate::channel::whatsapp_web::json::to_value;
use crate::channel::{Error, Prepared};
use crate::domain::Jid;

impl Connection {
    pub(super) async fn compose_text(
        &self,
        chat: &Jid,
        text: String,
        context: Option<wa::ContextInfo>,
    ) -> Result<Prepared, Error> {
        let shown = context.as_ref().and_then(|context| to_value(context).ok());
        let message = match context {
            // The short form cannot carry a context.
            None => wa::Message { conversation: Some(text.clone()), ..Default::default() },
            Some(context) => {
                let text = wa::message::ExtendedTextMessage {
                    text: Some(text.clone()),
                    context_info: MessageField::some(context),
                    ..Default::default()
                };
                wa::Message { extended_text_message: MessageField::some(text), ..Default::default() }
            }
        };
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
