//! `POST /chat/whatsappNumbers/{instance}`: who is on WhatsApp.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::channel::NumberCheck;
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Most numbers of one request.
const MOST: usize = 500;

/// Numbers to look up.
#[derive(ToSchema)]
pub struct Numbers {
    /// Up to 500 phone numbers or JIDs.
    numbers: Vec<String>,
}

impl Input for Numbers {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("numbers") {
            fields.missing("numbers");
            return None;
        }
        let numbers = fields.texts("numbers")?;
        if numbers.len() > MOST {
            fields.wrong("numbers", &format!("does not meet maximum length of {MOST}"));
        }
        Some(Self { numbers })
    }
}

/// The answer about one input: only phone numbers are looked up, other addresses are what they are.
fn shown(written: &str, jid: Option<&Jid>, check: Option<&NumberCheck>) -> Value {
    let Some(jid) = jid else { return json!({"jid": written, "exists": false, "number": written}) };
    let Some(check) = check else { return json!({"jid": jid, "exists": true, "number": written}) };
    let mut shown = json!({"jid": check.jid, "exists": check.exists, "number": written});
    if let Some(name) = &check.name {
        shown["name"] = json!(name);
    }
    if let Some(lid) = &check.lid {
        shown["lid"] = json!(lid);
    }
    shown
}

/// Looks numbers up.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Numbers>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let parsed: Vec<Option<Jid>> = body.numbers.iter().map(|text| Jid::parse(text).ok()).collect();
    let is_phone = |jid: &&Jid| jid.kind() == JidKind::Phone;
    let phones: Vec<Jid> = parsed.iter().flatten().filter(is_phone).cloned().collect();
    let checks = state.known.check(instance.id(), working.numbers()?, &phones).await;
    let mut checks = checks.map_err(|error| instance.explain(error))?.into_iter();
    let answers = body.numbers.iter().zip(&parsed).map(|(written, jid)| {
        let check = jid.as_ref().filter(is_phone).and_then(|_| checks.next());
        shown(written, jid.as_ref(), check.as_ref())
    });
    Ok(HttpResponse::Ok().json(answers.collect::<Vec<_>>()))
}
