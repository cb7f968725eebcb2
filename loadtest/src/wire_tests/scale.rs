//! Many connections and the relay of one server thread; a measurement when it is given a number of them:
//! `WA_SIM_CONNECTIONS=9900 cargo test --release -p waggle-loadtest --lib -- --nocapture one_thread_carries`.
//!
//! Client and server share the process, so it needs two file descriptors per connection; the figures of the
//! server are those of its only thread. Messages are random bytes: contacts, who would decrypt, take no part.
//!
//! In the development profile on two cores shared with other builds: 9,900 logins in 7.8 s (0.4 ms of server
//! CPU each), 24 KiB of memory per connection with both of its ends, and 198,000 messages
//! with receipts both ways at 11,700/s, the server's share of which was 8.4 CPU s (23,600/s per core).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::runtime::Builder;
use wacore_binary::Node;
use wacore_libsignal::protocol::KeyPair;

use super::{client::WireClient, paired};
use crate::{
    Options, Simulator,
    wire::nodes::{el, jid},
};

/// Connections, unless `WA_SIM_CONNECTIONS` says how many.
const CONNECTIONS: usize = 200;
/// Messages each of them sends.
const MESSAGES: usize = 20;
/// Messages on their way per connection.
const WINDOW: usize = 4;

/// CPU seconds of a thread of this process.
fn cpu_seconds(thread: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
    for task in tasks.flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((_, rest)) = stat.split_once(')') else { continue };
        if stat.contains(&format!("({thread})")) {
            let fields: Vec<f64> = rest.split_whitespace().filter_map(|field| field.parse().ok()).collect();
            // After the state letter: user and system time are the 11th and 12th numbers, in ticks of 10 ms.
            return (fields[10] + fields[11]) / 100.0;
        }
    }
    0.0
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1_024
}

fn message(to: &str, n: usize) -> Node {
    let enc = el("enc").attr("v", "2").attr("type", "msg").bytes(vec![0x33; 120]).build();
    let target = el("to").attr("jid", format!("{to}:1@s.whatsapp.net")).children([enc]).build();
    el("message")
        .attr("to", format!("{to}@s.whatsapp.net"))
        .attr("id", format!("3EB0{n:016X}"))
        .attr("type", "text")
        .children([el("participants").children([target]).build()])
        .build()
}

/// Sends to the partner and confirms what comes, until both directions are complete. The connection is given
/// back open: closing it could lose what is on its way to the partner.
async fn talk(mut client: WireClient, partner: &str, relayed: &AtomicU64) -> anyhow::Result<WireClient> {
    let (mut sent, mut delivered, mut got) = (0, 0, 0);
    while delivered < MESSAGES || got < MESSAGES {
        while sent < MESSAGES && sent - delivered < WINDOW {
            client.send(&[message(partner, sent)]).await?;
            sent += 1;
        }
        let node = client.receive().await?;
        let node = node.get();
        match node.tag.as_ref() {
            "message" => {
                let id = node.get_attr("id").map(|id| id.as_str().into_owned()).unwrap_or_default();
                let from = jid(node, "from").expect("from");
                client.send(&[el("receipt").attr("to", from).attr("id", id).build()]).await?;
                relayed.fetch_add(1, Ordering::Relaxed);
                got += 1;
            }
            "receipt" => {
                let id = node.get_attr("id").map(|id| id.as_str().into_owned()).unwrap_or_default();
                let to = jid(node, "from").expect("from");
                client
                    .send(&[el("ack").attr("class", "receipt").attr("id", id).attr("to", to).build()])
                    .await?;
                delivered += 1;
            }
            _ => {}
        }
    }
    Ok(client)
}

/// An even number: they talk in pairs.
#[expect(clippy::disallowed_methods, reason = "a measurement's only parameter")]
fn connections() -> usize {
    let wanted = std::env::var("WA_SIM_CONNECTIONS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(CONNECTIONS).next_multiple_of(2)
}

#[test]
#[expect(clippy::print_stderr, reason = "a measurement reports to who started it")]
fn one_thread_carries_all_connections() {
    let connections = connections();
    let (handed, handle) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::Builder::new().name("server".into()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let simulator = Simulator::start(Options::default()).await.expect("simulator");
            handed.send((simulator.handle(), simulator.addr())).expect("hand over");
            let _ = stopped.await;
            simulator.shutdown().await.expect("shutdown");
        });
    });
    let (handle, address) = handle.recv().expect("server");
    let numbers: Vec<String> = (0..connections).map(|n| format!("55119{n:08}")).collect();
    let keys: Vec<KeyPair> = numbers.iter().map(|phone| paired(&handle.world, phone).1).collect();
    let before = memory_mib();
    let relayed = Arc::new(AtomicU64::new(0));
    let runtime = Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let started = Instant::now();
        let mut clients = Vec::new();
        for (phone, key) in numbers.iter().zip(&keys) {
            clients.push(WireClient::login(address, phone, key).await.expect("login"));
        }
        eprintln!(
            "{connections} logins in {:.1} s, server {:.1} CPU s; memory {before} -> {} MiB (both sides)",
            started.elapsed().as_secs_f64(),
            cpu_seconds("server"),
            memory_mib(),
        );
        let (started, busy) = (Instant::now(), cpu_seconds("server"));
        let mut tasks = tokio::task::JoinSet::new();
        for (index, client) in clients.into_iter().enumerate() {
            let (relayed, partner) = (relayed.clone(), numbers[index ^ 1].clone());
            tasks.spawn(async move { talk(client, &partner, &relayed).await });
        }
        let mut finished = Vec::new();
        while let Some(outcome) = tasks.join_next().await {
            finished.push(outcome.expect("task").expect("talk"));
        }
        let (elapsed, busy) = (started.elapsed().as_secs_f64(), cpu_seconds("server") - busy);
        let count = relayed.load(Ordering::Relaxed) as f64;
        eprintln!(
            "{count} messages with receipts in {elapsed:.1} s: {:.0}/s; server {busy:.1} CPU s: {:.0}/s per core",
            count / elapsed,
            count / busy,
        );
    });
    assert_eq!(handle.stats().dropped, 0);
    assert_eq!(relayed.load(Ordering::Relaxed), (connections * MESSAGES) as u64);
    drop(stop);
    server.expect("server").join().expect("server");
}
