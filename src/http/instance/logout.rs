//! `DELETE|PUT|POST /instance/logout/{instance}`.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::json;

use crate::domain::ConnectionState;
use crate::http::Error;
use crate::http::extract::LocalInstance;

/// Longest time that WhatsApp may hold up a logout.
const DEADLINE: Duration = Duration::from_secs(8);

/// Unlinks the account.
pub async fn handle(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let view = instance.view();
    // A linked account may be closed (replaced by another client) and still has to be unlinked.
    if view.state == ConnectionState::Close && !view.paired {
        return Err(Error::NothingToEnd(instance.name().to_string()));
    }
    instance.logout(DEADLINE).await.map_err(|error| instance.explain(error))?;
    let message = json!({"message": "Instance logged out"});
    Ok(HttpResponse::Ok().json(json!({"status": "SUCCESS", "error": false, "response": message})))
}
