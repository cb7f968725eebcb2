//! What happens around every request: its id, its span, its path in the table's form, the origin,
//! the metrics, and a panic that stays a 500.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, ResponseError as _, web};
use futures::FutureExt as _;
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

use super::cors::{self, Verdict};
use super::path::Index;
use super::{Error, State, failures, forward, measure};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client.
const LONGEST_ID: usize = 64;

/// The path as the client wrote it, where that is not the table's form.
pub(super) struct Written(pub(super) String);

/// Goes around every request.
pub(super) async fn outer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, BoxBody>>, actix_web::Error> {
    let began = Instant::now();
    let shared =
        (request.app_data::<web::Data<State>>().cloned(), request.app_data::<web::Data<Index>>().cloned());
    let (Some(state), Some(index)) = shared else { return Err(Error::Internal.into()) };
    normalise(&mut request, &index);
    let id = request_id(&request);
    let method = measure::method(request.method());
    let route = index.template(request.path()).unwrap_or(measure::UNKNOWN);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), method, route);
    let verdict = cors::judge(&state.server.cors, request.headers());
    let mut response = if verdict == Verdict::Refused {
        request.into_response(Error::WrongOrigin.error_response()).map_into_right_body()
    } else if cors::is_preflight(request.method()) {
        let mut answer = HttpResponse::NoContent().finish();
        cors::preflight(&state.server.cors, request.headers(), answer.headers_mut());
        request.into_response(answer).map_into_right_body()
    } else {
        let (shared, known) = (state.clone(), id.clone());
        let handled = AssertUnwindSafe(async move {
            match forward::elsewhere(&shared, route, &known, &mut request).await {
                Some(answer) => Ok(request.into_response(answer).map_into_right_body()),
                None => next.call(request).await.map(|answered| {
                    failures::report(&shared, route, method, &answered);
                    answered.map_into_left_body()
                }),
            }
        });
        match handled.catch_unwind().instrument(span).await {
            Ok(answered) => answered?,
            Err(_) => {
                tracing::error!(route, method, "a handler panicked");
                measure::record(route, method, 500, began.elapsed());
                return Err(Error::Internal.into());
            }
        }
    };
    if let Verdict::Allowed(origin) = verdict {
        cors::allow(&state.server.cors, origin, response.headers_mut());
    }
    response.headers_mut().insert(REQUEST_ID.clone(), id);
    measure::record(route, method, response.status().as_u16(), began.elapsed());
    Ok(response)
}

/// The client's id of a request, or a new one.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let theirs = request.headers().get(&REQUEST_ID);
    let sound = |id: &&HeaderValue| {
        (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let mut text = Uuid::encode_buffer();
    theirs.filter(sound).cloned().unwrap_or_else(|| {
        let id = Uuid::now_v7().as_hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// Rewrites the path into the table's form, where it is not in it already.
fn normalise(request: &mut ServiceRequest, index: &Index) {
    let Some(normal) = index.normalised(request.path()) else { return };
    let written = Written(request.path().to_owned());
    let whole = match request.query_string() {
        "" => normal,
        query => format!("{normal}?{query}"),
    };
    let mut parts = request.head().uri.clone().into_parts();
    let Ok(path) = PathAndQuery::try_from(whole) else { return };
    parts.path_and_query = Some(path);
    let Ok(uri) = Uri::from_parts(parts) else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    request.extensions_mut().insert(written);
}
