//! `POST /call/offer/{instance}` and `POST /call/reject/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::message::address;
use super::{Error, State};
use crate::domain::Jid;

/// Longest call, in seconds.
const LONGEST: u64 = 3600;

/// Somebody to ring.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Offer {
    /// Whom.
    #[schema(value_type = String)]
    number: Jid,
    /// With a picture; no when absent.
    #[schema(value_type = Option<bool>)]
    is_video: bool,
    /// Seconds to ring.
    call_duration: u64,
}

impl Input for Offer {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let number = address(fields, "number");
        let is_video = fields.flag("isVideo").unwrap_or_default();
        let call_duration = fields.required_integer("callDuration");
        if call_duration.is_some_and(|seconds| seconds > LONGEST) {
            fields.wrong("callDuration", &format!("must be less than or equal to {LONGEST}"));
        }
        Some(Self { number: number?, is_video, call_duration: call_duration? })
    }
}

/// Rings somebody, where the provider can.
pub async fn offer(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Offer>,
) -> Result<HttpResponse, Error> {
    state.rates.charge(instance.id()).map_err(Error::TooMany)?;
    let working = instance.work().await?;
    let id = working.calls()?.offer(&body.number, body.is_video).await;
    let id = id.map_err(|error| instance.explain(error))?;
    let duration = body.call_duration;
    let shown = json!({"id": id, "jid": body.number, "isVideo": body.is_video, "callDuration": duration});
    Ok(HttpResponse::Created().json(shown))
}

/// A call to decline.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Reject {
    /// The call, as its event names it.
    call_id: String,
    /// Who calls; known for calls that rang lately.
    #[schema(value_type = Option<String>)]
    from: Option<Jid>,
}

impl Input for Reject {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let call_id = fields.filled_text(fields.either(&["callId", "id"]));
        let name = fields.either(&["from", "callFrom", "number"]);
        let from = if fields.has(name) { Some(address(fields, name)?) } else { None };
        Some(Self { call_id: call_id?, from })
    }
}

/// Declines an incoming call.
pub async fn reject(instance: LocalInstance, Valid(body): Valid<Reject>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let rejected = working.calls()?.reject(&body.call_id, body.from.as_ref()).await;
    rejected.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"id": body.call_id, "from": body.from, "status": "reject"})))
}
