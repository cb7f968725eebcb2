//! Which failed calls are reported to the operator's address, and what is said of them.

use actix_web::dev::ServiceResponse;

use super::{Error, State, measure};
use crate::webhook::Failure;

/// Reports an answer, if it is a failure of an authorised call: a stranger cannot make the node post.
pub(super) fn report<B>(
    state: &State,
    route: &'static str,
    method: &'static str,
    response: &ServiceResponse<B>,
) {
    let Some(reporter) = state.failures.as_ref().filter(|_| route != measure::UNKNOWN) else { return };
    let Some(error) = response.response().error().and_then(|error| error.as_error::<Error>()) else { return };
    if matches!(error, Error::Unauthorized | Error::Forbidden | Error::WrongOrigin | Error::NoRoute(_)) {
        return;
    }
    reporter.report(Failure {
        time: state.clock.now_ms(),
        method,
        route,
        instance: response.request().match_info().get("instance").map(str::to_owned),
        status: error.code().as_u16(),
        error: error.code().canonical_reason().unwrap_or_default(),
        message: error.message(),
    });
}
