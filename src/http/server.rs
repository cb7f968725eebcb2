//! The server.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::path::Index;
use super::routes::{self, TABLE};
use super::{State, outer, tls};
use crate::config::server::Tls;

/// How long an idle connection of a client is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// How the server runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads; `None` is one per core.
    pub workers: Option<usize>,
    /// How long a stop waits for requests under way.
    pub stop_deadline: Duration,
    /// The files for HTTPS; plain HTTP when absent.
    pub tls: Option<Tls>,
}

/// Serves the API on a listener: the server is a future that the caller runs, the handle ends it.
///
/// # Errors
/// When the listener or the TLS files cannot be used.
pub fn serve(
    listener: TcpListener,
    options: &Options,
    state: Arc<State>,
) -> std::io::Result<(Server, ServerHandle)> {
    let index = web::Data::new(Index::new(TABLE));
    let state = web::Data::from(state);
    let server = HttpServer::new(move || app(state.clone(), index.clone()));
    let server = match options.workers {
        Some(workers) => server.workers(workers.max(1)),
        None => server,
    };
    let server = server
        .disable_signals()
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_DEADLINE)
        .shutdown_timeout(options.stop_deadline.as_secs());
    let server = match &options.tls {
        Some(files) => server.listen_rustls_0_23(listener, tls::server_config(files)?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    Ok((server, handle))
}

/// The application of one worker.
pub(super) fn app(
    state: web::Data<State>,
    index: web::Data<Index>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new().app_data(state).app_data(index).configure(routes::configure).wrap(from_fn(outer::outer))
}
