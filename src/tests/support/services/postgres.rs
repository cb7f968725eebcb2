//! PostgreSQL.

use std::path::PathBuf;

use super::Server;
use super::server::program;

const FOLDER: &str = "/usr/lib/postgresql";

pub async fn start() -> Server {
    let bin = newest().unwrap_or_default();
    let initdb = program(Some(bin.join("initdb")), "postgresql");
    let postgres = program(Some(bin.join("postgres")), "postgresql");
    let script = format!(
        "set -e; folder=$(mktemp -d)
         {initdb} -D $folder -U waggle -A trust -E UTF8 --locale=C --no-sync
         {postgres} -D $folder -h 127.0.0.1 -p $PORT -k '' \
           -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 &
         server=$!"
    );
    Server::start("postgres", &script, |port| format!("postgres://waggle@127.0.0.1:{port}/postgres")).await
}

/// The folder of the newest version's programs.
fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir(FOLDER).ok()?.filter_map(Result::ok);
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    Some(PathBuf::from(FOLDER).join(newest.to_string()).join("bin"))
}
