//! `POST /baileys/.../{instance}`: parts of the protocol for integrations that speak them.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::{Error, State};
use crate::domain::Jid;

/// Most addresses of one request.
const MOST: usize = 100;

/// One address. `timeoutMs` is accepted without effect: WhatsApp has twenty seconds to answer.
#[derive(ToSchema)]
pub struct One {
    /// The address.
    jid: String,
    /// `preview` or `image`: which picture.
    #[schema(rename = "type")]
    kind: Option<String>,
}

impl Input for One {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { jid: fields.filled_text("jid")?, kind: fields.text("type") })
    }
}

/// Several addresses. `force`, `useCache`, `ignoreZeroDevices` and `extraAttrs` are accepted without
/// effect: sessions are made where they are missing, devices are asked for when they are not known, and
/// all of them are listed.
#[derive(ToSchema)]
pub struct Several {
    /// The addresses, up to 100.
    jids: Vec<String>,
    /// A message in the API's form, to encrypt.
    #[schema(value_type = Option<Object>)]
    message: Option<String>,
}

impl Input for Several {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("jids") {
            fields.missing("jids");
            return None;
        }
        let jids = fields.texts("jids")?;
        if jids.is_empty() || jids.len() > MOST {
            fields.wrong("jids", &format!("must have 1 to {MOST} items"));
        }
        Some(Self { jids, message: fields.object("message").map(|message| message.as_json()) })
    }
}

/// A stanza.
#[derive(ToSchema)]
pub struct Stanza {
    /// `{tag, attrs, content}`.
    #[schema(value_type = Object)]
    stanza: Value,
}

impl Input for Stanza {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let stanza = fields.required_object("stanza")?;
        stanza.filled_text("tag")?;
        Some(Self { stanza: serde_json::from_str(&stanza.as_json()).ok()? })
    }
}

/// Whether a number is on WhatsApp.
pub async fn on_whatsapp(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<One>,
) -> Result<HttpResponse, Error> {
    let jid = Jid::parse(&body.jid).map_err(|error| Error::Schema(vec![format!("jid {error}")]))?;
    let working = instance.work().await?;
    let checks = state.known.check(instance.id(), working.numbers()?, &[jid]).await;
    let checks = checks.map_err(|error| instance.explain(error))?;
    let found = checks.iter().filter(|check| check.exists);
    let found: Vec<Value> = found.map(|check| json!({"jid": check.jid, "exists": true})).collect();
    Ok(HttpResponse::Ok().json(found))
}

/// Where somebody's picture is.
pub async fn picture(instance: LocalInstance, Valid(body): Valid<One>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let preview = body.kind.as_deref() != Some("image");
    let url = working.low_level()?.picture_url(&body.jid, preview).await;
    Ok(HttpResponse::Ok().json(url.map_err(|error| instance.explain(error))?))
}

/// Makes sure that messages to devices can be encrypted.
pub async fn sessions(instance: LocalInstance, Valid(body): Valid<Several>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let fetched = working.low_level()?.assert_sessions(&body.jids).await;
    Ok(HttpResponse::Ok().json(fetched.map_err(|error| instance.explain(error))?))
}

/// A message encrypted for every device of its recipients.
pub async fn participants(
    instance: LocalInstance,
    Valid(body): Valid<Several>,
) -> Result<HttpResponse, Error> {
    let missing = || Error::Schema(vec!["instance requires property \"message\"".to_owned()]);
    let message = body.message.ok_or_else(missing)?;
    let working = instance.work().await?;
    let made = working.low_level()?.participant_nodes(&body.jids, &message).await;
    let (nodes, identity) = made.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(json!({"nodes": nodes, "shouldIncludeDeviceIdentity": identity})))
}

/// The devices of users.
pub async fn devices(instance: LocalInstance, Valid(body): Valid<Several>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let devices = working.low_level()?.devices(&body.jids).await;
    Ok(HttpResponse::Ok().json(devices.map_err(|error| instance.explain(error))?))
}

/// An id for a stanza.
pub async fn tag(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let tag = working.low_level()?.message_tag().map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(tag))
}

/// Sends a stanza.
pub async fn node(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Stanza>,
) -> Result<HttpResponse, Error> {
    state.rates.charge(instance.id()).map_err(Error::TooMany)?;
    let working = instance.work().await?;
    let sent = working.low_level()?.send_node(&body.stanza).await;
    sent.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().finish())
}

/// Decrypting outside of the order of messages would make the account lose messages.
pub async fn decrypt(instance: LocalInstance) -> Result<HttpResponse, Error> {
    instance.work().await?;
    Err(Error::NotImplemented(
        "Messages are decrypted where they arrive, and told as messages.upsert".to_owned(),
    ))
}

/// Who the account is: never its keys.
pub async fn identity(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let identity = working.low_level()?.identity().map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(identity))
}
