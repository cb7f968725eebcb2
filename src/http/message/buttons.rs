//! `POST /message/sendButtons/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, deliver, send};
use super::file::Place;
use crate::channel::Content;
use crate::channel::kinds::{Button, Buttons};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{Kind, Request};

/// Reply buttons that WhatsApp shows.
const REPLIES: usize = 3;
/// Buttons of other kinds in one message.
const OTHERS: usize = 10;
/// The field of the picture.
const PICTURE: &str = "thumbnailUrl";

/// A text with buttons to send. WhatsApp takes them, but does not always deliver what comes from an
/// account that is no business on Meta's platform, and some applications do not show it:
/// `textFallback` sends a plain text instead.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendButtons {
    /// Its fields stand beside the buttons.
    #[schema(ignore)]
    options: Common,
    /// Send it as a plain text, without the picture; no when absent.
    #[schema(value_type = Option<bool>)]
    text_fallback: bool,
    /// A picture above the text: a URL, base64 or a `data:` URI.
    #[schema(value_type = Option<String>)]
    thumbnail_url: Option<Place>,
    /// What stands above; a payment has none. In old requests all of it is in `buttonMessage`.
    #[schema(value_type = Option<String>)]
    title: String,
    /// The text.
    description: Option<String>,
    /// What stands below.
    footer: Option<String>,
    /// `{type, displayText}` with `id` (`reply`), `url`, `phoneNumber` (`call`), `copyCode` (`copy`), or
    /// `currency`, `name`, `keyType` and `key` (`pix`).
    #[schema(value_type = Vec<Object>)]
    buttons: Vec<Button>,
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
    } else {
        let most = if replies > 0 { REPLIES } else { OTHERS };
        if buttons.len() > most {
            fields.wrong("buttons", &format!("does not meet maximum length of {most}"));
        }
    }
}

impl Input for SendButtons {
    const FILES: &'static [&'static str] = &[PICTURE];

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
        // A payment has neither a text nor a picture.
        let pays = matches!(buttons.as_slice(), [Button::Pix { .. }]);
        let is_pictured = !pays && given.value(PICTURE).is_some_and(|value| value != "");
        let thumbnail_url = if is_pictured { Place::in_field(given, PICTURE) } else { None };
        let title =
            if pays { Some(optional("title").unwrap_or_default()) } else { given.required_text("title") };
        Some(Self {
            options: options?,
            text_fallback,
            thumbnail_url,
            title: title?,
            description,
            footer,
            buttons,
        })
    }
}

/// Sends a text with buttons.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<SendButtons>,
) -> Result<HttpResponse, Error> {
    let SendButtons { options, text_fallback, thumbnail_url, title, description, footer, buttons } = body;
    let mut buttons = Buttons { picture: None, title, description, footer, buttons };
    if text_fallback {
        let content = Content::Text { text: buttons.as_text(), link_preview: false };
        return send((&instance, &state), options, content, key).await;
    }
    let begun = options.begin(&instance, &state).await?;
    if let Some(place) = thumbnail_url {
        buttons.picture = Some(place.ready(&begun.0, None, Kind::Image, Request::default()).await?);
    }
    deliver((&instance, &state), options, begun, Content::Buttons(buttons), key).await
}
