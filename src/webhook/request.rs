//! What is sent: where to, with which headers, and the body.

use bytes::Bytes;
use url::Url;
use uuid::Uuid;

use super::{Endpoint, Request, Secret, headers, jwt, signature};
use crate::db::OutboxRow;
use crate::domain::EventKind;
use crate::events::{About, Body};

/// What every request says about this installation.
#[derive(Clone, Default, Debug)]
pub struct Letterhead {
    /// Our public address.
    pub server_url: Option<String>,
    /// Whether the instance's token is in the body.
    pub expose_token: bool,
    /// Keys to sign with, the current one first; the first two are used.
    pub secrets: Vec<Secret>,
}

/// The endpoint cannot be sent to. The text carries no secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// Not an http or https URL.
    #[error("the webhook's URL is not an http or https one")]
    Url,
    /// The body cannot be written.
    #[error("the event cannot be written as JSON")]
    Body,
}

impl Letterhead {
    /// The request of one attempt. `now` is in unix milliseconds.
    pub(super) fn request(
        &self,
        row: &OutboxRow,
        endpoint: &Endpoint,
        now: i64,
    ) -> Result<Request, InvalidTarget> {
        let url = target(endpoint, row.event.kind)?;
        let body = self.body(row, endpoint)?;
        let headers = self.headers(row.event.id, endpoint, now.div_euclid(1000), &body);
        Ok(Request { url, headers, body })
    }

    fn body(&self, row: &OutboxRow, endpoint: &Endpoint) -> Result<Bytes, InvalidTarget> {
        let about = About {
            instance: &endpoint.instance,
            destination: Some(&endpoint.url),
            sender: endpoint.sender.as_deref(),
            server_url: self.server_url.as_deref(),
            token: endpoint.token.as_deref().filter(|_| self.expose_token),
        };
        let body = Body::new(row, about);
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| InvalidTarget::Body)
    }

    fn headers(&self, id: Uuid, endpoint: &Endpoint, seconds: i64, body: &[u8]) -> Vec<(String, String)> {
        let mut all = headers::clean(&endpoint.headers);
        let mut put = |name: &str, value: String| all.insert(name.to_owned(), value);
        if let Some(token) = headers::jwt_key(&endpoint.headers).and_then(|key| jwt::token(key, seconds)) {
            put("authorization", format!("Bearer {token}"));
        }
        let id = id.to_string();
        let live = &self.secrets[..self.secrets.len().min(2)];
        if let Some(value) = signature::sign(live, &id, seconds, body) {
            put("webhook-id", id);
            put("webhook-timestamp", seconds.to_string());
            put("webhook-signature", value);
        }
        all.entry("content-type".to_owned()).or_insert_with(|| "application/json".to_owned());
        let agent = || concat!("Waggle/", env!("CARGO_PKG_VERSION")).to_owned();
        all.entry("user-agent".to_owned()).or_insert_with(agent);
        all.into_iter().collect()
    }
}

/// The configured URL, with the event's name at the end of its path when the tenant asks for it.
fn target(endpoint: &Endpoint, kind: EventKind) -> Result<Url, InvalidTarget> {
    let mut url = parse(&endpoint.url).ok_or(InvalidTarget::Url)?;
    if endpoint.by_events {
        let mut path = url.path_segments_mut().map_err(|()| InvalidTarget::Url)?;
        path.pop_if_empty().push(&kind.wire().replace('.', "-"));
    }
    Ok(url)
}

fn parse(url: &str) -> Option<Url> {
    let url = Url::parse(url.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Scheme, host and port of a URL: all of it that is no secret.
pub(super) fn origin(url: &str) -> Option<String> {
    parse(url).map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests;
