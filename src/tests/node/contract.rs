//! Replays the exchanges that the document of the API shows, on a connected instance: every route,
//! its success and its errors. Statuses, keys and types must be those of the example.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use wa_sim::{NewGroup, Send, Simulator};
use waggle::net::{Method, Url};

use crate::media::form as multipart;
use crate::support::{Node, contact, eventually, simulator};

/// What only nodes or the proxy may ask, and what would take the instance or the node out of service:
/// tested with clusters. A client follows the redirect of `/docs`. Sounds and films have tests of their own.
pub const ELSEWHERE: &[&str] = &[
    "locate instance",
    "offer instances",
    "drain node",
    "move instance",
    "docs",
    "send audio",
    "send round video",
];

/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The document of the API.
pub fn document() -> Value {
    serde_json::from_str(&waggle::http::document().unwrap()).unwrap()
}

/// The cases, with what the names in braces stand for.
pub fn cases(names: &[(&'static str, String)]) -> Vec<Value> {
    serde_json::from_str(&filled(names, include_str!("../../http/openapi/cases.json"))).unwrap()
}

fn filled(names: &[(&'static str, String)], text: &str) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Method and path of every operation, by the name of its route.
fn operations(document: &Value) -> BTreeMap<String, (Method, String)> {
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let name = operation["summary"].as_str().unwrap().to_owned();
            // Of several methods of one meaning, POST takes bodies and queries.
            let known = operations.entry(name).or_insert_with(|| (method.clone(), path.clone()));
            if method == Method::POST {
                known.0 = method;
            }
        }
    }
    operations
}

/// Everything in which an answer differs from the example.
fn differences(at: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Null, _) | (Value::Bool(_), Value::Bool(_)) | (Value::String(_), Value::String(_)) => {}
        (Value::Number(wanted), Value::Number(got)) if wanted.is_f64() || !got.is_f64() => {}
        (Value::Array(wanted), Value::Array(got)) => {
            let Some(first) = wanted.first() else { return };
            if got.is_empty() {
                found.push(format!("{at} is empty"));
            }
            got.iter()
                .enumerate()
                .for_each(|(n, item)| differences(&format!("{at}[{n}]"), first, item, found));
        }
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted.iter().filter(|(name, _)| *name != "*") {
                match got.get(name) {
                    Some(other) => differences(&format!("{at}.{name}"), value, other, found),
                    None => found.push(format!("{at}.{name} is missing")),
                }
            }
            let others = got.keys().filter(|name| !wanted.contains_key(*name) && !wanted.contains_key("*"));
            found.extend(others.map(|name| format!("{at}.{name} is not in the example")));
        }
        _ => found.push(format!("{at} has another type: {got}")),
    }
}

/// A node that keeps files, in a folder that goes with the test.
pub async fn node(simulator: &Simulator) -> (Node, TempDir) {
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    (Node::start_with(simulator, &[("WAGGLE_MEDIA_FOLDER", &place)]).await, folder)
}

