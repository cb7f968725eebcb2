//! `GET` and `POST /chat/resolveLid/{instance}`: both forms of an address.

use actix_web::HttpResponse;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Query, Valid};
use crate::http::fields::Fields;
use crate::http::message::address;

/// An address to resolve.
#[derive(ToSchema)]
pub struct Resolve {
    /// A phone number, a JID or a LID.
    #[schema(value_type = String)]
    jid: Jid,
}

impl Input for Resolve {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { jid: address(fields, fields.either(&["jid", "number"]))? })
    }
}

/// From what is on record, and then from what the connection knows.
async fn answer(instance: &LocalInstance, jid: &Jid) -> Result<HttpResponse, Error> {
    if !matches!(jid.kind(), JidKind::Phone | JidKind::Lid) {
        return Err(Error::Invalid("jid is not a phone number or a LID".to_owned()));
    }
    let pairs = instance.scope().addresses().pairs_of(&[jid.to_string()]).await?;
    if let Some(pair) = pairs.into_iter().next() {
        return Ok(HttpResponse::Ok().json(json!({"jid": pair.pn, "lid": pair.lid})));
    }
    let working = instance.work().await?;
    let forms = working.numbers()?.forms(jid).await;
    match forms.map_err(|error| instance.explain(error))? {
        (Some(phone), Some(lid)) => Ok(HttpResponse::Ok().json(json!({"jid": phone, "lid": lid}))),
        _ => Err(Error::NotFound(format!("The other form of {jid} is not known"))),
    }
}

/// Resolves the address in the query.
pub async fn get(instance: LocalInstance, query: Query) -> Result<HttpResponse, Error> {
    let missing = || Error::Invalid("jid is a required query parameter".to_owned());
    let asked = query.get("jid").or(query.get("number")).ok_or_else(missing)?;
    let jid = Jid::parse(asked).map_err(|error| Error::Invalid(format!("jid {error}")))?;
    answer(&instance, &jid).await
}

/// Resolves the address in the body.
pub async fn post(instance: LocalInstance, Valid(body): Valid<Resolve>) -> Result<HttpResponse, Error> {
    answer(&instance, &body.jid).await
}
