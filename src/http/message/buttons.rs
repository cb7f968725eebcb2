//! `POST /message/sendButtons/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::channel::kinds::{Button, Buttons};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Reply buttons that WhatsApp shows.
const MOST: usize = 3;

/// A text with buttons to send. WhatsApp takes them, but does not always deliver what comes from an
/// account that is no business on Meta's platform, and some applications do not show it:
/// `textFallback` sends a plain text instead.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendButtons {
    /// Its fields stand beside the buttons.
    #[schema(ignore)]
    options: Common,
    /// Send it as a plain text.
    text_fallback: bool,
    /// `title`, `description`, `footer`, and `buttons` of `{type, displayText}` with `id` (`reply`),
    /// `url`, `phoneNumber` (`call`), `copyCode` (`copy`), or `currency`, `name`, `keyType` and `key`
    /// (`pix`).
    #[schema(value_type = Object)]
    buttons: Buttons,
}

fn button(fields: &Fields<'_>) -> Option<Button> {
    let text = || fields.filled_text("displayText");
    let with = |name: &str| (text(), fields.filled_text(name));
    let button = match fields.filled_text("type")?.as_str() {
        "reply" => {
            let (text, id) = with("id");
            Button::Reply { text: text?, id: id? }
        }
        "url" => {
            let (text, url) = with("url");
            Button::Url { text: text?, url: url? }
        }
        "call" => {
            let (text, phone) = with("phoneNumber");
            Button::Call { text: text?, phone: phone? }
        }
        "copy" => {
            let (text, code) = with("copyCode");
            Button::Copy { text: text?, code: code? }
        }
        "pix" => return pix(fields),
        _ => {
            fields.wrong("type", "is not one of enum values: reply,copy,url,call,pix");
            return None;
        }
    };
    Some(button)
}

fn pix(fields: &Fields<'_>) -> Option<Button> {
    let currency = fields.filled_text("currency");
    let (name, key) = (fields.filled_text("name"), fields.filled_text("key"));
    let key_type = match fields.filled_text("keyType")?.to_ascii_lowercase().as_str() {
        "phone" => "PHONE",
        "email" => "EMAIL",
        "cpf" => "CPF",
        "cnpj" => "CNPJ",
        "random" => "EVP",
        _ => {
            fields.wrong("keyType", "is not one of enum values: phone,email,cpf,cnpj,random");
            return None;
        }
    };
    Some(Button::Pix { currency: currency?, name: name?, key_type, key: key? })
}

/// What WhatsApp does not show together.
fn check(fields: &Fields<'_>, buttons: &[Button]) {
    let count = |is: fn(&Button) -> bool| buttons.iter().filter(|button| is(button)).count();
    let replies = count(|button| matches!(button, Button::Reply { .. }));
    let payments = count(|button| matches!(button, Button::Pix { .. }));
    if buttons.is_empty() {
        fields.wrong("buttons", "does not meet minimum length of 1");
    } else if payments > 0 && buttons.len() > 1 {
        fields.wrong("buttons", "may have one pix button only, and then no other");
    } else if replies > 0 && replies < buttons.len() {
        fields.wrong("buttons", "may not mix reply buttons with others");
    } else if buttons.len() > MOST {
        fields.wrong("buttons", &format!("does not meet maximum length of {MOST}"));
    }
}

impl Input for SendButtons {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("buttonMessage").filter(|_| !fields.has("buttons"));
        let given = old.as_ref().unwrap_or(fields);
        let optional = |name: &str| given.text(name).filter(|text| !text.is_empty());
        let (description, footer) =
            (optional("description"), optional(given.either(&["footer", "footerText"])));
        let text_fallback = fields.flag("textFallback").unwrap_or_default();
        let buttons: Vec<Option<Button>> = given.required_objects("buttons")?.iter().map(button).collect();
        let buttons: Vec<Button> = buttons.into_iter().collect::<Option<_>>()?;
        check(given, &buttons);
        // A payment has no text.
        let pays = matches!(buttons.as_slice(), [Button::Pix { .. }]);
        let title =
            if pays { Some(optional("title").unwrap_or_default()) } else { given.required_text("title") };
        let buttons = Buttons { title: title?, description, footer, buttons };
        Some(Self { options: options?, text_fallback, buttons })
    }
}

/// Sends a text with buttons.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendButtons { options, text_fallback, buttons }): Valid<SendButtons>,
) -> Result<HttpResponse, Error> {
    let content = if text_fallback {
        Content::Text { text: buttons.as_text(), link_preview: false }
    } else {
        Content::Buttons(buttons)
    };
    send((&instance, &state), options, content, key).await
}
