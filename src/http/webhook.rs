//! `/webhook/{set,find}/{instance}`.

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::{Error, State, sink};
use crate::domain::sink::WebhookOptions;
use crate::domain::{EventKind, Sink, SinkKind};

/// Most headers of a webhook.
const HEADERS: usize = 50;
/// Longest address, in bytes.
const LONGEST_URL: usize = 2000;

/// Where events are posted.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Webhook {
    /// Whether anything is posted; on when absent.
    #[schema(value_type = Option<bool>)]
    enabled: bool,
    /// An http or https address.
    url: String,
    /// Headers of every request; `jwt_key` is a key to sign a token with.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    headers: BTreeMap<String, String>,
    /// What is posted; empty or absent is everything.
    #[schema(value_type = Option<Vec<String>>, example = json!(["MESSAGES_UPSERT"]))]
    events: Vec<EventKind>,
    /// Append the event's name to the address; `webhookByEvents` is the same.
    #[schema(value_type = Option<bool>)]
    by_events: bool,
    /// Put media into the event; `webhookBase64` is the same.
    #[schema(value_type = Option<bool>)]
    base64: bool,
}

impl Webhook {
    /// Whether the fields say anything about a webhook: some clients send an empty one.
    pub(super) fn is_given(fields: &Fields<'_>) -> bool {
        fields.value("url").is_some_and(|url| url != "") || fields.flag("enabled") == Some(true)
    }

    /// A webhook whose fields are these.
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        Self::read_flat(fields, "url")
    }

    /// A webhook among other fields.
    pub(super) fn read_flat(fields: &Fields<'_>, url_name: &str) -> Option<Self> {
        let flag = |names: &[&str]| fields.flag(fields.either(names)).unwrap_or_default();
        let enabled = fields.flag("enabled").unwrap_or(true);
        Some(Self {
            enabled,
            events: sink::events(fields),
            by_events: flag(&["webhookByEvents", "byEvents", "webhook_by_events"]),
            base64: flag(&["webhookBase64", "base64", "webhook_base64"]),
            headers: headers(fields),
            url: url(fields, url_name, enabled)?,
        })
    }

    /// The row.
    pub(super) fn row(&self, now: i64) -> Sink {
        Sink {
            id: Uuid::now_v7(),
            kind: SinkKind::Webhook,
            enabled: self.enabled,
            events: self.events.clone(),
            webhook: Some(WebhookOptions {
                url: self.url.clone(),
                headers: self.headers.clone(),
                by_events: self.by_events,
                base64: self.base64,
            }),
            created_at: now,
            updated_at: now,
        }
    }
}

fn url(fields: &Fields<'_>, name: &str, required: bool) -> Option<String> {
    let text = if required { fields.required_text(name)? } else { fields.text(name).unwrap_or_default() };
    let text = text.trim();
    if text.is_empty() && !required {
        return Some(String::new());
    }
    let sound = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if text.len() > LONGEST_URL || !Url::parse(text).is_ok_and(|url| sound(&url)) {
        fields.wrong(name, "is not an http or https address");
        return None;
    }
    Some(text.to_owned())
}

fn headers(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(given) = fields.object("headers") else { return BTreeMap::new() };
    let mut headers = BTreeMap::new();
    for (name, value) in given.entries() {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(&text).is_err() {
            fields.wrong("headers", "has a name or a value that is not one of HTTP");
            break;
        }
        headers.insert(name.clone(), text);
    }
    if headers.len() > HEADERS {
        fields.wrong("headers", &format!("has more than {HEADERS} entries"));
    }
    headers
}

/// The webhook of an instance.
#[derive(ToSchema)]
pub struct SetWebhook {
    /// The webhook; its fields may stand beside it too.
    webhook: Webhook,
}

impl Input for SetWebhook {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let nested = matches!(fields.value("webhook"), Some(Value::Object(_)));
        let flat = fields.has("url") || fields.has("enabled");
        let webhook = match fields.value("webhook") {
            Some(Value::String(_)) => Webhook::read_flat(fields, "webhook"),
            _ if nested || !flat => Webhook::read(&fields.required_object("webhook")?),
            _ => Webhook::read(fields),
        };
        Some(Self { webhook: webhook? })
    }
}

/// Stores the webhook.
pub async fn set(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SetWebhook>,
) -> Result<HttpResponse, Error> {
    let sink = body.webhook.row(instance.journal().now());
    sink::store(&instance, &state, sink).await
}

/// The webhook, or `null`.
pub async fn find(instance: LocalInstance) -> HttpResponse {
    sink::find(&instance, SinkKind::Webhook)
}
