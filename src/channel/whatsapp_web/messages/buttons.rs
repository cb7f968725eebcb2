//! Texts with buttons, as native flow messages. They leave without the wrapper that the contract
//! shows around them: only then the library marks the stanza as interactive, without which
//! applications show nothing (whatsapp-rust 0.7.0, `send::infer_biz_node`).

use buffa::MessageField;
use serde_json::{Value, json};
use uuid::Uuid;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{InteractiveMessage, interactive_message};

use super::{Connection, Payload};
use crate::channel::kinds::{Button, Buttons};
use crate::channel::whatsapp_web::content::Content;
use crate::channel::{Error, Media, Prepared};
use crate::domain::Jid;
use crate::media::Ready;

impl Connection {
    pub(super) async fn compose_buttons(
        &self,
        chat: &Jid,
        mut buttons: Buttons,
        context: Option<wa::ContextInfo>,
    ) -> Result<Prepared, Error> {
        let header = match buttons.picture.take() {
            Some(picture) => MessageField::some(self.header(picture).await?),
            None => MessageField::none(),
        };
        let mut prepared = self.prepared(chat, message(buttons, header), context).await?;
        if let Some(Payload::Message(message)) = prepared.payload.downcast_ref::<Payload>()
            && let Some(shown) = Content::of(message)
        {
            prepared.message_type = "viewOnceMessage".to_owned();
            prepared.message = json!({"viewOnceMessage": {"message": shown.fields}}).to_string();
        }
        Ok(prepared)
    }

    async fn header(&self, file: Ready) -> Result<interactive_message::Header, Error> {
        let mut message = self.media_message(Media { file, caption: None, gif: false }).await?;
        Ok(interactive_message::Header {
            has_media_attachment: Some(true),
            media: message.image_message.take().map(Into::into),
            ..Default::default()
        })
    }
}

fn message(buttons: Buttons, header: MessageField<interactive_message::Header>) -> wa::Message {
    let pays = matches!(buttons.buttons.as_slice(), [Button::Pix { .. }]);
    let parameters = json!({"from": "api", "templateId": Uuid::new_v4()});
    let flow = interactive_message::NativeFlowMessage {
        buttons: buttons.buttons.iter().map(button).collect(),
        message_params_json: Some(parameters.to_string()),
        ..Default::default()
    };
    let mut interactive =
        InteractiveMessage { header, interactive_message: Some(flow.into()), ..Default::default() };
    if !pays {
        let mut text = format!("*{}*", buttons.title);
        if let Some(description) = &buttons.description {
            text.push_str(&format!("\n\n{description}\n"));
        }
        let body = interactive_message::Body { text: Some(text) };
        interactive.body = MessageField::some(body);
    }
    if let Some(footer) = buttons.footer.filter(|_| !pays) {
        let footer = interactive_message::Footer { text: Some(footer), ..Default::default() };
        interactive.footer = MessageField::some(footer);
    }
    wa::Message { interactive_message: MessageField::some(interactive), ..Default::default() }
}

fn button(button: &Button) -> interactive_message::native_flow_message::NativeFlowButton {
    let (name, parameters) = match button {
        Button::Reply { text, id } => ("quick_reply", json!({"display_text": text, "id": id})),
        Button::Url { text, url } => {
            ("cta_url", json!({"display_text": text, "url": url, "merchant_url": url}))
        }
        Button::Call { text, phone } => ("cta_call", json!({"display_text": text, "phone_number": phone})),
        Button::Copy { text, code } => ("cta_copy", json!({"display_text": text, "copy_code": code})),
        Button::Pix { currency, name, key_type, key } => {
            let account = json!({"merchant_name": name, "key": key, "key_type": key_type});
            ("payment_info", payment(currency, account))
        }
    };
    interactive_message::native_flow_message::NativeFlowButton {
        name: Some(name.to_owned()),
        button_params_json: Some(parameters.to_string()),
    }
}

/// An order of nothing that is paid to an account: applications show the account's key.
fn payment(currency: &str, account: Value) -> Value {
    let nothing = json!({"value": 0, "offset": 100});
    let item = json!({"name": "", "amount": nothing, "quantity": 0, "sale_amount": nothing});
    json!({
        "currency": currency,
        "total_amount": nothing,
        "reference_id": hex::encode_upper(rand::random::<[u8; 6]>()),
        "type": "physical-goods",
        "order": {"status": "pending", "subtotal": nothing, "order_type": "ORDER", "items": [item]},
        "payment_settings": [{"type": "pix_static_code", "pix_static_code": account}],
        "share_payment_status": false,
    })
}
