//! Owns what the feeds of an instance have in common (a switch and a list of events); must not
//! know how anything is delivered. To add a feed: one file like `rabbitmq`, and its two lines in
//! the table of routes.

pub mod rabbitmq;
pub mod websocket;

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::LocalInstance;
use super::fields::Fields;
use super::{Error, State};
use crate::clock::rfc3339;
use crate::domain::{EventKind, InstanceId, Sink, SinkKind};
use crate::instance::Handle;

/// A feed of events.
#[derive(ToSchema)]
pub struct Feed {
    /// Whether anything is delivered.
    enabled: bool,
    /// What is delivered; empty or absent is everything.
    #[schema(value_type = Option<Vec<String>>, example = json!(["MESSAGES_UPSERT"]))]
    events: Vec<EventKind>,
}

impl Feed {
    /// A feed for which somebody has to say whether it is enabled.
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let (enabled, events) = (fields.required_flag("enabled"), events(fields));
        Some(Self { enabled: enabled?, events })
    }

    /// A feed that is enabled unless somebody says no; an empty object is none, since some clients
    /// send back what a creation answered.
    pub(super) fn read_lenient(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("enabled") && !fields.has("events") {
            return None;
        }
        let enabled = fields.flag("enabled").unwrap_or(true);
        Some(Self { enabled, events: events(fields) })
    }

    /// The feed in the body of `set`: below its own name, or flat.
    fn of_body(fields: &Fields<'_>, name: &str) -> Option<Self> {
        if fields.has(name) || !fields.has("enabled") {
            return Self::read(&fields.required_object(name)?);
        }
        Self::read(fields)
    }
}

/// The events that somebody asks for; an unknown name is reported.
pub(super) fn events(fields: &Fields<'_>) -> Vec<EventKind> {
    let names = fields.texts("events").unwrap_or_default();
    let mut events: Vec<EventKind> = Vec::with_capacity(names.len());
    for name in names.iter().filter(|name| !name.trim().is_empty()) {
        match EventKind::from_name(name) {
            Some(kind) if events.contains(&kind) => {}
            Some(kind) => events.push(kind),
            None => {
                let all: Vec<_> = EventKind::ALL.iter().map(|kind| kind.config()).collect();
                fields.wrong("events", &format!("is not one of enum values: {}", all.join(",")));
                break;
            }
        }
    }
    events
}

/// The row of a feed.
pub(super) fn row(kind: SinkKind, feed: &Feed, now: i64) -> Sink {
    Sink {
        id: Uuid::now_v7(),
        kind,
        enabled: feed.enabled,
        events: feed.events.clone(),
        webhook: None,
        created_at: now,
        updated_at: now,
    }
}

/// A sink as clients read it.
pub(super) fn shown(sink: &Sink, instance: InstanceId) -> Value {
    let everything = sink.enabled && sink.events.is_empty();
    let events = if everything { EventKind::ALL } else { &sink.events };
    let mut shown = json!({
        "id": sink.id,
        "enabled": sink.enabled,
        "events": events,
        "createdAt": rfc3339(sink.created_at),
        "updatedAt": rfc3339(sink.updated_at),
        "instanceId": instance,
    });
    if let Some(options) = &sink.webhook {
        shown["url"] = json!(options.url);
        shown["headers"] = json!(options.headers);
        shown["webhookByEvents"] = json!(options.by_events);
        shown["webhookBase64"] = json!(options.base64);
    }
    shown
}

/// Stores a sink, and answers with what is stored.
pub(super) async fn store(
    instance: &LocalInstance,
    state: &State,
    sink: Sink,
) -> Result<HttpResponse, Error> {
    let handle = Handle::clone(instance);
    let stored = state.finish(async move { handle.set_sink(sink).await }).await?;
    let stored = stored.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(shown(&stored, instance.id())))
}

/// The sink of a kind, or `null`.
pub(super) fn find(instance: &LocalInstance, kind: SinkKind) -> HttpResponse {
    let sinks = instance.journal().sinks();
    let found = sinks.iter().find(|sink| sink.kind == kind);
    HttpResponse::Ok().json(found.map(|sink| shown(sink, instance.id())))
}
