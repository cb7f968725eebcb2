//! Behind the real nginx, nodes come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use waggle::net::{self, Body, Egress, Method, Request, Url, header::HeaderValue};

use crate::nginx::Nginx;
use crate::support::{KEY, eventually};
use crate::world::{World, fleet, owners, sees};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A client that knows nginx alone.
#[derive(Clone)]
struct Client {
    http: net::Client,
    base: String,
}

impl Client {
    fn new(base: &str) -> Self {
        let options = net::Options { egress: Egress::open(), ..net::Options::default() };
        Self { http: net::Client::new(options).unwrap(), base: base.to_owned() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let mut request = Request::new(method, Url::parse(&format!("{}{path}", self.base)).unwrap());
        request.headers.insert("apikey", HeaderValue::from_static(KEY));
        if let Some(body) = body {
            request.headers.insert("content-type", HeaderValue::from_static("application/json"));
            request.body = Body::Bytes(body.to_string().into());
        }
        match self.http.send(request).await {
            Ok(answer) => (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()),
            Err(error) => (0, error.to_string()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_costs_no_request() {
    let world = World::new().await;
    let variables = [("WAGGLE_CLUSTER_SECRET", SECRET)];
    let mut nodes =
        [world.node_with("one", "a", &variables).await, world.node_with("two", "a", &variables).await];
    sees(&nodes[0], 2).await;
    let phones = fleet(&world, &nodes[0], 6).await;
    let nginx = Nginx::start(&[nodes[0].port(), nodes[1].port()], SECRET).await;
    let client = Client::new(&nginx.url);

    for name in ["/cluster/nodes", "/metrics", "/cluster/locate/tenant-0"] {
        assert_eq!(client.call(Method::GET, name, None).await.0, 404, "{name} is not for the outside");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = phones
        .keys()
        .map(|name| {
            let (client, name, bob) = (client.clone(), name.clone(), world.bob.clone());
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            tokio::spawn(async move {
                let mut refused: BTreeMap<u16, String> = BTreeMap::new();
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    let path = format!("/instance/connectionState/{name}");
                    let (status, body) = client.call(Method::GET, &path, None).await;
                    if status != 200 {
                        refused.insert(status, body);
                    }
                    number += 1;
                    let text = json!({"number": bob, "text": format!("{name} {number}")});
                    let path = format!("/message/sendText/{name}");
                    let (status, body) = client.call(Method::POST, &path, Some(text)).await;
                    if status == 201 {
                        sent.fetch_add(1, Ordering::SeqCst);
                    } else {
                        refused.insert(status, body);
                    }
                }
                (number, refused)
            })
        })
        .collect();
    for node in &mut nodes {
        let before = sent.load(Ordering::SeqCst);
        eventually("messages flow", async || (sent.load(Ordering::SeqCst) > before + 30).then_some(())).await;
        assert_eq!(node.stop().await, Some(0));
        node.start_again().await;
        sees(node, 2).await;
    }
    eventually("everybody has a share again", async || {
        let owners = owners(&nodes[0]).await;
        ["one", "two"].iter().all(|id| owners.values().any(|owner| owner == id)).then_some(())
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    let mut numbers = 0;
    for caller in callers {
        let (number, refused) = caller.await.unwrap();
        assert!(refused.is_empty(), "requests were refused: {refused:?}");
        numbers += number;
    }
    let heard = || world.simulator.handle().received(&world.bob, 0).unwrap().0;
    let texts = || heard().into_iter().filter_map(|one| one.text).collect::<BTreeSet<String>>();
    eventually("every message is there", async || (texts().len() == numbers).then_some(())).await;
    assert_eq!(heard().len(), numbers, "a message is there twice");
    assert_eq!(world.simulator.handle().stats().replaced, 0);
    world.database.remove().await;
}
