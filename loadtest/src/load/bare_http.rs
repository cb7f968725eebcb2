//! The bare HTTP handler that the nodes are compared with: the same server, one fixed JSON answer.

use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use serde_json::json;

use super::process::Owned;

/// Path of the answer.
const PATH: &str = "/instance/connectionState/{name}";
/// The hidden command that is this handler.
pub const COMMAND: &str = "bare-http";

async fn state(name: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"instance": {"instanceName": name.as_str(), "state": "open"}}))
}

/// Serves until the process is killed; the address is the first line of the output.
///
/// # Errors
/// When no port is free.
pub fn serve() -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", listener.local_addr()?)?;
        out.flush()?;
        drop(out);
        let server = HttpServer::new(|| App::new().route(PATH, web::get().to(state)));
        Ok(server.tcp_nodelay(true).listen(listener)?.run().await?)
    })
}

/// Starts the handler as a process of its own: this program with [`COMMAND`].
///
/// # Errors
/// When it cannot be started.
pub async fn start() -> anyhow::Result<(Owned, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Owned(command.spawn()?);
    let out = child.0.stdout.take().context("no output")?;
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    Ok((child, line.await??.trim().parse()?))
}
