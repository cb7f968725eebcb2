//! `POST` and `GET /chat/fetchProfilePictureUrl/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::check;
use crate::domain::EventKind;
use crate::domain::Jid;
use crate::events::Write;
use crate::http::extract::{Input, LocalInstance, Query, Valid};
use crate::http::fields::Fields;
use crate::http::message::address;
use crate::http::{Error, State};
use crate::instance::Working;

/// Whose picture.
#[derive(ToSchema)]
pub struct FetchPicture {
    /// A phone number, a JID, a LID or a group; the account itself when absent.
    #[schema(value_type = Option<String>)]
    pub(super) number: Option<Jid>,
}

impl Input for FetchPicture {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let number = if fields.has("number") { Some(address(fields, "number")?) } else { None };
        Some(Self { number })
    }
}

/// The account's own address.
pub(super) fn own(instance: &LocalInstance) -> Result<Jid, Error> {
    instance.view().owner.ok_or_else(|| Error::NotConnected(instance.name().to_string()))
}

/// Looks a picture up, and keeps its address where the contact is on record.
pub(super) async fn look_up(
    instance: &LocalInstance,
    working: &Working,
    of: &Jid,
) -> Result<Option<String>, Error> {
    let url = working.profiles()?.picture(of).await.map_err(|error| instance.explain(error))?;
    let contacts = instance.scope().contacts().by_jids(&[of.to_string()]).await?;
    if contacts.first().is_some_and(|contact| contact.profile_pic_url != url) {
        let data = json!([{"remoteJid": of, "profilePicUrl": url, "instanceId": instance.id()}]);
        let events = instance.journal().event(EventKind::ContactsUpdate, &data);
        let (remote_jid, profile_pic_url) = (of.to_string(), url.clone());
        let write = Write::ContactPicture { remote_jid, profile_pic_url, events };
        instance.journal().commit(vec![write]).await.map_err(|error| instance.explain(error))?;
    }
    Ok(url)
}

async fn answer(instance: &LocalInstance, state: &State, of: Option<Jid>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let of = of.map_or_else(|| own(instance), Ok)?;
    let url = match check((instance, state), &working, &of).await? {
        Some(check) if !check.exists => None,
        Some(check) => look_up(instance, &working, &check.jid).await?,
        None => look_up(instance, &working, &of).await?,
    };
    Ok(HttpResponse::Ok().json(json!({"wuid": of, "profilePictureUrl": url})))
}

/// Where the picture of the number in the body is.
pub async fn post(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<FetchPicture>,
) -> Result<HttpResponse, Error> {
    answer(&instance, &state, body.number).await
}

/// Where the picture of the number in the query is.
pub async fn get(
    instance: LocalInstance,
    state: web::Data<State>,
    query: Query,
) -> Result<HttpResponse, Error> {
    let number = query.get("number").map(Jid::parse).transpose();
    let number = number.map_err(|error| Error::Invalid(format!("number {error}")))?;
    answer(&instance, &state, number).await
}
