//! Every answer but success that a route may give, each with an example.

use actix_web::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::cases;
use crate::http::Error;
use crate::http::routes::{Route, Wants};

/// What an error may be, by what a route wants.
const FAILURES: &[(u16, &str)] = &[
    (400, "the request is wrong; the message names the fields"),
    (401, "no key, or one that nobody has"),
    (403, "the key of another instance"),
    (404, "no such instance"),
    (409, "the instance is not connected, or something is taken"),
    (413, "the body is too large"),
    (429, "too many requests; `Retry-After` says when to come back"),
    (501, "the provider of the instance has no notion of it"),
    (502, "WhatsApp refused"),
    (503, "something that is needed is down; `Retry-After` says when to come back"),
    (504, "WhatsApp did not answer in time"),
];

/// Those that a signed address may have, and those of what only nodes and the proxy ask.
const WITHOUT_KEY: [u16; 3] = [401, 404, 503];

/// The failures that many routes share, by their names.
pub(super) fn shared(components: ComponentsBuilder) -> ComponentsBuilder {
    FAILURES.iter().fold(components, |components, (status, text)| {
        components.response(name_of(*status), response(text, example(*status)))
    })
}

/// The failures of a route. Where a case shows one, that is its example.
pub(super) fn of(route: &Route) -> impl Iterator<Item = (u16, RefOr<Response>)> {
    FAILURES.iter().filter(|(status, _)| may_be(route, *status)).map(|(status, text)| {
        let told = cases::of(route.name).find(|case| case.status == *status);
        let own = told.and_then(|case| case.response.clone());
        let shared = || RefOr::Ref(Ref::from_response_name(name_of(*status)));
        (*status, own.map_or_else(shared, |own| RefOr::T(response(text, own))))
    })
}

fn may_be(route: &Route, status: u16) -> bool {
    match route.wants {
        Wants::Instance | Wants::Any | Wants::Global => true,
        Wants::Link | Wants::Node => WITHOUT_KEY.contains(&status),
        // They answer texts and checks of their own.
        Wants::Nothing | Wants::Operator => false,
    }
}

fn response(text: &str, example: Value) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).example(Some(example));
    ResponseBuilder::new().description(text).content("application/json", content.build()).build()
}

fn name_of(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or_default().replace(' ', "")
}

/// What the error table makes of this status.
fn example(status: u16) -> Value {
    let name = || "acme".to_owned();
    let error = match status {
        400 => Error::Schema(vec!["number is not of a type(s) string".to_owned()]),
        401 => Error::Unauthorized,
        403 => Error::Forbidden,
        404 => Error::NoInstance(name()),
        409 => Error::NotConnected(name()),
        413 => Error::TooLarge,
        429 => Error::TooMany(std::time::Duration::from_secs(1)),
        501 => Error::NotImplemented("This is not part of WhatsApp Web".to_owned()),
        502 => Error::Refused("WhatsApp refused: not-authorized (401)".to_owned()),
        504 => Error::Timeout,
        _ => Error::Unavailable,
    };
    error.envelope()
}

#[cfg(test)]
mod tests {
    use super::{FAILURES, example};

    #[test]
    fn each_example_is_of_its_status() {
        for (status, _) in FAILURES {
            assert_eq!(example(*status)["status"], *status);
        }
    }
}