/// Pairs an instance, and answers what the names in braces stand for.
pub async fn names(node: &Node, simulator: &Simulator) -> Vec<(&'static str, String)> {
    let own = node.pair("acme", simulator, None).await;
    let alice = contact(simulator, "Alice");
    let order = Send { to: own.clone(), text: "hi there".into(), ..Send::default() };
    let message = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    eventually("it is stored", async || {
        (!node.messages("acme", json!({"where": {"key": {"id": message}}})).await.is_empty()).then_some(())
    })
    .await;
    let mine =
        node.send_text("acme", &alice.phone, "from us").await["key"]["id"].as_str().unwrap().to_owned();
    let picture = json!({"number": alice.phone, "mediatype": "image", "media": PIXEL});
    let picture = node.post("/message/sendMedia/acme", picture).await;
    let image = picture["key"]["id"].as_str().unwrap().to_owned();
    let link = Url::parse(picture["message"]["mediaUrl"].as_str().unwrap()).unwrap();
    let of_link = |name: &str| link.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    eventually("it is kept", async || {
        let (status, _) = node.call(Method::POST, "/s3/getMedia/acme", json!({})).await;
        (status == 201).then_some(())
    })
    .await;
    let group = json!({"subject": "Friends", "participants": [alice.phone]});
    let group = node.post("/group/create/acme", group).await["id"].as_str().unwrap().to_owned();
    let other = NewGroup { subject: "Neighbours".into(), members: Vec::new(), description: None };
    let other = simulator.handle().create_group(&alice.phone, other).unwrap().jid;
    let invite = simulator.handle().group_invite(&alice.phone, &other, false).unwrap();
    let label = json!({"action": "create", "name": "VIP", "labelId": "1"});
    node.post("/label/handleLabel/acme", label).await;
    let this = node.get("/cluster/nodes").await;
    let this = this.pointer("/nodes/0/id").or(this.pointer("/0/id")).unwrap().as_str().unwrap().to_owned();
    vec![
        ("{contact}", alice.phone.clone()),
        ("{lid}", alice.lid.clone()),
        ("{own}", own),
        ("{message}", message),
        ("{mine}", mine),
        ("{group}", group),
        ("{image}", image),
        ("{kept}", of_link("id")),
        ("{expires}", of_link("expires")),
        ("{signature}", of_link("signature")),
        ("{label}", "1".to_owned()),
        ("{call}", "9A3C5D7E1F".to_owned()),
        ("{invite}", invite),
        ("{instance}", "acme".to_owned()),
        ("{node}", this),
        ("{file}", "swagger-ui.css".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_as_its_document_shows() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    let names = names(&node, &simulator).await;
    let operations = operations(&document());
    let mut report = Vec::new();
    for case in &cases(&names) {
        let route = case["route"].as_str().unwrap();
        if ELSEWHERE.contains(&route) {
            continue;
        }
        let (method, path) = &operations[route];
        let mut path = filled(&names, path);
        let query: Vec<_> = case["query"].as_object().into_iter().flatten().collect();
        for (n, (name, value)) in query.into_iter().enumerate() {
            path += &format!("{}{name}={}", if n == 0 { '?' } else { '&' }, value.as_str().unwrap());
        }
        let (status, answer) = node.call(method.clone(), &path, case["request"].clone()).await;
        let mut found = Vec::new();
        if status != status_of(&case["status"]) {
            found.push(format!("status {status} instead of {}", case["status"]));
        } else if let Some(wanted) = case.get("response") {
            differences("", wanted, &answer, &mut found);
        }
        if !found.is_empty() {
            report.push(format!("{route} ({method} {path}):\n    {}\n    {answer}", found.join("\n    ")));
        }
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_takes_files_takes_them_as_a_form() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    let names = names(&node, &simulator).await;
    let (document, cases) = (document(), cases(&names));
    let pixel = BASE64_STANDARD.decode(PIXEL).unwrap();
    let mut sent = Vec::new();
    for (route, (_, path)) in
        operations(&document).iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()))
    {
        let at = format!("/paths/{}/post", path.replace('/', "~1"));
        let operation = document.pointer(&at).cloned().unwrap_or_default();
        let form = &operation["requestBody"]["content"]["multipart/form-data"];
        if form.is_null() {
            continue;
        }
        let own = &form["schema"]["allOf"][0];
        assert_eq!(own["properties"]["file"]["format"], "binary", "{route}: {own}");
        assert!(own["required"].as_array().unwrap().contains(&json!("file")), "{route}: {own}");
        let of_route = |case: &&Value| case["route"] == route.as_str() && case["status"] == 201;
        let case = cases.iter().rfind(of_route).unwrap();
        // What the document shows, with the names of this test.
        let shown = form["example"].as_object().unwrap().keys();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let texts: Vec<(&str, String)> =
            shown.map(|name| (name.as_str(), text(&case["request"][name.as_str()]))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let file = ("pixel.png", pixel.as_slice());
        let (status, answer) = multipart(&node, &filled(&names, path), &texts, file).await;
        let mut found = Vec::new();
        differences("", &case["response"], &answer, &mut found);
        assert!(status == 201 && found.is_empty(), "{route}: {status} {found:?} {answer}");
        sent.push(route.clone());
    }
    assert_eq!(sent, ["send media", "send status", "send sticker"]);
}

fn status_of(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}
