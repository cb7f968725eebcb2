//! `GET /`: what this is.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::State;
use super::routes::TABLE;

/// The version of the API whose contract this is: clients compare it.
pub(super) const API_VERSION: &str = "2.3.6";

/// Says hello.
pub async fn handle(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let base = state.server.url.clone().unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    });
    let mut shown = json!({
        "status": 200,
        "message": "Welcome to Waggle, it is working!",
        "version": API_VERSION,
        "waggle": env!("CARGO_PKG_VERSION"),
        "clientName": state.public.client_name,
        "documentation": format!("{base}/docs"),
        "whatsappWebVersion": state.public.whatsapp_web_version,
    });
    if state.server.manager && TABLE.iter().any(|route| route.path.starts_with("/manager")) {
        shown["manager"] = json!(format!("{base}/manager"));
    }
    if state.public.simulator {
        shown["simulator"] = json!(true);
    }
    HttpResponse::Ok().json(shown)
}
