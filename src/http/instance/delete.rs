//! `DELETE /instance/delete/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::http::extract::LocalInstance;
use crate::http::{Error, State};
use crate::instance::Handle;

/// Deletes an instance: it is gone for every reader when this answers.
pub async fn handle(instance: LocalInstance, state: web::Data<State>) -> Result<HttpResponse, Error> {
    let (registry, handle) = (state.registry.clone(), Handle::clone(&instance));
    let work = async move { registry.delete(&handle).await };
    state.finish(work).await?.map_err(|error| instance.explain(error))?;
    let message = json!({"message": "Instance deleted"});
    Ok(HttpResponse::Ok().json(json!({"status": "SUCCESS", "error": false, "response": message})))
}
