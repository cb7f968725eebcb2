//! `POST /business/getCatalog/{instance}` and `POST /business/getCollections/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::message::address;
use super::{Error, State};
use crate::channel::catalogue::{Part, Products};
use crate::channel::{Catalogue, Error as Failure};
use crate::domain::Jid;
use crate::instance::Working;

/// Products or collections of one answer, unless the caller says otherwise.
const USUAL: u32 = 10;
/// Most of them.
const MOST: u32 = 500;
/// Most that are asked for at once.
const AT_ONCE: u32 = 50;

/// A business to look at.
#[derive(ToSchema)]
pub struct Business {
    /// Its number; the account's own when absent.
    #[schema(value_type = Option<String>)]
    number: Option<Jid>,
    /// Most products or collections, 10 when absent.
    limit: Option<u32>,
    /// Where the part before ended.
    cursor: Option<String>,
}

impl Input for Business {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        // The contract wants a text here, and no number.
        let number = match fields.value("number") {
            None => None,
            Some(Value::String(_)) => Some(address(fields, "number")?),
            Some(_) => {
                fields.wrong("number", "is not of a type(s) string");
                return None;
            }
        };
        let limit = fields.integer("limit").map(|limit| u32::try_from(limit).unwrap_or(MOST).clamp(1, MOST));
        let cursor = fields.text("cursor").filter(|cursor| !cursor.is_empty());
        Some(Self { number, limit, cursor })
    }
}

/// A business as both answers begin; the second part says whether there is more to ask for.
async fn begun(
    (instance, state, working): (&LocalInstance, &State, &Working),
    number: Option<Jid>,
) -> Result<(Jid, Value, bool), Error> {
    let own = || instance.view().owner.ok_or_else(|| Error::NotConnected(instance.name().to_string()));
    let jid = match number {
        Some(number) => number,
        None => own()?,
    };
    let asked = std::slice::from_ref(&jid);
    let check = state.known.check(instance.id(), working.numbers()?, asked).await;
    let check = check.map_err(|error| instance.explain(error))?.pop();
    let exists = check.as_ref().is_some_and(|check| check.exists);
    let jid = check.filter(|check| check.exists).map_or(jid, |check| check.jid);
    let catalogue = working.catalogue()?;
    let business = if exists { catalogue.is_business(&jid).await } else { Ok(false) };
    let is_business = business.map_err(|error| instance.explain(error))?;
    let shown = json!({"wuid": jid, "numberExists": exists, "isBusiness": is_business});
    Ok((jid, shown, is_business))
}

async fn all(catalogue: &dyn Catalogue, jid: &Jid, wanted: Part) -> Result<Products, Failure> {
    let mut all = Products { items: Vec::new(), next: wanted.after };
    loop {
        let left = wanted.limit.saturating_sub(u32::try_from(all.items.len()).unwrap_or(u32::MAX));
        let part = Part { limit: left.min(AT_ONCE), after: all.next.take() };
        let found = catalogue.products(jid, &part).await?;
        let ended = found.items.is_empty() || found.items.len() as u64 >= u64::from(left);
        all.items.extend(found.items);
        all.next = found.next;
        if ended || all.next.is_none() {
            return Ok(all);
        }
    }
}

/// The products of a business.
pub async fn catalogue(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Business>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (jid, mut shown, is_business) = begun((&instance, &state, &working), body.number).await?;
    let part = Part { limit: body.limit.unwrap_or(USUAL), after: body.cursor };
    let products = if is_business {
        let found = all(working.catalogue()?, &jid, part).await;
        found.map_err(|error| instance.explain(error))?
    } else {
        Products::default()
    };
    shown["catalogLength"] = json!(products.items.len());
    shown["catalog"] = json!(products.items);
    if let Some(next) = products.next {
        shown["nextPageCursor"] = json!(next);
    }
    Ok(HttpResponse::Ok().json(shown))
}

/// The collections of a business.
pub async fn collections(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Business>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (jid, mut shown, is_business) = begun((&instance, &state, &working), body.number).await?;
    let collections = if is_business {
        let found = working.catalogue()?.collections(&jid, body.limit.unwrap_or(USUAL)).await;
        found.map_err(|error| instance.explain(error))?
    } else {
        Vec::new()
    };
    shown["collectionsLength"] = json!(collections.len());
    shown["collections"] = json!(collections);
    Ok(HttpResponse::Ok().json(shown))
}
