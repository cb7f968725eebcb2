//! Profiles: `POST /chat/fetchProfile`, `/chat/fetchBusinessProfile`, `/chat/updateProfileName`,
//! `/chat/updateProfileStatus`, `/chat/updateProfilePicture` and `DELETE /chat/removeProfilePicture`, each
//! with `/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::check;
use super::picture::{FetchPicture, look_up, own};
use crate::clock::rfc3339;
use crate::domain::Jid;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::Working;
use crate::media::Source;

/// Longest name, in characters, as WhatsApp has it.
const LONGEST_NAME: usize = 25;
/// Longest text about the account, in characters, as WhatsApp has it.
const LONGEST_ABOUT: usize = 139;

/// Whom a request asks for: the account itself when it does not say.
async fn asked(
    instance: &LocalInstance,
    state: &State,
    working: &Working,
    number: Option<Jid>,
) -> Result<(Jid, bool), Error> {
    let asked = number.map_or_else(|| own(instance), Ok)?;
    let known = check((instance, state), working, &asked).await?;
    Ok(known.map_or((asked, true), |known| (known.jid, known.exists)))
}

/// What an account tells about itself.
pub async fn fetch(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<FetchPicture>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (jid, exists) = asked(&instance, &state, &working, body.number).await?;
    if !exists {
        let nothing = json!({"wuid": jid, "numberExists": false, "picture": null, "status": null});
        return Ok(HttpResponse::Ok().json(nothing));
    }
    Ok(HttpResponse::Ok().json(shown(&instance, &working, &jid).await?))
}

async fn shown(instance: &LocalInstance, working: &Working, jid: &Jid) -> Result<Value, Error> {
    let picture = look_up(instance, working, jid).await?;
    let profiles = working.profiles()?;
    let about = profiles.about(jid).await.map_err(|error| instance.explain(error))?;
    let set_at = about.set_at.map(|seconds| rfc3339(seconds.saturating_mul(1000)));
    let mut shown = json!({
        "wuid": jid,
        "numberExists": true,
        "picture": picture,
        "status": about.text.as_ref().map(|text| json!({"status": text, "setAt": set_at})),
        "isBusiness": about.is_business,
    });
    if let Some(name) = name(instance, jid).await?.or(about.name) {
        shown["name"] = json!(name);
    }
    if about.is_business
        && let Some(business) = profiles.business(jid).await.map_err(|error| instance.explain(error))?
    {
        for field in ["email", "description", "website"] {
            shown[field] = match (field, &business[field]) {
                ("website", Value::Array(sites)) => json!(sites.first()),
                (_, value) => value.clone(),
            };
        }
    }
    Ok(shown)
}

/// The name of a contact that is on record, or the account's own.
async fn name(instance: &LocalInstance, jid: &Jid) -> Result<Option<String>, Error> {
    let view = instance.view();
    if view.owner.as_ref() == Some(jid) {
        return Ok(view.profile_name);
    }
    let contacts = instance.scope().contacts().by_jids(&[jid.to_string()]).await?;
    Ok(contacts.into_iter().next().and_then(|contact| contact.push_name.or(contact.saved_name)))
}

/// The profile of a business.
pub async fn business(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<FetchPicture>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (jid, exists) = asked(&instance, &state, &working, body.number).await?;
    let profile = if exists { working.profiles()?.business(&jid).await } else { Ok(None) };
    let profile = profile.map_err(|error| instance.explain(error))?;
    let Some(profile) = profile else {
        let nothing = json!({
            "isBusiness": false, "message": "Not is business profile", "jid": jid, "exists": exists, "number": jid,
        });
        return Ok(HttpResponse::Ok().json(nothing));
    };
    let mut shown = json!({"isBusiness": true});
    for (field, value) in profile {
        shown[field] = value;
    }
    Ok(HttpResponse::Ok().json(shown))
}

/// A text that must not be empty, and its most characters.
fn text(fields: &Fields<'_>, name: &str, most: usize) -> Option<String> {
    let text = fields.required_text(name)?;
    if text.trim().is_empty() {
        fields.problem(format!("The \"{name}\" cannot be empty"));
        return None;
    }
    if text.chars().count() > most {
        fields.wrong(name, &format!("does not meet maximum length of {most}"));
    }
    Some(text)
}

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({"update": "success"}))
}

/// The account's new name.
#[derive(ToSchema)]
pub struct UpdateName {
    /// Up to 25 characters.
    name: String,
}

impl Input for UpdateName {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { name: text(fields, "name", LONGEST_NAME)? })
    }
}

/// Changes the account's own name.
pub async fn set_name(
    instance: LocalInstance,
    Valid(body): Valid<UpdateName>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    working.profiles()?.set_name(&body.name).await.map_err(|error| instance.explain(error))?;
    Ok(done())
}

/// What the account tells about itself from now on.
#[derive(ToSchema)]
pub struct UpdateStatus {
    /// Up to 139 characters.
    status: String,
}

impl Input for UpdateStatus {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { status: text(fields, "status", LONGEST_ABOUT)? })
    }
}

/// Changes what the account tells about itself.
pub async fn set_about(
    instance: LocalInstance,
    Valid(body): Valid<UpdateStatus>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    working.profiles()?.set_about(&body.status).await.map_err(|error| instance.explain(error))?;
    Ok(done())
}

/// The account's new picture.
#[derive(ToSchema)]
pub struct UpdatePicture {
    /// A URL, a data URI or base64 of an image; its middle square is used.
    #[schema(value_type = String)]
    picture: Source,
}

impl Input for UpdatePicture {
    const FILES: &'static [&'static str] = &["picture"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { picture: fields.source("picture")? })
    }
}

/// Changes the account's own picture.
pub async fn set_picture(
    instance: LocalInstance,
    Valid(body): Valid<UpdatePicture>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let fetched = working.files()?.handle().fetch(body.picture).await;
    let picture = fetched.map_err(|error| Error::of_media(&error, "picture"))?.file;
    working.profiles()?.set_picture(&picture).await.map_err(|error| instance.explain(error))?;
    Ok(done())
}

/// Removes the account's own picture.
pub async fn remove_picture(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    working.profiles()?.remove_picture().await.map_err(|error| instance.explain(error))?;
    Ok(done())
}
