//! `GET /chat/fetchPrivacySettings/{instance}` and `POST /chat/updatePrivacySettings/{instance}`.

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

const EVERYBODY: &[&str] = &["all", "contacts", "contact_blacklist", "none"];

/// The settings and the values that each may have.
const SETTINGS: [(&str, &[&str]); 6] = [
    ("readreceipts", &["all", "none"]),
    ("profile", EVERYBODY),
    ("status", EVERYBODY),
    ("online", &["all", "match_last_seen"]),
    ("last", EVERYBODY),
    ("groupadd", EVERYBODY),
];

/// Who may see what; all six are required.
#[derive(ToSchema)]
pub struct UpdatePrivacy {
    /// `all` or `none`.
    readreceipts: String,
    /// `all`, `contacts`, `contact_blacklist` or `none`.
    profile: String,
    /// `all`, `contacts`, `contact_blacklist` or `none`.
    status: String,
    /// `all` or `match_last_seen`.
    online: String,
    /// `all`, `contacts`, `contact_blacklist` or `none`.
    last: String,
    /// `all`, `contacts`, `contact_blacklist` or `none`.
    groupadd: String,
}

impl Input for UpdatePrivacy {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let [readreceipts, profile, status, online, last, groupadd] = SETTINGS.map(|(name, values)| {
            let value = fields.required_text(name)?;
            if !values.contains(&value.as_str()) {
                fields.wrong(name, &format!("is not one of enum values: {}", values.join(",")));
            }
            Some(value)
        });
        Some(Self {
            readreceipts: readreceipts?,
            profile: profile?,
            status: status?,
            online: online?,
            last: last?,
            groupadd: groupadd?,
        })
    }
}

/// The settings that the contract shows, in its order.
fn shown(value: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
    SETTINGS.iter().map(|(name, _)| ((*name).to_owned(), json!(value(name)))).collect()
}

/// Who may see what.
pub async fn fetch(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let settings = working.privacy()?.settings().await.map_err(|error| instance.explain(error))?;
    let value = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    Ok(HttpResponse::Ok().json(shown(value)))
}

/// Changes who may see what; what is so already is left alone.
pub async fn update(
    instance: LocalInstance,
    Valid(body): Valid<UpdatePrivacy>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let privacy = working.privacy()?;
    let known = privacy.settings().await.map_err(|error| instance.explain(error))?;
    let UpdatePrivacy { readreceipts, profile, status, online, last, groupadd } = body;
    let wanted = [readreceipts, profile, status, online, last, groupadd];
    for ((name, _), value) in SETTINGS.iter().zip(&wanted) {
        if !known.iter().any(|(known, now)| known == name && now == value) {
            privacy.set(name, value).await.map_err(|error| instance.explain(error))?;
        }
    }
    let value = |name: &str| {
        let found = SETTINGS.iter().zip(&wanted).find(|((known, _), _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    Ok(HttpResponse::Created().json(json!({"update": "success", "data": shown(value)})))
}
