//! `POST|PUT /instance/restart/{instance}`.

use actix_web::HttpResponse;

use super::connect::{PATIENCE, shown};
use crate::http::Error;
use crate::http::extract::LocalInstance;

/// Ends the connection and makes a new one.
pub async fn handle(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let connecting = instance.restart(PATIENCE).await.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(shown(&instance, &connecting)))
}
