//! The bare HTTP handler that the node is compared with: the same server, one fixed JSON answer.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;

use crate::process::Owned;

/// Path of the answer.
pub const PATH: &str = "/instance/connectionState/{name}";

async fn state(name: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"instance": {"instanceName": name.as_str(), "state": "open"}}))
}

/// Serves until the process is killed; the address is the first line of the output.
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

/// Starts the handler as a process of its own.
pub async fn start() -> anyhow::Result<(Owned, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--bare-http").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Owned(command.spawn()?);
    let out = child.0.stdout.take().context("no output")?;
    let out = tokio::fs::File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(out)));
    let mut line = String::new();
    tokio::io::BufReader::new(out).read_line(&mut line).await?;
    Ok((child, line.trim().parse()?))
}
