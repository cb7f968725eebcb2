//! The `wa-sim` program.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use common::{http::exchange, within};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_runs_a_scenario_file() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("scenario.json");
    let steps = json!([{ "afterMs": 0, "fault": { "kind": "failLogins", "reason": 503, "count": 7 } }]);
    std::fs::write(&path, steps.to_string()).expect("write");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wa-sim"))
        .args(["--listen", "127.0.0.1:0", "--scenario"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let chat = lines.next().expect("line").expect("line");
    let address = chat.trim_start_matches("chat  ws://").trim_end_matches("/ws/chat");
    let address: SocketAddr = address.parse().expect("address");
    let failing = within("scenario", async {
        loop {
            let (_, body) = exchange(address, "GET", "/admin/faults", "text/plain", b"").await.expect("get");
            let faults: Value = serde_json::from_slice(&body).expect("json");
            if let Some(login) = faults["logins"].get(0) {
                return login["count"].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(failing, 7);
    child.kill().expect("kill");
    child.wait().expect("wait");
}
