//! Every route of the table, and every way of being refused that it has: without the right key, about an
//! instance that does not exist, with a body that is none, without a field that is required, with a field of
//! another type, without a parameter or with one that is none, without a connection. What is refused says why
//! in the one envelope, and changes nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wa_sim::Simulator;
use waggle::http::routes::{Route, TABLE, Verb, Wants};
use waggle::net::Method;

use crate::contract::{cases, document, names, node};
use crate::support::{KEY, Node, eventually, simulator};

/// Nobody's key.
const NOBODYS: &str = "nobody-has-this-key";

/// Routes of an instance that need no connection.
const UNCONNECTED: &[&str] = &[
    "connection state",
    "connect",
    "restart",
    "delete instance",
    "find messages",
    "search messages",
    "find chats",
    "find chat",
    "find contacts",
    "find statuses",
    "find labels",
    "set settings",
    "find settings",
    "set webhook",
    "find webhook",
    "list dead letters",
    "redrive dead letters",
    "set websocket",
    "find websocket",
    "set rabbitmq",
    "find rabbitmq",
    "get media",
    "get media url",
];

/// What no parameter after `?` of this name takes.
const MALFORMED: &[(&str, &[&str])] = &[
    ("groupJid", &["nobody", "-", "@g.us", "abc@g.us", "5511999999999@s.whatsapp.net", "120363@example.com"]),
    ("inviteCode", &["no code", "a/b", "?code=", "https://example.com/F1EX5QZxO181L3TMVP31gY", "é"]),
    ("remoteJid", &["nobody", "12", "@s.whatsapp.net", "a@s.whatsapp.net", "5511999999999@example.com"]),
    ("jid", &["nobody", "12", "@lid", "5511999999999@example.com", "120363000000000000@g.us"]),
    ("number", &["nobody", "12", "@lid", "5511999999999@example.com"]),
    ("getParticipants", &["perhaps", "2", "truefalse", "null"]),
    ("take", &["ten", "-1", "1.5"]),
    ("skip", &["ten", "-1", "1.5"]),
];

/// Parameters that no case needs, and so none of the document's.
const BESIDE_THE_DOCUMENT: &[(&str, &str)] =
    &[("list dead letters", "take"), ("list dead letters", "skip"), ("connect", "number")];

pub fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Delete => Method::DELETE,
    }
}

/// The route's path about an instance.
pub fn path(route: &Route, instance: &str) -> String {
    let path = route.path.replace("{instance}", instance).replace("{name}", instance);
    path.replace("{node}", "no-such-node").replace("{file}", "swagger-ui.css")
}

/// How many refusals there were, and each that is not what it has to be.
#[derive(Default)]
struct Report {
    asked: usize,
    wrong: Vec<String>,
}

impl Report {
    /// Asks, and notes everything that is wrong with the answer; `names` is what its message has to name.
    async fn refused(
        &mut self,
        (node, key): (&Node, Option<&str>),
        (method, path): (Method, &str),
        body: &str,
        (wanted, names): (u16, &str),
    ) {
        let sent = Some(body.as_bytes().to_vec());
        let (status, text) = node.raw(method.clone(), path, key, sent).await.expect("an answer");
        self.asked += 1;
        let faults = faults(wanted, names, status, &text);
        if !faults.is_empty() {
            let body: String = body.chars().take(300).collect();
            let text: String = text.chars().take(300).collect();
            self.wrong.push(format!("{method} {path} {body}\n    {}\n    {text}", faults.join(", ")));
        }
    }

    /// Whether all were right, and there were about as many as the table has.
    fn is_clean(&self, least: usize) {
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(self.asked >= least, "only {} were asked", self.asked);
    }
}

/// What is wrong with a refusal.
fn faults(wanted: u16, names: &str, status: u16, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if status != wanted {
        faults.push(format!("{status} in place of {wanted}"));
    }
    let Ok(told) = serde_json::from_str::<Value>(text) else { return vec!["no JSON".to_owned()] };
    let fields: Vec<_> = told.as_object().into_iter().flat_map(Map::keys).collect();
    if fields != ["error", "response", "status"] {
        faults.push(format!("an envelope with {fields:?}"));
    }
    if told["status"] != status || told["error"].as_str().is_none_or(str::is_empty) {
        faults.push("an envelope that does not say what it is".to_owned());
    }
    let message = &told["response"]["message"];
    let is_sound = match (wanted, message) {
        (401, Value::String(text)) => !text.is_empty(),
        (401, _) => false,
        (_, Value::Array(all)) => {
            let is_text = |one: &Value| one.as_str().is_some_and(|text| !text.is_empty());
            let texts =
                |one: &Value| one.as_array().is_some_and(|all| all.iter().all(is_text) && !all.is_empty());
            !all.is_empty() && all.iter().all(|one| is_text(one) || texts(one))
        }
        _ => false,
    };
    if !is_sound {
        faults.push("a message of another form".to_owned());
    }
    if !message.to_string().contains(names) {
        faults.push(format!("does not name {names}"));
    }
    faults
}

