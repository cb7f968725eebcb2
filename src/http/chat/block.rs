//! `POST /chat/updateBlockStatus/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::found;
use crate::domain::Jid;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::message::address;
use crate::http::{Error, State};

/// Who may not write any more, or may again.
#[derive(ToSchema)]
pub struct UpdateBlockStatus {
    /// A phone number, a JID or a LID.
    #[schema(value_type = String)]
    number: Jid,
    /// `block` or `unblock`.
    status: String,
}

impl Input for UpdateBlockStatus {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let number = address(fields, "number");
        let status = fields.required_text("status");
        if status.as_deref().is_some_and(|status| !["block", "unblock"].contains(&status)) {
            fields.wrong("status", "is not one of enum values: block,unblock");
        }
        Some(Self { number: number?, status: status? })
    }
}

/// Blocks a contact, or ends that.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(UpdateBlockStatus { number, status }): Valid<UpdateBlockStatus>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let contact = found(&instance, &state, &working, &number).await?;
    let done = working.privacy()?.block(&contact, status == "block").await;
    done.map_err(|error| instance.explain(error))?;
    let answer: serde_json::Map<String, Value> = [(status, json!("success"))].into_iter().collect();
    Ok(HttpResponse::Created().json(answer))
}
