//! `POST /s3/getMedia/{instance}` and `POST /s3/getMediaUrl/{instance}`.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{Media, MediaFilter, MediaState, Page};
use crate::domain::MediaKind;
use crate::events::date_time;
use crate::http::chat::{page, record};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::Kept;

/// How long an address works when nobody says, and at most: S3 allows no more.
const WEEK: u64 = 7 * 24 * 3600;

/// Which files.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GetMedia {
    /// A file, by the `id` that it has here.
    #[schema(value_type = Option<String>)]
    id: Option<Uuid>,
    /// The file of a message, by the `id` that findMessages shows.
    #[schema(value_type = Option<String>)]
    message_id: Option<Uuid>,
    /// `imageMessage`, `videoMessage`, `ptvMessage`, `audioMessage`, `documentMessage` or
    /// `stickerMessage`; `image` and so on do too.
    #[schema(rename = "type", value_type = Option<String>)]
    kind: Option<MediaKind>,
    /// Counted from 1; `offset` or `limit` is the size of a page, 50 when absent and 1000 at most.
    #[schema(value_type = Option<u64>)]
    page: Page,
}

/// Which file, and for how long.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GetMediaUrl {
    /// The file, by the `id` that getMedia shows.
    #[schema(value_type = String)]
    id: Uuid,
    /// How long the address works, in seconds, at most a week; a week when absent.
    #[schema(value_type = Option<u64>)]
    expiry: u64,
}

/// What is no id finds nothing.
fn id(fields: &Fields<'_>, name: &str) -> Option<Uuid> {
    let text = fields.filled_text(name)?;
    Some(text.parse().unwrap_or_default())
}

impl Input for GetMedia {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let wanted = |name| if fields.has(name) { id(fields, name) } else { None };
        let kind = if fields.has("type") { fields.filled_text("type") } else { None };
        let known = kind.as_deref().and_then(MediaKind::from_name);
        if kind.is_some() && known.is_none() {
            let names: Vec<&str> = MediaKind::ALL.iter().map(|kind| kind.field()).collect();
            fields.wrong("type", &format!("is not one of enum values: {}", names.join(",")));
        }
        Some(Self { id: wanted("id"), message_id: wanted("messageId"), kind: known, page: page(fields) })
    }
}

impl Input for GetMediaUrl {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let expiry = fields.integer("expiry").unwrap_or(WEEK);
        if !(1..=WEEK).contains(&expiry) {
            fields.wrong("expiry", &format!("must be between 1 and {WEEK}"));
        }
        Some(Self { id: id(fields, "id")?, expiry })
    }
}

/// The files that are kept, newest first, each with its message.
pub async fn media(instance: LocalInstance, Valid(body): Valid<GetMedia>) -> Result<HttpResponse, Error> {
    let GetMedia { id, message_id, kind, page } = body;
    let none = id.is_some() && message_id.is_some() && id != message_id;
    let filter = MediaFilter { id: id.or(message_id), kind };
    let found = if none { Vec::new() } else { instance.scope().media().stored(filter, page).await? };
    if found.is_empty() {
        return Err(not_found());
    }
    Ok(HttpResponse::Created().json(described(&instance, &found).await?))
}

/// The address of a file in the store, for some time.
pub async fn url(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<GetMediaUrl>,
) -> Result<HttpResponse, Error> {
    let files = state.files.as_ref().ok_or_else(not_found)?;
    let filter = MediaFilter { id: Some(body.id), ..MediaFilter::default() };
    let found = instance.scope().media().stored(filter, Page { number: 1, size: 1 }).await?;
    let Some(Media { id, state: MediaState::Stored(stored), .. }) = found.first() else {
        return Err(not_found());
    };
    let lifetime = Duration::from_secs(body.expiry);
    let kept = files.store.get(&stored.file_name, lifetime).await;
    let address = match kept.map_err(|error| Error::of_media(&error, "id"))?.ok_or_else(not_found)? {
        Kept::At(url) => url.to_string(),
        // A folder has no addresses of its own.
        Kept::Here(_) => {
            let (name, now) = (instance.name().as_str(), state.clock.now_ms());
            files.keeper.link_for(name, *id, now, Some(lifetime))
        }
    };
    let mut shown = described(&instance, &found).await?.pop().ok_or_else(not_found)?;
    shown["mediaUrl"] = address.into();
    Ok(HttpResponse::Ok().json(shown))
}

async fn described(instance: &LocalInstance, found: &[Media]) -> Result<Vec<Value>, Error> {
    let ids: Vec<Uuid> = found.iter().map(|media| media.id).collect();
    let messages = instance.scope().messages().by_ids(ids).await?;
    let shown = found.iter().filter_map(|media| {
        let MediaState::Stored(stored) = &media.state else { return None };
        let message = messages.iter().find(|message| message.id == media.id);
        Some(json!({
            "id": media.id,
            "fileName": stored.file_name,
            "type": media.kind.field(),
            "mimetype": stored.mimetype,
            "size": stored.bytes,
            "createdAt": date_time(media.created_at),
            "Message": message.map(|message| record(message, instance.id(), None)),
        }))
    });
    Ok(shown.collect())
}

fn not_found() -> Error {
    Error::Invalid("Media not found".to_owned())
}
