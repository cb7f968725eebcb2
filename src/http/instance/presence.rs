//! `POST /instance/setPresence/{instance}`.

use actix_web::HttpResponse;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Whether the account is shown as online.
#[derive(ToSchema)]
pub struct SetPresence {
    /// `available` or `unavailable`.
    presence: String,
}

impl Input for SetPresence {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let presence = fields.required_text("presence")?;
        if !matches!(presence.as_str(), "available" | "unavailable") {
            fields.wrong("presence", "is not one of enum values: available,unavailable");
        }
        Some(Self { presence })
    }
}

/// Shows the account as online, or not.
pub async fn handle(instance: LocalInstance, Valid(body): Valid<SetPresence>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let online = body.presence == "available";
    working.presence()?.online(online).await.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"presence": body.presence})))
}
