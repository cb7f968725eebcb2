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
use crate::db::{MediaState, Scope, Stored};
use crate::events::BadLink;
use crate::http::extract::Query;
use crate::http::{Error, State, path};
use crate::media::{File, Kept, Label};

/// How long a request waits for a file that is on its way.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(200);
/// How long the store's own address works that a request is led to.
const LEAD: Duration = Duration::from_mins(15);
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
    let stored = stored(&state.database.instance(located.id), id).await?.ok_or_else(gone)?;
    let kept = files.store.get(&stored.file_name, LEAD).await;
    match kept.map_err(|error| Error::internal(&error))?.ok_or_else(gone)? {
        Kept::At(url) => {
            let mut answer = HttpResponse::Found();
            answer.insert_header((LOCATION, url.as_str())).insert_header((CACHE_CONTROL, "no-store"));
            Ok(answer.finish())
        }
        Kept::Here(file) => Ok(handed_out(&state, stored, &file)),
    }
}

/// The file that a link is for, if it was made here.
fn authorised<'a>(state: &'a State, query: &Query, name: &str) -> Result<(Uuid, &'a Files), Error> {
    let files = state.files.as_ref().ok_or(Error::Unauthorized)?;
    let number = |name| query.get(name).and_then(|text| text.parse().ok());
    let id = query.get("id").and_then(|text| text.parse().ok()).ok_or(Error::Unauthorized)?;
    let expires = number("expires").ok_or(Error::Unauthorized)?;
    let signature = query.get("signature").unwrap_or_default();
    match files.keeper.check((name, id, expires), signature, state.clock.now_ms()) {
        Ok(()) => Ok((id, files)),
        Err(BadLink::Forged) => Err(Error::Unauthorized),
        Err(BadLink::Expired) => Err(Error::NotFound("The link has expired".to_owned())),
    }
}

/// A file once it is in the store; `None` when it will not be.
async fn stored(scope: &Scope, id: Uuid) -> Result<Option<Stored>, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match scope.media().find(id).await?.map(|media| media.state) {
            Some(MediaState::Stored(stored)) => return Ok(Some(stored)),
            Some(MediaState::Pending { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(LOOK).await;
            }
            Some(MediaState::Pending { .. }) => return Err(Error::Unavailable),
            Some(MediaState::Failed(_)) | None => return Ok(None),
        }
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
