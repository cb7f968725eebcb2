//! `GET /metrics`: gauges of the instances, and everything that was recorded.

use actix_web::http::header::{AUTHORIZATION, ContentType, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, State, routes};
use crate::auth;
use crate::config::{self, metrics::Credentials};
use crate::domain::ConnectionState::{Close, Connecting, Open, Refused};
use crate::instance::Handle;
use crate::telemetry::evolution::{self, InstanceGauge};
use crate::telemetry::metrics::{INSTANCES, STATE};

/// The page, for those whom the operator lets see it.
pub async fn handle(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Error> {
    if !state.metrics.enabled {
        return routes::no_route(request).await;
    }
    if let Some(refusal) = refusal(&request, &state.metrics) {
        return Ok(refusal);
    }
    let text = format!("{}{}", instances(&state), (state.render_metrics)());
    Ok(HttpResponse::Ok().insert_header(ContentType::plaintext()).body(text))
}

/// The answer to those whom the operator does not let see the page.
pub(super) fn refusal(request: &HttpRequest, section: &config::Metrics) -> Option<HttpResponse> {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let listed = |listed: &Vec<_>| peer.is_some_and(|peer| listed.contains(&peer));
    if !section.allowed_addresses.as_ref().is_none_or(listed) {
        return Some(HttpResponse::Forbidden().body("Forbidden"));
    }
    if !section.credentials.as_ref().is_none_or(|wanted| presented(request, wanted)) {
        let challenge = (WWW_AUTHENTICATE, "Basic realm=\"metrics\"");
        return Some(HttpResponse::Unauthorized().insert_header(challenge).body("Authentication required"));
    }
    None
}

fn presented(request: &HttpRequest, wanted: &Credentials) -> bool {
    let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
    let Some((scheme, encoded)) = header.and_then(|header| header.split_at_checked(6)) else { return false };
    let Ok(decoded) = STANDARD.decode(encoded.trim_ascii()) else { return false };
    let wanted = format!("{}:{}", wanted.user, wanted.password.expose());
    scheme.eq_ignore_ascii_case(b"basic ") && auth::same(&decoded, wanted.as_bytes())
}

/// The gauges that dashboards of Evolution API read, and the series of single instances; our gauges are
/// brought up to date on the way.
fn instances(state: &State) -> String {
    let mut all = state.registry.all();
    all.sort_by(|left, right| left.name().cmp(right.name()));
    for state in [Open, Connecting, Close, Refused] {
        let count = all.iter().filter(|handle| handle.state() == state).count();
        metrics::gauge!(INSTANCES, STATE => state.as_str()).set(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let gauge = |handle: &Handle| InstanceGauge {
        instance: handle.name().to_string(),
        integration: handle.integration().to_owned(),
        state: handle.state().as_str().to_owned(),
    };
    let gauges: Vec<InstanceGauge> = all.iter().map(gauge).collect();
    let url = state.server.url.as_deref().unwrap_or_default();
    let page = evolution::render(super::root::API_VERSION, &state.public.client_name, url, &gauges);
    let own = all.iter().map(|handle| (handle.name().as_str(), handle.place(), handle.state() == Open));
    page + &state.registry.tallies().render(own)
}
