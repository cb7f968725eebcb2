//! What a process without the API serves: health and metrics.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::ContentType;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use super::{health, metrics, tls};
use crate::config::{self, server::Tls};
use crate::db::Database;

/// Threads: only probes and scrapes come here.
const WORKERS: usize = 1;

/// What is told about a process; made once by the composition root.
pub struct Probes {
    /// The database, which has to answer.
    pub database: Database,
    /// Whether the message broker is connected.
    pub is_connected: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether nobody stops the process.
    pub is_serving: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The metrics page's section.
    pub metrics: config::Metrics,
    /// Renders the recorded metrics as text.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Serves `/health/live`, `/health/ready` and `/metrics` on a listener: the server is a future that
/// the caller runs, the handle ends it.
///
/// # Errors
/// When the listener or the TLS files cannot be used.
pub fn serve_probes(
    listener: TcpListener,
    tls: Option<&Tls>,
    probes: Probes,
) -> std::io::Result<(Server, ServerHandle)> {
    let probes = web::Data::new(probes);
    let app = move || {
        App::new()
            .app_data(probes.clone())
            .route("/health/live", web::get().to(health::live))
            .route("/health/ready", web::get().to(ready))
            .route("/metrics", web::get().to(page))
    };
    let server = HttpServer::new(app).workers(WORKERS).disable_signals().shutdown_timeout(1);
    let server = match tls {
        Some(files) => server.listen_rustls_0_23(listener, tls::server_config(files)?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    Ok((server, handle))
}

async fn ready(probes: web::Data<Probes>) -> HttpResponse {
    let database = tokio::time::timeout(health::DATABASE, probes.database.ping()).await;
    health::answer(&[
        ("database", matches!(database, Ok(Ok(())))),
        ("rabbitmq", (probes.is_connected)()),
        ("serving", (probes.is_serving)()),
    ])
}

async fn page(request: HttpRequest, probes: web::Data<Probes>) -> HttpResponse {
    if !probes.metrics.enabled {
        return HttpResponse::NotFound().finish();
    }
    let answer =
        || HttpResponse::Ok().insert_header(ContentType::plaintext()).body((probes.render_metrics)());
    metrics::refusal(&request, &probes.metrics).unwrap_or_else(answer)
}
