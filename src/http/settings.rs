//! `/settings/{set,find}/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::{Error, State};
use crate::domain::{MediaKind, MediaPolicy, Settings};
use crate::instance::Handle;

/// Behaviour of an instance.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SetSettings {
    /// Reject every incoming call.
    reject_call: bool,
    /// Text sent to a caller whose call was rejected; as it was when absent.
    msg_call: Option<String>,
    /// Neither store nor deliver messages of groups.
    groups_ignore: bool,
    /// Appear online while connected.
    always_online: bool,
    /// Mark every incoming message as read.
    read_messages: bool,
    /// Mark every status update as read.
    read_status: bool,
    /// Ask the phone for its whole history when pairing.
    sync_full_history: bool,
    /// Kept, without effect; as it was when absent.
    wavoip_token: Option<String>,
    /// Which files of messages are kept: `{store, kinds, retentionDays, mediaUrl}`; as it was when absent.
    #[schema(value_type = Option<Object>)]
    media: Option<MediaPolicy>,
}

/// Flags that `set` wants all of.
const REQUIRED: [&str; 6] =
    ["rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory"];

impl SetSettings {
    /// The settings among some fields; a flag that is absent is off.
    pub(super) fn among(fields: &Fields<'_>) -> Self {
        let flag = |name: &str| fields.flag(name).unwrap_or_default();
        Self {
            reject_call: flag("rejectCall"),
            msg_call: fields.text("msgCall"),
            groups_ignore: flag("groupsIgnore"),
            always_online: flag("alwaysOnline"),
            read_messages: flag("readMessages"),
            read_status: flag("readStatus"),
            sync_full_history: flag("syncFullHistory"),
            wavoip_token: fields.text("wavoipToken"),
            media: fields.object("media").map(|media| policy(&media)),
        }
    }
}

/// Longest time that files are kept when it is not for ever, in days.
const LONGEST: u64 = 36_500;

fn policy(fields: &Fields<'_>) -> MediaPolicy {
    let days = fields.integer("retentionDays");
    if days.is_some_and(|days| days > LONGEST) {
        fields.wrong("retentionDays", &format!("must be less than or equal to {LONGEST}"));
    }
    let kind = |name: &String| {
        let kind = MediaKind::from_name(name);
        if kind.is_none() {
            let names: Vec<&str> = MediaKind::ALL.iter().map(|kind| kind.as_str()).collect();
            fields.wrong("kinds", &format!("is not one of enum values: {}", names.join(",")));
        }
        kind
    };
    MediaPolicy {
        store: fields.flag("store"),
        kinds: fields.texts("kinds").map(|names| names.iter().filter_map(kind).collect()),
        retention_days: days.and_then(|days| u32::try_from(days).ok()),
        media_url: fields.flag("mediaUrl"),
    }
}

impl From<SetSettings> for Settings {
    fn from(set: SetSettings) -> Self {
        Self {
            reject_call: set.reject_call,
            msg_call: set.msg_call.unwrap_or_default(),
            groups_ignore: set.groups_ignore,
            always_online: set.always_online,
            read_messages: set.read_messages,
            read_status: set.read_status,
            sync_full_history: set.sync_full_history,
            wavoip_token: set.wavoip_token.unwrap_or_default(),
            media: set.media.unwrap_or_default(),
        }
    }
}

impl Input for SetSettings {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        REQUIRED.iter().filter(|name| !fields.has(name)).for_each(|name| fields.missing(name));
        Some(Self::among(fields))
    }
}

/// Shows what was set at once where there is a connection; the next one begins with it anyway.
async fn show_online(instance: &LocalInstance, online: bool) {
    let Ok(working) = instance.enter() else { return };
    let Ok(presence) = working.presence() else { return };
    if presence.online(online).await.is_err() {
        tracing::debug!(instance = %instance.name(), "the presence could not be sent");
    }
}

/// Replaces the settings; what may be absent, and is, stays.
pub async fn set(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SetSettings>,
) -> Result<HttpResponse, Error> {
    let before = instance.settings();
    let settings = Settings {
        msg_call: body.msg_call.clone().unwrap_or_else(|| before.msg_call.clone()),
        wavoip_token: body.wavoip_token.clone().unwrap_or_else(|| before.wavoip_token.clone()),
        media: body.media.clone().unwrap_or_else(|| before.media.clone()),
        ..Settings::from(body)
    };
    let (handle, wanted) = (Handle::clone(&instance), settings.clone());
    let set = state.finish(async move { handle.set_settings(wanted).await }).await?;
    set.map_err(|error| instance.explain(error))?;
    if settings.always_online != before.always_online {
        show_online(&instance, settings.always_online).await;
    }
    let shown = json!({"instanceName": instance.name(), "settings": settings});
    Ok(HttpResponse::Created().json(json!({"settings": shown})))
}

/// The settings.
pub async fn find(instance: LocalInstance) -> HttpResponse {
    HttpResponse::Ok().json(instance.settings())
}
