//! `GET /group/joinRequests` and `POST /group/updateJoinRequests`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Nothing, OfGroup, outcome, users};
use crate::domain::Jid;
use crate::http::chat::resolved;
use crate::http::extract::{Input, LocalInstance};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Who is let in, or turned down.
#[derive(ToSchema)]
pub struct UpdateJoinRequests {
    /// `approve` or `reject`.
    #[schema(rename = "action", value_type = String)]
    approve: bool,
    /// Phone numbers, JIDs or LIDs.
    #[schema(value_type = Vec<String>)]
    participants: Vec<Jid>,
}

impl Input for UpdateJoinRequests {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let approve = match fields.required_text("action").as_deref() {
            Some("approve") => Some(true),
            Some("reject") => Some(false),
            Some(_) => {
                fields.wrong("action", "is not one of enum values: approve,reject");
                None
            }
            None => None,
        };
        let participants = users(fields, "participants");
        Some(Self { approve: approve?, participants: participants? })
    }
}

/// Who wants to join.
pub async fn list(
    instance: LocalInstance,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let requests = working.groups()?.join_requests(&group).await.map_err(|error| instance.explain(error))?;
    let shown = requests.iter().map(|one| json!({"jid": one.jid, "requestTime": one.time}));
    Ok(HttpResponse::Ok().json(json!({"joinRequests": shown.collect::<Vec<_>>()})))
}

/// Decides about some of them.
pub async fn decide(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateJoinRequests>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let who = resolved((&instance, &state), &working, body.participants).await?;
    let decide = async move { working.groups()?.decide(&group, body.approve, &who).await };
    let outcomes = state.finish(decide).await?.map_err(|error| instance.explain(error))?;
    let shown: Vec<Value> = outcomes.iter().map(outcome).collect();
    Ok(HttpResponse::Created().json(json!({"updateJoinRequests": shown})))
}
