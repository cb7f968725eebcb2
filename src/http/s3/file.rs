//! `GET /s3/file/{instance}`: the file that a link is for. Whoever has the link may have the file; who
//! has none learns nothing.

use std::time::Duration;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::Instant;
use uuid::Uuid;

use super::Files;
use crate::db::{Media, MediaState, Scope, Stored};
use crate::events::BadLink;
use crate::http::extract::Query;
use crate::http::{Error, State, path};
use crate::media::{File, Kept, Label};

/// How long a request waits for a file that is on its way.
const PATIENCE: Duration = Duration::from_secs(25);
/// When it is looked for again, at first and later on.
const LOOK: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(2);
/// What nobody is told to come back after any later, however late the next attempt is.
const LATEST: Duration = Duration::from_hours(1);
/// How long the store's own address works that a request is led to.
const LEAD: Duration = Duration::from_mins(15);
/// Digits of a signature.
const SIGNATURE: usize = 64;
/// Bytes that are handed out at once.
const PIECE: usize = 64 << 10;

/// Hands out the file, or leads to it.
pub async fn handle(
    request: HttpRequest,
    query: Query,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    let name = path::decoded(request.match_info().get("instance").unwrap_or_default());
    let (id, files) = authorised(&state, &query, &name)?;
    // A link outlives neither its file nor its instance.
    let gone = || Error::NotFound("The file is not kept any more".to_owned());
    let located = state.cluster.lookup().by_name(&name).await?.ok_or_else(gone)?;
    let scope = state.database.instance(located.id);
    let stored = stored(&state, files, &scope, id).await?.ok_or_else(gone)?;
    let kept = files.store.get(&stored.file_name, LEAD).await;
    match kept.map_err(|error| Error::of_media(&error, "id"))?.ok_or_else(gone)? {
        Kept::At(url) => {
            let mut answer = HttpResponse::Found();
            answer.insert_header((LOCATION, url.as_str())).insert_header((CACHE_CONTROL, "no-store"));
            Ok(answer.finish())
        }
        Kept::Here(file) => Ok(handed_out(&state, stored, &file)),
    }
}

/// What a link names beside an instance.
pub struct Link {
    id: Uuid,
    /// Unix seconds.
    expires: i64,
    signature: String,
}

impl Link {
    /// What has the shape of a link, whoever made it.
    #[must_use]
    pub fn read(query: &Query) -> Option<Self> {
        let is_signature =
            |text: &&str| text.len() == SIGNATURE && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            id: query.get("id")?.parse().ok()?,
            expires: query.get("expires")?.parse().ok()?,
            signature: query.get("signature").filter(is_signature)?.to_owned(),
        })
    }

    /// Whether it was made with the key of this node, for an instance of this name; it may be over.
    #[must_use]
    pub fn is_ours(&self, state: &State, name: &str) -> bool {
        let check = |files: &Files| self.check(files, name, state.clock.now_ms());
        state.files.as_ref().is_some_and(|files| check(files) != Err(BadLink::Forged))
    }

    fn check(&self, files: &Files, name: &str, now: i64) -> Result<(), BadLink> {
        files.keeper.check((name, self.id, self.expires), &self.signature, now)
    }
}

/// The file that a link is for, if it was made here.
fn authorised<'a>(state: &'a State, query: &Query, name: &str) -> Result<(Uuid, &'a Files), Error> {
    let files = state.files.as_ref().ok_or(Error::Unauthorized)?;
    let link = Link::read(query).ok_or(Error::Unauthorized)?;
    match link.check(files, name, state.clock.now_ms()) {
        Ok(()) => Ok((link.id, files)),
        Err(BadLink::Forged) => Err(Error::Unauthorized),
        Err(BadLink::Expired) => Err(Error::NotFound("The link has expired".to_owned())),
    }
}

/// A file once it is in the store; `None` when it will not be.
///
/// # Errors
/// [`Error::Later`] when nobody tries to bring it for longer than a request waits; [`Error::Unavailable`] when
/// that is over, or too many wait.
async fn stored(state: &State, files: &Files, scope: &Scope, id: Uuid) -> Result<Option<Stored>, Error> {
    let deadline = Instant::now() + PATIENCE;
    let (mut look, mut place) = (LOOK, None);
    loop {
        let due_at = match scope.media().find(id).await? {
            Some(Media { state: MediaState::Stored(stored), .. }) => return Ok(Some(stored)),
            Some(Media { state: MediaState::Pending { .. }, due_at, .. }) => due_at,
            Some(Media { state: MediaState::Failed(_), .. }) | None => return Ok(None),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Duration::from_millis(u64::try_from(due_at - state.clock.now_ms()).unwrap_or_default());
        if left.is_zero() {
            return Err(Error::Unavailable);
        }
        if wait > left {
            return Err(Error::Later(wait.min(LATEST)));
        }
        if place.is_none() {
            place = Some(files.waiting.try_acquire().map_err(|_| Error::Unavailable)?);
        }
        tokio::time::sleep(look.min(left)).await;
        look = (look * 2).min(SELDOM);
    }
}

fn handed_out(state: &State, stored: Stored, file: &File) -> HttpResponse {
    let label = Label { mimetype: stored.mimetype, download_as: stored.download_as };
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, label.mimetype.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((CACHE_CONTROL, "private, max-age=3600, immutable"));
    if let Some(disposition) = label.disposition() {
        answer.insert_header((CONTENT_DISPOSITION, disposition));
    }
    answer.no_chunking(file.length()).streaming(state.media.pieces(file, PIECE))
}
