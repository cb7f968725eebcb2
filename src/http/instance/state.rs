//! `GET /instance/connectionState/{instance}`: asked often, so it reads nothing but memory.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use serde::Serialize;

use crate::domain::{ConnectionState, InstanceName};
use crate::http::Error;
use crate::http::extract::LocalInstance;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    instance_name: &'a InstanceName,
    state: ConnectionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_progress: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    instance: Named<'a>,
    status_reason: i32,
}

/// What clients see of the connection.
pub async fn handle(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let named = Named {
        instance_name: instance.name(),
        state: instance.state(),
        history_progress: instance.view().history_progress,
    };
    let shown = Shown { instance: named, status_reason: instance.reason() };
    let text = serde_json::to_vec(&shown).map_err(|error| Error::internal(&error))?;
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(text))
}
