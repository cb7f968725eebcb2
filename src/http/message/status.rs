//! `POST /message/sendStatus/{instance}`.

use std::collections::{HashMap, HashSet};

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::transmit;
use super::file::Place;
use crate::channel::{Content, Media, Outgoing, Status, StatusContent};
use crate::db::ContactFilter;
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Upload};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::Working;
use crate::media::{Fetched, Kind, Request};

/// The chat of everything on the status page.
const CHAT: &str = "status@broadcast";
/// Addresses that are looked up at once.
const LOOKED_UP: usize = 500;
/// The colour behind a text when none is chosen.
const BLACK: u32 = 0xff00_0000;

/// Something for the status page; as JSON, or as a form with the file as its part `file`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendStatus {
    /// `text`, `image`, `video` or `audio`.
    #[schema(rename = "type", value_type = String)]
    kind: Option<Kind>,
    /// The text, or the file as a URL, base64 or a `data:` URI.
    #[schema(value_type = String)]
    content: Shown,
    /// The text below a file.
    caption: Option<String>,
    /// The colour behind a text, as `#rrggbb`.
    #[schema(rename = "backgroundColor", value_type = Option<String>)]
    background: Option<u32>,
    /// The number of a font, from 0.
    #[schema(value_type = Option<u8>)]
    font: Option<i32>,
    /// Who can see it: phone numbers or JIDs; needed unless all contacts can.
    #[schema(rename = "statusJidList", value_type = Option<Vec<String>>)]
    audience: Vec<Jid>,
    /// Every contact on record can see it.
    #[schema(value_type = Option<bool>)]
    all_contacts: bool,
}

enum Shown {
    Text(String),
    File(Place),
}

impl Input for SendStatus {
    const FILES: &'static [&'static str] = &["content"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let kind = kind(fields);
        let content = match kind {
            Some(Some(_)) => Place::read(fields, fields, "content").map(Shown::File),
            _ => fields.filled_text("content").map(Shown::Text),
        };
        let all_contacts = fields.flag("allContacts").unwrap_or_default();
        let audience = audience(fields, all_contacts);
        let font = fields.integer("font").and_then(|font| i32::try_from(font).ok());
        Some(Self {
            caption: fields.text("caption").filter(|text| !text.is_empty()),
            background: color(fields),
            font,
            audience: audience?,
            all_contacts,
            kind: kind?,
            content: content?,
        })
    }
}

/// `None` inside is a text.
fn kind(fields: &Fields<'_>) -> Option<Option<Kind>> {
    match fields.required_text("type")?.to_ascii_lowercase().as_str() {
        "text" => Some(None),
        "image" => Some(Some(Kind::Image)),
        "video" => Some(Some(Kind::Video)),
        "audio" => Some(Some(Kind::Voice)),
        _ => {
            fields.wrong("type", "is not one of enum values: text,image,video,audio");
            None
        }
    }
}

fn color(fields: &Fields<'_>) -> Option<u32> {
    let text = fields.text("backgroundColor").filter(|text| !text.is_empty())?;
    let digits = text.trim().trim_start_matches('#');
    let color = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6);
    if color.is_none() {
        fields.wrong("backgroundColor", "is not a colour such as #008000");
    }
    color.map(|color| color | BLACK)
}

fn audience(fields: &Fields<'_>, all_contacts: bool) -> Option<Vec<Jid>> {
    if all_contacts {
        return Some(Vec::new());
    }
    if !fields.has("statusJidList") {
        fields.missing("statusJidList");
        return None;
    }
    let texts = fields.texts("statusJidList")?;
    let parsed = texts.iter().map(|text| Jid::parse(text)).collect::<Result<Vec<Jid>, _>>();
    let users = parsed.ok().filter(|jids| {
        !jids.is_empty() && jids.iter().all(|jid| matches!(jid.kind(), JidKind::Phone | JidKind::Lid))
    });
    if users.is_none() {
        fields.wrong("statusJidList", "is not a list of phone numbers or JIDs of users");
    }
    users
}

/// Shows something on the status page.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Upload(body, part): Upload<SendStatus>,
) -> Result<HttpResponse, Error> {
    state.rates.charge(instance.id()).map_err(Error::TooMany)?;
    let working = instance.work().await?;
    let audience = if body.all_contacts { contacts(&instance).await? } else { body.audience.clone() };
    let audience = hidden(&instance, audience).await?;
    let content = shown(&working, body, part).await?;
    let chat = Jid::parse(CHAT).map_err(|_| Error::Internal)?;
    let message = Outgoing::from(Content::Status(Status { content, audience }));
    let composed = working.messages().compose(&chat, message).await;
    transmit((&instance, &state), composed.map_err(|error| instance.explain(error))?, key).await
}

async fn shown(working: &Working, body: SendStatus, part: Option<Fetched>) -> Result<StatusContent, Error> {
    match (body.content, body.kind) {
        (Shown::File(place), Some(kind)) => {
            let file = place.ready(working, part, kind, Request::default()).await?;
            Ok(StatusContent::Media(Media { file, caption: body.caption, gif: false }))
        }
        (Shown::Text(text), _) => {
            let (background, font) = (body.background.unwrap_or(BLACK), body.font.unwrap_or_default());
            Ok(StatusContent::Text { text, background, font })
        }
        (Shown::File(_), None) => Err(Error::Internal),
    }
}

async fn contacts(instance: &LocalInstance) -> Result<Vec<Jid>, Error> {
    let all = instance.scope().contacts().find(&ContactFilter::default()).await?;
    let jids = all.iter().filter_map(|contact| Jid::parse(&contact.remote_jid).ok());
    let users: Vec<Jid> = jids.filter(|jid| matches!(jid.kind(), JidKind::Phone | JidKind::Lid)).collect();
    if users.is_empty() {
        return Err(Error::Invalid("allContacts needs contacts, and none is on record".to_owned()));
    }
    Ok(users)
}

/// An audience with the hidden identities that are on record, each person once: the channel would look them
/// up one by one.
async fn hidden(instance: &LocalInstance, audience: Vec<Jid>) -> Result<Vec<Jid>, Error> {
    let addresses = instance.scope().addresses();
    let mut hidden: HashMap<String, Jid> = HashMap::new();
    let phones = audience.iter().filter(|jid| jid.kind() == JidKind::Phone).map(ToString::to_string);
    for some in phones.collect::<Vec<_>>().chunks(LOOKED_UP) {
        let pairs = addresses.pairs_of(some).await?;
        hidden.extend(pairs.into_iter().filter_map(|pair| Some((pair.pn, Jid::parse(&pair.lid).ok()?))));
    }
    let mut seen = HashSet::new();
    let known = audience.into_iter().map(|jid| hidden.get(jid.as_str()).cloned().unwrap_or(jid));
    Ok(known.filter(|jid| seen.insert(jid.clone())).collect())
}
