//! How requests are counted and timed: by template, never by path.

use std::time::Duration;

use crate::telemetry::metrics::{HTTP_DURATION, HTTP_REQUESTS, METHOD, ROUTE, STATUS};

/// The label of a route that is not in the table.
pub(super) const UNKNOWN: &str = "unknown";

/// One answered request.
pub(super) fn record(route: &'static str, method: &'static str, status: u16, took: Duration) {
    metrics::counter!(HTTP_REQUESTS, ROUTE => route, METHOD => method, STATUS => label(status)).increment(1);
    metrics::histogram!(HTTP_DURATION, ROUTE => route, METHOD => method).record(took);
}

/// The statuses that this API answers.
const fn label(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        204 => "204",
        302 => "302",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        413 => "413",
        429 => "429",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => "other",
    }
}

/// The methods that this API knows.
pub(super) fn method(method: &actix_web::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
