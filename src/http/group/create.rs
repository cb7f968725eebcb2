//! `POST /group/create/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::{short, shown, users};
use crate::channel::groups::{Group, MemberAction, NewGroup};
use crate::channel::{self, Channel};
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A group to create.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateGroup {
    /// Its name, up to 100 characters.
    subject: String,
    /// Its description, up to 2048 characters.
    description: Option<String>,
    /// Who is in it, as phone numbers, JIDs or LIDs.
    #[schema(value_type = Vec<String>)]
    participants: Vec<Jid>,
    /// Whether all of them are made admins; who is shows in the answer.
    #[schema(value_type = Option<bool>)]
    promote_participants: bool,
}

impl Input for CreateGroup {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let subject = fields.filled_text("subject").and_then(|_| short(fields, "subject", 100));
        let description = fields.has("description").then(|| short(fields, "description", 2048)).flatten();
        let promote_participants = fields.flag("promoteParticipants").unwrap_or_default();
        let participants = users(fields, "participants");
        Some(Self { subject: subject?, description, participants: participants?, promote_participants })
    }
}

/// Creates a group with those of the wanted members that are on WhatsApp.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<CreateGroup>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (phones, mut members): (Vec<Jid>, Vec<Jid>) =
        body.participants.into_iter().partition(|jid| jid.kind() == JidKind::Phone);
    let checks = state.known.check(instance.id(), working.numbers()?, &phones).await;
    let checks = checks.map_err(|error| instance.explain(error))?;
    members.extend(checks.iter().filter(|check| check.exists).map(|check| check.jid.clone()));
    if members.is_empty() {
        let missing = phones.iter().map(|jid| json!({"jid": jid, "exists": false, "number": jid.user()}));
        return Err(Error::NotOnWhatsApp(missing.collect()));
    }
    let new = NewGroup { subject: body.subject, description: body.description, members };
    let promote = body.promote_participants;
    let created = state.finish(async move { create(&*working, new, promote).await }).await?;
    let group = created.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(shown(&group, true)))
}

async fn create(channel: &dyn Channel, new: NewGroup, promote: bool) -> Result<Group, channel::Error> {
    let groups = channel.groups()?;
    let group = groups.create(new).await?;
    let plain = group.participants.iter().filter(|member| member.admin.is_none());
    let plain: Vec<Jid> = plain.map(|member| member.id.clone()).collect();
    if !promote || plain.is_empty() {
        return Ok(group);
    }
    // The group is there whatever becomes of this: an error would make callers create it again.
    let promoted = groups.change_members(&group.id, MemberAction::Promote, &plain).await;
    let found = match promoted {
        Ok(_) => groups.find(&group.id).await,
        Err(error) => Err(error),
    };
    Ok(found.unwrap_or_else(|error| {
        tracing::warn!(group = %group.id, %error, "not all members of a new group are known to be its admins");
        group
    }))
}
