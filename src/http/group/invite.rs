//! Links by which one joins a group.

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::{InviteCode, Nothing, OfGroup, shown, users};
use crate::channel::Content;
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{Input, LocalInstance};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::{Handle, Send, Working};

fn link(code: &str) -> String {
    format!("https://chat.whatsapp.com/{code}")
}

/// The link of a group.
pub async fn code(
    instance: LocalInstance,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let code = working.groups()?.invite_code(&group, false).await.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(json!({"inviteUrl": link(&code), "inviteCode": code})))
}

/// Ends the link of a group, and makes another.
pub async fn revoke(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let renewed = state.finish(async move { working.groups()?.invite_code(&group, true).await }).await?;
    let code = renewed.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"revoked": true, "inviteCode": code})))
}

/// The group that a link leads to.
pub async fn info(instance: LocalInstance, InviteCode(code): InviteCode) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let group = working.groups()?.by_invite(&code).await.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(shown(&group, true)))
}

/// Joins by a link. `accepted` is false while admins have yet to agree.
pub async fn accept(
    instance: LocalInstance,
    state: web::Data<State>,
    InviteCode(code): InviteCode,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let joined = state.finish(async move { working.groups()?.join(&code).await }).await?;
    let joined = joined.map_err(|error| instance.explain(error))?;
    let mut answer = json!({"accepted": !joined.pending, "groupJid": joined.group});
    if joined.pending {
        answer["pending"] = json!(true);
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// A link to send.
#[derive(ToSchema)]
pub struct SendInvite {
    /// What stands above the link.
    description: String,
    /// Phone numbers, JIDs or LIDs.
    #[schema(value_type = Vec<String>)]
    numbers: Vec<Jid>,
}

impl Input for SendInvite {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let description = fields.required_text("description");
        let numbers = users(fields, "numbers");
        Some(Self { description: description?, numbers: numbers? })
    }
}

/// Sends the link of a group to some contacts, as a text. `failed` says who did not get it, when others
/// did.
pub async fn send(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, body }: OfGroup<SendInvite>,
) -> Result<HttpResponse, Error> {
    let numbers = recipients(&instance, &state, body.numbers).await?;
    let working = instance.work().await?;
    let code = working.groups()?.invite_code(&group, false).await.map_err(|error| instance.explain(error))?;
    let url = link(&code);
    let text = format!("{}\n\n{url}", body.description);
    let (mut failed, mut over): (Vec<(&Jid, Error)>, Option<Error>) = (Vec::new(), None);
    for number in &numbers {
        let sent = match &over {
            None => invite((&instance, &state, &working), number, text.trim()).await,
            Some(error) => Err(error.clone()),
        };
        if let Err(error) = sent {
            // What is not about this number alone is so for those that follow.
            over = over.or_else(|| Some(error.clone()).filter(|error| !is_about_one(error)));
            failed.push((number, error));
        }
    }
    match failed.first() {
        Some((_, error)) if failed.len() == numbers.len() => return Err(error.clone()),
        _ => {}
    }
    let mut answer = json!({"send": failed.is_empty(), "inviteUrl": url});
    if !failed.is_empty() {
        let shown = |(number, error): &(&Jid, Error)| json!({"jid": number, "status": error.code().as_u16(), "message": error.message()});
        answer["failed"] = failed.iter().map(shown).collect();
    }
    Ok(HttpResponse::Ok().json(answer))
}

const fn is_about_one(error: &Error) -> bool {
    matches!(error, Error::Refused(_) | Error::Invalid(_))
}

async fn invite(
    (instance, state, working): (&LocalInstance, &State, &Working),
    number: &Jid,
    text: &str,
) -> Result<(), Error> {
    state.rates.charge(instance.id()).map_err(Error::TooMany)?;
    let content = Content::Text { text: text.to_owned(), link_preview: true };
    let composed = working.messages().compose(number, content.into()).await;
    let prepared = composed.map_err(|error| instance.explain(error))?;
    let handle = Handle::clone(instance);
    let sent = state.finish(async move { handle.send(prepared, Send::default()).await }).await?;
    sent.map_err(|error| instance.explain(error)).map(drop)
}

/// All of them, when all of them are on WhatsApp.
async fn recipients(instance: &LocalInstance, state: &State, asked: Vec<Jid>) -> Result<Vec<Jid>, Error> {
    let working = instance.work().await?;
    let (phones, mut numbers): (Vec<Jid>, Vec<Jid>) =
        asked.into_iter().partition(|jid| jid.kind() == JidKind::Phone);
    let checks = state.known.check(instance.id(), working.numbers()?, &phones).await;
    let checks = checks.map_err(|error| instance.explain(error))?;
    let absent = checks.iter().filter(|check| !check.exists);
    let absent = absent.map(|check| json!({"jid": check.jid, "exists": false, "number": check.asked.user()}));
    let absent: Vec<_> = absent.collect();
    if !absent.is_empty() {
        return Err(Error::NotOnWhatsApp(absent));
    }
    numbers.extend(checks.into_iter().map(|check| check.jid));
    Ok(numbers)
}
