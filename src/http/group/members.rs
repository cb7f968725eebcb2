//! `POST /group/updateParticipant/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{OfGroup, outcome, users};
use crate::channel::groups::MemberAction;
use crate::domain::Jid;
use crate::http::chat::resolved;
use crate::http::extract::{Input, LocalInstance};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// What is done with whom.
#[derive(ToSchema)]
pub struct UpdateParticipant {
    /// `add`, `remove`, `promote` or `demote`.
    #[schema(value_type = String)]
    action: MemberAction,
    /// Phone numbers, JIDs or LIDs.
    #[schema(value_type = Vec<String>)]
    participants: Vec<Jid>,
}

const ACTIONS: [MemberAction; 4] =
    [MemberAction::Add, MemberAction::Remove, MemberAction::Promote, MemberAction::Demote];

impl Input for UpdateParticipant {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let text = fields.required_text("action");
        let action = text.as_ref().and_then(|text| ACTIONS.into_iter().find(|one| one.as_str() == text));
        if text.is_some() && action.is_none() {
            fields.wrong("action", "is not one of enum values: add,remove,promote,demote");
        }
        let participants = users(fields, "participants");
        Some(Self { action: action?, participants: participants? })
    }
}

/// Changes who is in a group, and who manages it.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateParticipant>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let members = resolved((&instance, &state), &working, body.participants).await?;
    let change = async move { working.groups()?.change_members(&group, body.action, &members).await };
    let outcomes = state.finish(change).await?.map_err(|error| instance.explain(error))?;
    let shown: Vec<Value> = outcomes.iter().map(outcome).collect();
    Ok(HttpResponse::Created().json(json!({"updateParticipants": shown})))
}
