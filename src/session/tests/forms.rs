//! The store in Redis behind every form of address.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionLike as _;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::redis_server::{Process, RedisServer, free_port};
use super::support::{InMemory, link};
use crate::cluster::{self, Beat, Me, NodeState, Roll as _};
use crate::config::redis_address::Address;
use crate::domain::NodeId;
use crate::redis_link::Link;
use crate::session::conformance::{Harness as _, put, suite};
use crate::session::redis::Redis;
use crate::session::{Batch, Durability, Error};

const PATIENCE: Duration = Duration::from_secs(30);

fn over(link: Link) -> InMemory {
    InMemory::new().wrapped(|_, clock| Arc::new(Redis::new(link, "test", clock)))
}

/// Waits until a condition holds.
async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let all = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "{what}: not within {PATIENCE:?}");
}

async fn answers(link: &Link) -> bool {
    link.clone().req_packed_command(&redis::cmd("PING")).await.is_ok()
}

fn batch(key: &[u8]) -> Batch {
    Batch { changes: vec![put("k", key, "v")], durability: Durability::Durable }
}

/// Signs of life pass through the link too.
async fn carries_a_roll(link: Link) {
    let me =
        Me { id: NodeId("n".to_owned()), client_name: "c".to_owned(), url: "http://n".to_owned(), weight: 1 };
    let roll = cluster::Redis::new(link, "test", me, Duration::from_secs(5));
    for _ in 0..2 {
        let Beat::Seen(view) = roll.beat(NodeState::Active).await.unwrap() else { panic!("replaced") };
        assert_eq!(view.nodes.len(), 1);
    }
    roll.leave().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_a_password_and_rights_on_its_own_keys() {
    let rules = ["--user", "waggle", "on", ">s:cret", "resetkeys", "~test:*", "+@all", "-@dangerous"];
    let server = RedisServer::start_with(&rules).await;
    let url = |password: &str| format!("redis://waggle:{password}@127.0.0.1:{}/1", server.port);
    suite(&over(link(&url("s%3Acret")))).await;
    let refused = over(link(&url("wrong-secret")));
    let owner = refused.instance().await;
    let Err(Error::Unavailable(why)) = refused.store().apply(owner, batch(b"k")).await else {
        panic!("let in")
    };
    assert!(!format!("{why} {why:?}").contains("wrong-secret"), "{why:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_with_a_ca_of_its_own() {
    crate::net::install_crypto();
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (port, file) = (free_port().to_string(), certificate.display().to_string());
    let arguments = ["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1", "--save", ""];
    let tls = ["--tls-cert-file", &file, "--tls-ca-cert-file", &file, "--tls-auth-clients", "no"];
    let key = ["--tls-key-file", &key.display().to_string()].map(str::to_owned);
    let key = [key[0].as_str(), key[1].as_str()];
    let mut process = Process::start(&[&arguments[..], &tls[..], &key[..]].concat());
    let address = Address::parse(&format!("rediss://127.0.0.1:{port}/")).unwrap();
    let trusting = Address { ca: Some(certificate), ..address.clone() };
    let trusting = Link::new(&trusting, Duration::from_secs(2)).unwrap();
    eventually("Redis answers over TLS", async || {
        process.check();
        answers(&trusting).await
    })
    .await;
    suite(&over(trusting)).await;
    let public = Link::new(&address, Duration::from_secs(2)).unwrap();
    assert!(!answers(&public).await, "a certificate that nobody vouches for is accepted");
    let missing = Address { ca: Some(folder.path().join("none.pem")), ..address };
    assert!(Link::new(&missing, Duration::from_secs(2)).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinels_the_store_follows_the_master() {
    let folder = TempDir::new().unwrap();
    let mut master = RedisServer::start().await;
    let follow = ["--replicaof", "127.0.0.1", &master.port.to_string()].map(str::to_owned);
    let replica = RedisServer::start_with(&follow.each_ref().map(String::as_str)).await;
    eventually("the replica follows", async || {
        let info: String = master.ask(redis::cmd("INFO").arg("replication")).await.unwrap();
        info.contains("state=online")
    })
    .await;
    let (port, config) = (free_port(), folder.path().join("sentinel.conf"));
    let lines = [
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("sentinel monitor waggle 127.0.0.1 {} 1", master.port),
        "sentinel down-after-milliseconds waggle 500".to_owned(),
        "sentinel failover-timeout waggle 5000".to_owned(),
    ];
    std::fs::write(&config, lines.join("\n")).unwrap();
    let _sentinel = Process::start(&[&config.display().to_string(), "--sentinel"]);
    // The first of them is away.
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{port}/waggle/1", free_port());
    let link = link(&url);
    eventually("a Sentinel knows the master", async || answers(&link).await).await;
    suite(&over(link.clone())).await;
    carries_a_roll(link.clone()).await;

    let harness = over(link);
    let (store, owner) = (harness.store(), harness.instance().await);
    store.apply(owner, batch(b"before")).await.unwrap();
    let followed: i64 = master.ask(redis::cmd("WAIT").arg(1).arg(10_000)).await.unwrap();
    assert_eq!(followed, 1);
    let watch = RedisUrl(format!("redis://127.0.0.1:{port}/"));
    eventually("the Sentinel knows the replica", async || watch.knows_a_replica().await).await;
    master.stop();
    eventually("the store works again", async || store.apply(owner, batch(b"after")).await.is_ok()).await;
    let rows = store.scan(owner, "k", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), [&b"after"[..], b"before"]);
    let role: (String, redis::Value, redis::Value) = replica.ask(&redis::cmd("ROLE")).await.unwrap();
    assert_eq!(role.0, "master");
}

/// A Sentinel to ask.
struct RedisUrl(String);

impl RedisUrl {
    async fn knows_a_replica(&self) -> bool {
        let client = redis::Client::open(self.0.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut ask = redis::cmd("SENTINEL");
        let replicas: Vec<redis::Value> =
            ask.arg("replicas").arg("waggle").query_async(&mut connection).await.unwrap();
        !replicas.is_empty()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_cluster_every_call_stays_in_one_slot() {
    let folder = TempDir::new().unwrap();
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for number in 0..3 {
        let (bus, own) = (free_port().to_string(), folder.path().join(number.to_string()));
        std::fs::create_dir(&own).unwrap();
        let own = own.display().to_string();
        let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--dir", &own];
        nodes.push(RedisServer::start_with(&cluster).await);
        buses.push(bus);
    }
    for (number, slots) in [(0, 5460), (5461, 10922), (10923, 16383)].into_iter().enumerate() {
        let mut add = redis::cmd("CLUSTER");
        add.arg("ADDSLOTSRANGE").arg(slots.0).arg(slots.1);
        nodes[number].ask::<redis::Value>(&add).await.unwrap();
        let mut meet = redis::cmd("CLUSTER");
        meet.arg("MEET").arg("127.0.0.1").arg(nodes[number].port).arg(&buses[number]);
        nodes[0].ask::<redis::Value>(&meet).await.unwrap();
    }
    eventually("the cluster is whole", async || {
        for node in &nodes {
            let info: String = node.ask(redis::cmd("CLUSTER").arg("INFO")).await.unwrap();
            if !info.contains("cluster_state:ok") || !info.contains("cluster_known_nodes:3") {
                return false;
            }
        }
        true
    })
    .await;
    let url = format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", free_port(), nodes[1].port);
    let link = link(&url);
    suite(&over(link.clone())).await;
    carries_a_roll(link).await;
    for node in &nodes {
        let keys: i64 = node.ask(&redis::cmd("DBSIZE")).await.unwrap();
        assert!(keys > 0, "the instances are not spread");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_falls_silent_is_replaced_even_when_callers_give_up_first() {
    let server = RedisServer::start().await;
    let (near, silent) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), watch::channel(false));
    let address = Address::parse(&format!("redis://{}", near.local_addr().unwrap())).unwrap();
    let (port, silence) = (server.port, silent.1);
    let runtime = tokio::runtime::Handle::current();
    let proxy = runtime.clone().spawn(async move {
        let mut number = 0;
        while let Ok((mut client, _)) = near.accept().await {
            let mut redis = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut silence, first) = (silence.clone(), number == 0);
            number += 1;
            drop(runtime.spawn(async move {
                let falls_silent = async {
                    let _ = silence.wait_for(|silent| *silent && first).await;
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut redis) => return,
                    () = falls_silent => {}
                }
                // Open, and nothing passes any more.
                std::future::pending().await
            }));
        }
    });
    let patience = Duration::from_secs(1);
    let link = Link::new(&address, patience).unwrap();
    assert!(answers(&link).await);
    silent.0.send(true).unwrap();
    let asked = async || tokio::time::timeout(patience.mul_f64(0.8), answers(&link)).await;
    eventually("the link answers again", async || asked().await == Ok(true)).await;
    proxy.abort();
}
