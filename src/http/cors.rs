//! What browsers of other origins may do. Requests without an origin are never refused.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use crate::config::server::Cors;

const HEADERS: HeaderValue = HeaderValue::from_static("apikey, content-type, authorization, idempotency-key");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
const DAY: HeaderValue = HeaderValue::from_static("86400");

/// What is to be done about the origin of a request.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// No browser of another origin.
    NoOrigin,
    /// Tell the browser that this origin may read the answer.
    Allowed(HeaderValue),
    /// This origin may not call.
    Refused,
}

/// Judges the origin of a request.
pub(super) fn judge(cors: &Cors, headers: &HeaderMap) -> Verdict {
    let Some(origin) = headers.get(ORIGIN) else { return Verdict::NoOrigin };
    let Some(listed) = &cors.origins else { return Verdict::Allowed(origin.clone()) };
    let text = origin.to_str().unwrap_or_default();
    let known = |known: &String| known.trim_end_matches('/').eq_ignore_ascii_case(text);
    if listed.iter().any(known) || is_own(text, headers) {
        Verdict::Allowed(origin.clone())
    } else {
        Verdict::Refused
    }
}

/// Whether a page of this very server calls: browsers send an origin then too.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let from = origin.split_once("://").map(|(_, host)| host);
    matches!((host, from), (Some(host), Some(from)) if host.eq_ignore_ascii_case(from))
}

/// Whether it asks what it may do.
pub(super) fn is_preflight(method: &Method) -> bool {
    method == Method::OPTIONS
}

/// Tells a browser that it may read the answer.
pub(super) fn allow(cors: &Cors, origin: HeaderValue, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    answer.append(VARY, HeaderValue::from_static("Origin"));
    if cors.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// Tells a browser what it may do.
pub(super) fn preflight(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) {
    if let Ok(methods) = HeaderValue::from_str(&cors.methods.join(",")) {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    let headers = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(HEADERS);
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    answer.insert(ACCESS_CONTROL_MAX_AGE, DAY);
}
