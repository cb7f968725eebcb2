//! Name, description, picture and settings of a group.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{OfGroup, short};
use crate::channel::groups::Change;
use crate::domain::Jid;
use crate::http::extract::{Input, LocalInstance};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::Source;

/// Another name.
#[derive(ToSchema)]
pub struct UpdateGroupSubject {
    /// Up to 100 characters.
    subject: String,
}

impl Input for UpdateGroupSubject {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        fields.filled_text("subject")?;
        Some(Self { subject: short(fields, "subject", 100)? })
    }
}

/// Another description.
#[derive(ToSchema)]
pub struct UpdateGroupDescription {
    /// Up to 2048 characters; empty for none.
    description: String,
}

impl Input for UpdateGroupDescription {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { description: short(fields, "description", 2048)? })
    }
}

/// Another picture.
#[derive(ToSchema)]
pub struct UpdateGroupPicture {
    /// Base64, a data URI, or an http(s) address.
    #[schema(value_type = String)]
    image: Source,
}

impl Input for UpdateGroupPicture {
    const FILES: &'static [&'static str] = &["image"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { image: fields.source("image")? })
    }
}

/// A setting.
#[derive(ToSchema)]
pub struct UpdateSetting {
    /// `announcement`, `not_announcement`, `locked` or `unlocked`; also `approval_on`, `approval_off`,
    /// `admin_add` or `all_member_add`.
    #[schema(value_type = String)]
    action: Change,
}

const SETTINGS: [(&str, Change); 8] = [
    ("announcement", Change::Announce(true)),
    ("not_announcement", Change::Announce(false)),
    ("locked", Change::Restrict(true)),
    ("unlocked", Change::Restrict(false)),
    ("approval_on", Change::JoinApproval(true)),
    ("approval_off", Change::JoinApproval(false)),
    ("admin_add", Change::MemberAdd(false)),
    ("all_member_add", Change::MemberAdd(true)),
];

impl Input for UpdateSetting {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let text = fields.required_text("action")?;
        let known = SETTINGS.into_iter().find(|(name, _)| *name == text);
        if known.is_none() {
            let names = SETTINGS.map(|(name, _)| name).join(",");
            fields.wrong("action", &format!("is not one of enum values: {names}"));
        }
        known.map(|(_, action)| Self { action })
    }
}

/// How long messages are kept.
#[derive(ToSchema)]
pub struct ToggleEphemeral {
    /// Seconds until messages disappear: 86400, 604800, 7776000, or 0 for never.
    expiration: u32,
}

const DURATIONS: [u32; 4] = [0, 86_400, 604_800, 7_776_000];

impl Input for ToggleEphemeral {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let seconds = fields.required_integer("expiration")?;
        let known = DURATIONS.into_iter().find(|known| u64::from(*known) == seconds);
        if known.is_none() {
            fields.wrong("expiration", "is not one of enum values: 0,86400,604800,7776000");
        }
        known.map(|expiration| Self { expiration })
    }
}

async fn change(
    (instance, state): (&LocalInstance, &State),
    group: Jid,
    change: Change,
    answer: Value,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let changed = state.finish(async move { working.groups()?.change(&group, change).await }).await?;
    changed.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(answer))
}

/// Renames a group.
pub async fn subject(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateGroupSubject>,
) -> Result<HttpResponse, Error> {
    let to = Change::Subject(body.subject);
    change((&instance, &state), group, to, json!({"update": "success"})).await
}

/// Describes a group.
pub async fn description(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateGroupDescription>,
) -> Result<HttpResponse, Error> {
    let to = Change::Description(body.description);
    change((&instance, &state), group, to, json!({"update": "success"})).await
}

/// Changes a setting.
pub async fn setting(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateSetting>,
) -> Result<HttpResponse, Error> {
    change((&instance, &state), group, body.action, json!({})).await
}

/// Sets how long messages are kept.
pub async fn ephemeral(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<ToggleEphemeral>,
) -> Result<HttpResponse, Error> {
    let to = Change::Ephemeral(body.expiration);
    change((&instance, &state), group, to, json!({"success": true})).await
}

/// Changes the picture.
pub async fn picture(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<UpdateGroupPicture>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let fetched = working.files()?.handle().fetch(body.image).await;
    let image = fetched.map_err(|error| Error::of_media(&error, "image"))?.file;
    let set = async move { working.groups()?.set_picture(&group, &image).await };
    state.finish(set).await?.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"update": "success"})))
}
