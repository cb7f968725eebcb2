//! `GET /webhook/deadLetters/{instance}` and `POST /webhook/redrive/{instance}`: events that could
//! not be delivered, and another try.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::extract::{Input, LocalInstance, Query, Valid};
use super::fields::Fields;
use crate::clock::rfc3339;
use crate::db::DeadLetter;

/// Most letters of one answer, and of one redrive without a list.
const MOST: u64 = 500;
/// Letters of one answer when nobody says how many.
const USUAL: u64 = 50;

/// Which letters to deliver again.
#[derive(ToSchema)]
pub struct Redrive {
    /// Their ids; absent is the newest 500.
    #[schema(value_type = Option<Vec<String>>)]
    ids: Option<Vec<Uuid>>,
}

impl Input for Redrive {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("ids") {
            return Some(Self { ids: None });
        }
        let ids: Option<Vec<Uuid>> = fields.texts("ids")?.iter().map(|id| id.parse().ok()).collect();
        match ids {
            Some(ids) if ids.len() as u64 <= MOST => Some(Self { ids: Some(ids) }),
            _ => {
                fields.wrong("ids", &format!("is not a list of up to {MOST} ids"));
                None
            }
        }
    }
}

fn shown(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "sink": letter.sink,
        "sequence": letter.sequence,
        "eventId": letter.event.id,
        "event": letter.event.kind.wire(),
        "data": letter.event.data,
        "target": letter.failure.target,
        "attempts": letter.failure.attempts,
        "lastStatus": letter.failure.last_status,
        "lastError": letter.failure.last_error,
        "createdAt": rfc3339(letter.created_at),
    })
}

fn number(query: &Query, name: &str, otherwise: u64) -> Result<u64, Error> {
    let wrong = || Error::Schema(vec![format!("{name} is not of a type(s) integer")]);
    query.get(name).map_or(Ok(otherwise), |text| text.parse().map_err(|_| wrong()))
}

/// A part of the list, newest first.
pub async fn list(instance: LocalInstance, query: Query) -> Result<HttpResponse, Error> {
    let (take, skip) = (number(&query, "take", USUAL)?.min(MOST), number(&query, "skip", 0)?);
    let letters = instance.scope().dead_letters();
    let (records, total) = (letters.list(take, skip).await?, letters.count().await?);
    let records: Vec<Value> = records.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({"total": total, "records": records})))
}

/// Delivers again.
pub async fn redrive(instance: LocalInstance, Valid(body): Valid<Redrive>) -> Result<HttpResponse, Error> {
    let letters = instance.scope().dead_letters();
    let ids = match body.ids {
        Some(ids) => ids,
        None => letters.list(MOST, 0).await?.iter().map(|letter| letter.id).collect(),
    };
    let redriven = letters.redrive(&ids).await?;
    Ok(HttpResponse::Ok().json(json!({"redriven": redriven})))
}
