//! `POST /chat/getBase64FromMediaMessage/{instance}`.

use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::forms;
use crate::archive::Away;
use crate::channel::Opened;
use crate::domain::{MessageKey, StoredMessage};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{self, File};

/// Bytes that are written as base64 at once: a multiple of three.
const PIECE: usize = 48 << 10;

/// The message whose file is wanted.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GetBase64 {
    /// Its `key` with the `id`, or the whole message with `key` and `message`.
    #[schema(value_type = Object)]
    message: Wanted,
    /// Whether audio becomes MP4; no when absent.
    #[schema(value_type = Option<bool>)]
    convert_to_mp4: bool,
}

struct Wanted {
    key: MessageKey,
    content: Option<String>,
}

impl Input for GetBase64 {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let convert_to_mp4 = fields.flag("convertToMp4").unwrap_or_default();
        let message = fields.required_object("message")?;
        let key = message.required_object("key")?;
        let text = |name: &str| key.text(name).filter(|text| !text.is_empty());
        let key = MessageKey {
            id: key.filled_text("id")?,
            remote_jid: text("remoteJid").unwrap_or_default(),
            from_me: key.flag("fromMe").unwrap_or_default(),
            participant: text("participant"),
            remote_jid_alt: None,
        };
        let content = message.object("message").map(|message| message.as_json());
        Some(Self { message: Wanted { key, content }, convert_to_mp4 })
    }
}

/// Answers the file of a message as base64.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(GetBase64 { message, convert_to_mp4 }): Valid<GetBase64>,
) -> Result<HttpResponse, Error> {
    let Wanted { key, content } = message;
    let id = key.id.clone();
    let known = match content {
        Some(content) => Some((key, content)),
        None => {
            let stored = instance.scope().messages().by_key_id(&id).await?;
            best(&instance, &key, stored).await?.map(|stored| (stored.key, stored.message))
        }
    };
    let mut opened = match kept(&instance, &state, known.as_ref()).await {
        Ok(Some(opened)) => opened,
        Ok(None) => downloaded(&instance, known).await?,
        // There it is, whatever is told of it elsewhere.
        Err(Away) => match downloaded(&instance, known).await {
            Err(error) if !matches!(error, Error::Invalid(_)) => return Err(Error::Unavailable),
            downloaded => downloaded?,
        },
    };
    if convert_to_mp4 && opened.media_type == "audioMessage" {
        let converted = turns(&instance, &state).as_mp4(&opened.file).await;
        opened.file = converted.map_err(|error| Error::of_media(&error, "convertToMp4"))?;
        opened.mimetype = "audio/mp4".to_owned();
    }
    Ok(answer(&state, &id, opened))
}

/// Of the messages with an id the one of the chat and the side that the caller names, else the newest.
async fn best(
    instance: &LocalInstance,
    asked: &MessageKey,
    mut stored: Vec<StoredMessage>,
) -> Result<Option<StoredMessage>, Error> {
    if stored.len() > 1 && !asked.remote_jid.is_empty() {
        let chats = forms(&instance.scope(), &asked.remote_jid).await?;
        let fits = |message: &StoredMessage| {
            let alt = message.key.remote_jid_alt.as_ref();
            let is_there =
                chats.contains(&message.key.remote_jid) || alt.is_some_and(|alt| chats.contains(alt));
            (is_there, message.key.from_me == asked.from_me)
        };
        // The sort is stable: among equals the newest stays first.
        stored.sort_by_key(|message| std::cmp::Reverse(fits(message)));
    }
    Ok(stored.into_iter().next())
}

/// The file from our own store, for which no connection is needed.
async fn kept(
    instance: &LocalInstance,
    state: &State,
    known: Option<&(MessageKey, String)>,
) -> Result<Option<Opened>, Away> {
    let (Some((key, content)), Some(files)) = (known, state.files.as_ref()) else { return Ok(None) };
    files.shelf.open(&instance.scope(), (&key.id, content), state.media.max_bytes()).await
}

/// The file from WhatsApp.
async fn downloaded(instance: &LocalInstance, known: Option<(MessageKey, String)>) -> Result<Opened, Error> {
    let working = instance.work().await?;
    let (key, content) = known.ok_or_else(|| Error::Invalid("Message not found".to_owned()))?;
    let opened = working.files()?.open(&key, &content).await;
    opened.map_err(|error| instance.explain(error))
}

/// Those of the account, as long as it is connected.
fn turns(instance: &LocalInstance, state: &State) -> media::Handle {
    let working = instance.enter().ok();
    let own = working.as_ref().and_then(|working| Some(working.files().ok()?.handle().clone()));
    own.unwrap_or_else(|| state.media.clone())
}

fn answer(state: &State, id: &str, opened: Opened) -> HttpResponse {
    let extension = match opened.mimetype.as_str() {
        "audio/mp4" => "mp4",
        mimetype => media::extension(mimetype),
    };
    let own = opened.file_name.as_deref().and_then(media::cleaned);
    let mut size = Map::new();
    size.insert("fileLength".to_owned(), opened.file.length().into());
    for (name, pixels) in [("height", opened.height), ("width", opened.width)] {
        size.extend(pixels.map(|pixels| (name.to_owned(), pixels.into())));
    }
    let mut shown = Map::new();
    shown.insert("mediaType".to_owned(), opened.media_type.into());
    shown.insert("fileName".to_owned(), own.unwrap_or_else(|| format!("{id}.{extension}")).into());
    shown.extend(opened.caption.map(|caption| ("caption".to_owned(), caption.into())));
    shown.insert("size".to_owned(), size.into());
    shown.insert("mimetype".to_owned(), opened.mimetype.into());
    streamed(state, &Value::Object(shown), &opened.file)
}

/// The object with the file as one more field, which is never in memory as a whole.
fn streamed(state: &State, shown: &Value, file: &File) -> HttpResponse {
    let shown = shown.to_string();
    let head = format!("{},\"base64\":\"", shown.strip_suffix('}').unwrap_or(&shown));
    let tail = format!("\",\"buffer\":{}}}", json!(null));
    let length = head.len() as u64 + file.length().div_ceil(3) * 4 + tail.len() as u64;
    let once = |text: String| futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
    let pieces = state.media.pieces(file, PIECE);
    let pieces = pieces.map(|piece| piece.map(|piece| Bytes::from(BASE64_STANDARD.encode(piece))));
    let body = once(head).chain(pieces).chain(once(tail));
    HttpResponse::Created().insert_header(ContentType::json()).no_chunking(length).streaming(body)
}
