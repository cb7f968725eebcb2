//! `GET /instance/fetchInstances`.

use actix_web::{HttpResponse, web};

use super::row::{Sight, shown};
use crate::auth::Principal;
use crate::db::{InstanceFilter, Listed};
use crate::domain::{InstanceId, InstanceName, Jid};
use crate::http::error::shortened;
use crate::http::extract::{AnyKey, Query};
use crate::http::{Error, State};

/// What a request asks for; a text that cannot be a name or an id is one that does not exist.
fn filter(query: &Query) -> Result<InstanceFilter, Error> {
    let absent = |text: &str| Error::NotFound(format!("Instance \"{}\" not found", shortened(text)));
    let name = query.get("instanceName").map(|name| name.parse::<InstanceName>().map_err(|_| absent(name)));
    let id = query.get("instanceId").map(|id| id.parse().map(InstanceId).map_err(|_| absent(id)));
    let number = query
        .get("number")
        .map(|number| Jid::parse(number).map_or_else(|_| number.to_owned(), |jid| jid.user().to_owned()));
    Ok(InstanceFilter { name: name.transpose()?, id: id.transpose()?, number, client_name: None })
}

/// What a token sees: its own instance, whatever else it asks for.
async fn own(id: InstanceId, filter: InstanceFilter, state: &State) -> Result<InstanceFilter, Error> {
    let own_name = match state.registry.by_id(id) {
        Some(handle) => Some(handle.name().clone()),
        None => state.database.instances().by_id(id).await?.map(|row| row.name),
    };
    let other_name = filter.name.is_some() && filter.name != own_name;
    if other_name || filter.id.is_some_and(|asked| asked != id) {
        return Err(Error::Forbidden);
    }
    Ok(InstanceFilter { id: Some(id), ..filter })
}

/// Lists instances.
pub async fn handle(
    AnyKey(caller): AnyKey,
    query: Query,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    let filter = match caller {
        // Several client names share a database and not their instances.
        Principal::Global => {
            InstanceFilter { client_name: Some(state.public.client_name.clone()), ..filter(&query)? }
        }
        Principal::Instance(id) => own(id, filter(&query).map_err(|_| Error::Forbidden)?, &state).await?,
    };
    let listed = state.database.instances().list(&filter).await?;
    if listed.is_empty() && (filter.name.is_some() || filter.id.is_some()) {
        let asked = query.get("instanceName").or(query.get("instanceId")).unwrap_or_default();
        return Err(Error::NotFound(format!("Instance \"{}\" not found", shortened(asked))));
    }
    let with_token = matches!(caller, Principal::Instance(_)) || state.expose_tokens;
    let sight = |listed: &Listed| {
        let running = state.registry.by_id(listed.instance.id).map(|handle| handle.view());
        Sight { running, with_token }
    };
    let sights: Vec<Sight> = listed.iter().map(sight).collect();
    let list = listed.iter().zip(&sights).map(|(listed, sight)| shown(listed, sight));
    Ok(HttpResponse::Ok().json(list.collect::<Vec<_>>()))
}