/// The fields of a route's body by their names, with their schemas, and those that are required.
struct Body {
    fields: BTreeMap<String, Value>,
    required: Vec<String>,
}

/// What a reference leads to; a schema that may be null is what it is otherwise.
fn resolved(document: &Value, schema: &Value) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        return document.pointer(path.trim_start_matches('#')).unwrap().clone();
    }
    match schema["oneOf"].as_array() {
        Some(some) => resolved(document, some.iter().find(|one| one["type"] != "null").unwrap()),
        None => schema.clone(),
    }
}

impl Body {
    /// Of the schema of a body, which may consist of several.
    fn of(document: &Value, schema: &Value) -> Self {
        let mut body = Self { fields: BTreeMap::new(), required: Vec::new() };
        let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        for part in parts {
            let part = resolved(document, &part);
            let fields = part["properties"].as_object().cloned().unwrap_or_default();
            body.fields.extend(fields);
            let required = part["required"].as_array().into_iter().flatten();
            body.required.extend(required.map(|name| name.as_str().unwrap().to_owned()));
        }
        body
    }
}

/// What no field of this schema takes. Texts may be numbers and flags, and both may be texts.
fn wrong(schema: &Value) -> Vec<Value> {
    let kind = match &schema["type"] {
        Value::Array(some) => some.iter().find(|one| *one != "null").unwrap(),
        one => one,
    };
    match kind.as_str().unwrap_or_default() {
        "string" => vec![json!([]), json!({}), json!(["x"])],
        "boolean" => vec![json!("perhaps"), json!(2), json!([]), json!({})],
        "integer" => vec![json!("ten"), json!(1.5), json!(-1), json!(true), json!([]), json!({})],
        "number" => vec![json!("ten"), json!(true), json!([]), json!({})],
        "array" => vec![json!({}), json!([[]]), json!([null])],
        "object" => vec![json!("text"), json!(7), json!(true), json!(["x"])],
        _ => Vec::new(),
    }
}

/// A body that is fine, with what stands in the address of its case: the first that has what is required.
fn good(all: &[Value], route: &Route, required: &[String]) -> Value {
    let mut bodies = all.iter().filter(|case| case["route"] == route.name).map(|case| {
        let mut body = case["request"].as_object().cloned().unwrap_or_default();
        body.extend(case["query"].as_object().cloned().unwrap_or_default());
        Value::Object(body)
    });
    let has_all = |body: &Value| required.iter().all(|name| body.get(name).is_some());
    bodies.find(has_all).unwrap_or_else(|| json!({}))
}

/// A path with these parameters after it.
fn with_query<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.extend_pairs(parameters).finish())
}

/// Everything that a refused request must not change.
async fn everything(node: &Node, simulator: &Simulator) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/instance/fetchInstances",
        "/settings/find/acme",
        "/webhook/find/acme",
        "/websocket/find/acme",
        "/rabbitmq/find/acme",
        "/label/findLabels/acme",
        "/instance/connectionState/acme",
        "/group/fetchAllGroups/acme?getParticipants=true",
        "/chat/fetchPrivacySettings/acme",
        "/cluster/instances",
        "/cluster/nodes",
    ] {
        all.push(node.get(path).await);
    }
    for path in ["/chat/findChats/acme", "/chat/findContacts/acme", "/chat/findMessages/acme"] {
        all.push(node.post(path, json!({})).await);
    }
    for node in all.iter_mut().filter_map(|all| all.as_array_mut()).flatten() {
        // How long ago the node was seen.
        node.as_object_mut().map(|node| node.remove("lastSeenMs"));
    }
    for contact in simulator.handle().accounts() {
        all.push(json!(simulator.handle().received(&contact.phone, 0).map_or(0, |(_, count)| count)));
    }
    all
}

