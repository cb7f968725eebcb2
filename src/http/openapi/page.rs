//! `GET /docs`: the document in Swagger UI, whose files are part of the binary.

use std::sync::Arc;

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use crate::http::{Error, State, routes};

/// Where the page finds the document: beside its own folder, behind whatever prefix a proxy has.
const DOCUMENT: &str = "../openapi.json";

/// `GET /docs`.
pub async fn index(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Error> {
    if !state.server.docs {
        return routes::no_route(request).await;
    }
    let base = state.server.url.as_deref().unwrap_or_default().trim_end_matches('/');
    let page = format!("{base}/docs/index.html");
    Ok(HttpResponse::Found().insert_header((LOCATION, page)).finish())
}

/// `GET /docs/{file}`.
pub async fn file(
    request: HttpRequest,
    state: web::Data<State>,
    name: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let config = Arc::new(Config::new([DOCUMENT]));
    let found = utoipa_swagger_ui::serve(&name, config).ok().flatten().filter(|_| state.server.docs);
    match found {
        Some(file) => Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, file.content_type))
            .body(file.bytes.into_owned())),
        None => routes::no_route(request).await,
    }
}
