//! Every route of an instance while the database is away: 503 with `Retry-After`, or its answer where it needs
//! no database; never a 401, and never a 500.

use futures::StreamExt as _;
use futures::stream;
use serde_json::Value;
use tempfile::TempDir;
use waggle::http::routes::{Route, TABLE, Wants};
use waggle::net::{Method, Url};

use crate::contract::{ELSEWHERE, cases, names};
use crate::refusals::{method, path};
use crate::services;
use crate::support::{KEY, Node, eventually, simulator};
use crate::wire::Wire;

/// What is answered from memory or by WhatsApp alone, or refused for another reason.
const WITHOUT_DATABASE: &[&str] = &[
    "connection state",
    "connect",
    "restart",
    "log out",
    "set presence",
    "send template",
    "show chat state",
    "subscribe to presence",
    "block contact",
    "fetch business profile",
    "set profile name",
    "set profile status",
    "set profile picture",
    "remove profile picture",
    "fetch privacy",
    "update privacy",
    "create group",
    "find invite code",
    "find group of invite",
    "accept invite",
    "revoke invite code",
    "list join requests",
    "offer call",
    "reject call",
    "get catalog",
    "get collections",
    "low-level number check",
    "low-level picture",
    "low-level sessions",
    "low-level encryption",
    "low-level devices",
    "low-level tag",
    "low-level stanza",
    "low-level decryption",
    "low-level identity",
    "find settings",
    "find webhook",
    "find websocket",
    "find rabbitmq",
];
/// What would end the connection that others need.
const LAST: &[&str] = &["restart", "log out", "delete instance"];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_a_503_while_the_database_is_away_or_needs_none() {
    let database = services::postgres().await;
    let mut through = Url::parse(&database.url).unwrap();
    let wire = Wire::to(through.port().unwrap()).await;
    through.set_port(Some(wire.port)).unwrap();
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    let environment = [
        ("DATABASE_PROVIDER", "postgresql"),
        ("DATABASE_CONNECTION_URI", through.as_str()),
        ("WAGGLE_MEDIA_FOLDER", &place),
    ];
    let simulator = simulator().await;
    let node = Node::start_with(&simulator, &environment).await;
    let names = names(&node, &simulator).await;
    let cases = cases(&names);
    wire.cut();
    eventually("the node knows that the database is away", async || {
        let (status, _) = node.try_call(Method::GET, "/health/ready", None, None).await?;
        (status == 503).then_some(())
    })
    .await;
    let (last, first): (Vec<&Route>, Vec<&Route>) = TABLE
        .iter()
        .filter(|route| {
            matches!(route.wants, Wants::Instance | Wants::Any) && !ELSEWHERE.contains(&route.name)
        })
        .partition(|route| LAST.contains(&route.name));
    let fault = async |route: &Route| fault(&node, &cases, route).await;
    let mut wrong: Vec<String> =
        stream::iter(first).map(fault).buffer_unordered(16).filter_map(async |fault| fault).collect().await;
    for route in last {
        wrong.extend(fault(route).await);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    wire.mend();
    // It was logged out last, which is on record by now or will be.
    node.is("acme", "close").await;
    drop(node);
    database.remove().await;
}

/// What is wrong with the answer to the first case of success that the route has.
async fn fault(node: &Node, cases: &[Value], route: &Route) -> Option<String> {
    let of_route = |case: &&Value| case["route"] == route.name;
    let case = cases.iter().find(of_route)?;
    let mut path = path(route, "acme");
    for (n, (name, value)) in case["query"].as_object().into_iter().flatten().enumerate() {
        path += &format!("{}{name}={}", if n == 0 { '?' } else { '&' }, value.as_str()?);
    }
    let body = if case["request"].is_null() { String::new() } else { case["request"].to_string() };
    let asked = node.ask(method(route.verbs[0]), &path, Some(KEY), Some(body.into_bytes())).await;
    let Some(answer) = asked else { return Some(format!("{path}: no answer")) };
    let status = answer.status.as_u16();
    let is_right = match status {
        503 => answer.headers.contains_key("retry-after"),
        _ => WITHOUT_DATABASE.contains(&route.name) && u64::from(status) == case["status"].as_u64()?,
    };
    let text: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
    (!is_right).then(|| format!("{:?} {path}: {status} {text}", route.name))
}