/// [`everything`], once what was sent has arrived and all of that is on record.
async fn settled(node: &Node, simulator: &Simulator) -> Vec<Value> {
    eventually("what was sent has arrived", async || {
        let own = node.messages("acme", json!({"where": {"key": {"fromMe": true}}})).await;
        own.iter().all(|one| one["status"] == "DELIVERY_ACK").then_some(())
    })
    .await;
    let mut last = Vec::new();
    eventually("nothing changes any more", async || {
        let now = everything(node, simulator).await;
        let before = std::mem::replace(&mut last, now);
        (before == last).then_some(last.clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_a_wrong_key_and_an_absent_instance() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    names(&node, &simulator).await;
    let other = node.post("/instance/create", json!({"instanceName": "other"})).await;
    let others = other["hash"].as_str().unwrap().to_owned();
    let before = settled(&node, &simulator).await;
    let mut report = Report::default();
    for route in TABLE {
        for verb in route.verbs {
            let (here, absent) = (path(route, "acme"), path(route, "nobody"));
            // A link without its signature is a link that nobody made, whatever the key.
            let keyed = !matches!(route.wants, Wants::Nothing | Wants::Operator);
            for key in [None, Some(""), Some(NOBODYS)].into_iter().filter(|_| keyed) {
                for path in [&here, &absent] {
                    report.refused((&node, key), (method(*verb), path), "{}", (401, "")).await;
                }
            }
            // A token opens its own instance, and nothing that is of the whole installation.
            let refusal = match route.wants {
                Wants::Instance => Some(403),
                Wants::Global | Wants::Node | Wants::Link => Some(401),
                Wants::Any | Wants::Nothing | Wants::Operator => None,
            };
            for path in [&here, &absent] {
                if let Some(wanted) = refusal {
                    let key = Some(others.as_str());
                    report.refused((&node, key), (method(*verb), path), "{}", (wanted, "")).await;
                }
            }
            if route.path.contains("{instance}") && route.wants != Wants::Link {
                let (key, asked) = (Some(KEY), (method(*verb), absent.as_str()));
                report.refused((&node, key), asked, "{}", (404, "nobody")).await;
            }
        }
    }
    report.is_clean(800);
    assert_eq!(everything(&node, &simulator).await, before, "something has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_a_body_that_is_not_of_its_schema() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    let names = names(&node, &simulator).await;
    let (document, cases) = (document(), cases(&names));
    let before = settled(&node, &simulator).await;
    let mut report = Report::default();
    for route in TABLE {
        let Some(verb) = route.verbs.iter().find(|verb| **verb != Verb::Get) else { continue };
        let path = path(route, "acme");
        let at =
            format!("/paths/{}/{}", route.path.replace('/', "~1"), method(*verb).as_str().to_lowercase());
        let schema =
            document.pointer(&at).unwrap()["requestBody"]["content"]["application/json"]["schema"].clone();
        if schema.is_null() {
            assert!(route.body.is_none(), "{}: no body in the document", route.name);
            continue;
        }
        let body = Body::of(&document, &schema);
        let good = good(&cases, route, &body.required);
        let whole = good.to_string();
        for broken in ["no JSON", "{\"a\":", "[]", "null", "7", "\"text\"", &whole[..whole.len() - 1]] {
            report.refused((&node, Some(KEY)), (method(*verb), &path), broken, (400, "")).await;
        }
        let mut spoilt: Vec<(String, Value)> = Vec::new();
        for name in &body.required {
            let mut without = good.clone();
            assert!(
                without.as_object_mut().unwrap().remove(name).is_some(),
                "{}: no case has {name}",
                route.name
            );
            spoilt.push((name.clone(), without));
        }
        for (name, schema) in &body.fields {
            let schema = resolved(&document, schema);
            for value in wrong(&schema) {
                let mut body = good.clone();
                body[name] = value;
                spoilt.push((name.clone(), body));
            }
            // What is inside, as far as the case has it and the document describes it.
            let (inner, at) = match good.get(name) {
                Some(Value::Array(some)) if some.first().is_some_and(Value::is_object) => {
                    (Body::of(&document, &schema["items"]), format!("/{name}/0"))
                }
                Some(Value::Object(_)) => (Body::of(&document, &schema), format!("/{name}")),
                _ => continue,
            };
            let is_lenient = route.name == "create instance";
            for required in inner.required.iter().filter(|_| !is_lenient) {
                let mut body = good.clone();
                body.pointer_mut(&at).unwrap().as_object_mut().unwrap().remove(required);
                spoilt.push((required.clone(), body));
            }
            for (field, schema) in &inner.fields {
                for value in wrong(&resolved(&document, schema)) {
                    let mut body = good.clone();
                    body.pointer_mut(&at).unwrap()[field] = value;
                    spoilt.push((field.clone(), body));
                }
            }
        }
        for (name, body) in spoilt {
            let asked = (method(*verb), path.as_str());
            report.refused((&node, Some(KEY)), asked, &body.to_string(), (400, &name)).await;
        }
    }
    report.is_clean(1600);
    assert_eq!(everything(&node, &simulator).await, before, "something has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_parameters_that_are_missing_or_malformed() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    let names = names(&node, &simulator).await;
    let (document, cases) = (document(), cases(&names));
    let before = settled(&node, &simulator).await;
    let mut report = Report::default();
    let (mut needed, mut malformed) = (0, 0);
    for route in TABLE.iter().filter(|route| matches!(route.wants, Wants::Instance | Wants::Any)) {
        let (path, verb) = (path(route, "acme"), route.verbs[0]);
        let at = format!("/paths/{}/{}", route.path.replace('/', "~1"), method(verb).as_str().to_lowercase());
        let described = document.pointer(&at).unwrap()["parameters"].as_array().cloned().unwrap_or_default();
        let described: Vec<_> = described.iter().filter(|one| one["in"] == "query").collect();
        let case = cases.iter().find(|case| case["route"] == route.name).unwrap();
        let given: Vec<(&str, &str)> = case["query"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let body = if case["request"].is_null() { String::new() } else { case["request"].to_string() };
        let others =
            |name: &str| given.iter().copied().filter(|(other, _)| *other != name).collect::<Vec<_>>();
        let is_required = |one: &&&Value| one["required"] == true;
        let required = described.iter().filter(is_required).map(|one| one["name"].as_str().unwrap());
        let required: Vec<&str> = required.collect();
        for name in &required {
            assert!(MALFORMED.iter().any(|(known, _)| known == name), "{}: what is no {name}?", route.name);
            needed += 1;
            for without in [others(name), [others(name), vec![(*name, "")]].concat()] {
                let asked = with_query(&path, without);
                report.refused((&node, Some(KEY)), (method(verb), &asked), &body, (400, name)).await;
            }
        }
        // What is required is in the document.
        if verb == Verb::Get {
            let (status, answer) = node.call(Method::GET, &path, Value::Null).await;
            assert_eq!(status == 400, !required.is_empty(), "{} without parameters: {answer}", route.name);
        }
        let beside = BESIDE_THE_DOCUMENT.iter().filter(|(of, _)| *of == route.name).map(|(_, name)| *name);
        let known = described.iter().map(|one| one["name"].as_str().unwrap()).chain(beside);
        for (name, values) in known.filter_map(|name| MALFORMED.iter().find(|(known, _)| *known == name)) {
            for value in *values {
                malformed += 1;
                let asked = with_query(&path, [others(name), vec![(*name, *value)]].concat());
                report.refused((&node, Some(KEY)), (method(verb), &asked), &body, (400, name)).await;
            }
        }
    }
    assert!(needed >= 9 && malformed >= 90, "{needed} needed, {malformed} malformed");
    report.is_clean(108);
    assert_eq!(everything(&node, &simulator).await, before, "something has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_needs_the_phone_says_so_without_it() {
    let simulator = simulator().await;
    let (node, _folder) = node(&simulator).await;
    let names = names(&node, &simulator).await;
    let cases = cases(&names);
    node.post("/instance/create", json!({"instanceName": "closed"})).await;
    let before = settled(&node, &simulator).await;
    let mut report = Report::default();
    let of_phone = |route: &&Route| route.wants == Wants::Instance && !UNCONNECTED.contains(&route.name);
    for route in TABLE.iter().filter(of_phone) {
        let case = cases.iter().find(|case| case["route"] == route.name).unwrap();
        let mut path = path(route, "closed");
        for (n, (name, value)) in case["query"].as_object().into_iter().flatten().enumerate() {
            path += &format!("{}{name}={}", if n == 0 { '?' } else { '&' }, value.as_str().unwrap());
        }
        // The contract keeps this one from before.
        let wanted = if route.name == "log out" { 400 } else { 409 };
        for verb in route.verbs {
            let body = if case["request"].is_null() { String::new() } else { case["request"].to_string() };
            let names = "The \\\"closed\\\" instance is not connected";
            report.refused((&node, Some(KEY)), (method(*verb), &path), &body, (wanted, names)).await;
        }
    }
    report.is_clean(80);
    assert_eq!(everything(&node, &simulator).await, before, "something has changed");
}
