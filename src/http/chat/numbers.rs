//! `POST /chat/whatsappNumbers/{instance}`: who is on WhatsApp.

use std::collections::{HashMap, HashSet};

use actix_web::{HttpResponse, web};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::channel::{Error as Failure, NumberCheck};
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::Working;

/// Most numbers of one request.
const MOST: usize = 500;
/// Groups that are looked up at the same time.
const AT_ONCE: usize = 8;

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

/// The answer about one input: phone numbers and groups are looked up, other addresses are what they are.
fn shown(written: &str, jid: Option<&Jid>, check: Option<&NumberCheck>, names: &Names) -> Value {
    let Some(jid) = jid else { return json!({"jid": written, "exists": false, "number": written}) };
    let shown_jid = check.map_or(jid, |check| &check.jid);
    let exists = match jid.kind() {
        JidKind::Group => names.contains_key(jid.as_str()),
        _ => check.is_none_or(|check| check.exists),
    };
    let mut shown = json!({"jid": shown_jid, "exists": exists, "number": written});
    let name = names.get(shown_jid.as_str()).or(check.and_then(|check| check.name.as_ref()));
    if let Some(name) = name.filter(|_| exists) {
        shown["name"] = json!(name);
    }
    if let Some(lid) = check.and_then(|check| check.lid.as_ref()) {
        shown["lid"] = json!(lid);
    } else if jid.kind() == JidKind::Lid {
        // As the contract has it: the input is one.
        shown["lid"] = json!("lid");
    }
    shown
}

/// The names of contacts and of groups that exist, by their addresses.
type Names = HashMap<String, String>;

async fn names(instance: &LocalInstance, jids: impl Iterator<Item = &Jid>) -> Result<Names, Error> {
    let jids: Vec<String> = jids.map(ToString::to_string).collect();
    let contacts = instance.scope().contacts().by_jids(&jids).await?;
    let named = contacts.into_iter().filter_map(|contact| {
        let name = contact.push_name.or(contact.saved_name)?;
        Some((contact.remote_jid, name))
    });
    Ok(named.collect())
}

/// The names of the groups among some addresses that the account can see.
async fn groups(
    instance: &LocalInstance,
    working: &Working,
    jids: impl Iterator<Item = &Jid>,
) -> Result<Names, Error> {
    let Ok(groups) = working.groups() else { return Ok(Names::new()) };
    let asked: HashSet<&Jid> = jids.filter(|jid| jid.kind() == JidKind::Group).collect();
    let looks = asked.into_iter().map(|jid| async move {
        match groups.find(jid).await {
            Ok(group) => Ok(Some((jid.to_string(), group.subject))),
            Err(Failure::NotFound(_) | Failure::NotAllowed(_) | Failure::Invalid { .. }) => Ok(None),
            Err(error) => Err(instance.explain(error)),
        }
    });
    let found: Vec<Option<(String, String)>> =
        stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
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
    let checks = checks.map_err(|error| instance.explain(error))?;
    let found = checks.iter().map(|check| &check.jid);
    let others = parsed.iter().flatten().filter(|jid| !matches!(jid.kind(), JidKind::Phone | JidKind::Group));
    let mut names = names(&instance, found.chain(others)).await?;
    names.extend(groups(&instance, &working, parsed.iter().flatten()).await?);
    let mut checks = checks.iter();
    let answers = body.numbers.iter().zip(&parsed).map(|(written, jid)| {
        let check = jid.as_ref().filter(is_phone).and_then(|_| checks.next());
        shown(written, jid.as_ref(), check, &names)
    });
    Ok(HttpResponse::Ok().json(answers.collect::<Vec<_>>()))
}
