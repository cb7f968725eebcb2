//! `POST /verify-creds`: whether a key is the global one.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;
use super::extract::GlobalKey;

/// Answers the holder of the global key, with what embedded signup needs where it is configured.
pub async fn handle(_: GlobalKey, state: web::Data<State>) -> HttpResponse {
    let business = &state.business;
    let mut shown = json!({"status": 200, "message": "Credentials are valid"});
    let user_token = business.facebook_user_token.as_ref().map(|token| token.expose());
    for (name, value) in [
        ("facebookAppId", business.facebook_app_id.as_deref()),
        ("facebookConfigId", business.facebook_config_id.as_deref()),
        ("facebookUserToken", user_token),
    ] {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    HttpResponse::Ok().json(shown)
}
