//! `DELETE /group/leaveGroup/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{Nothing, OfGroup};
use crate::http::extract::LocalInstance;
use crate::http::{Error, State};

/// Leaves a group.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let answer = json!({"groupJid": group, "leave": true});
    let left = state.finish(async move { working.groups()?.leave(&group).await }).await?;
    left.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(answer))
}
