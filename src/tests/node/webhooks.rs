//! What webhooks get, signed how, and what becomes of those that fail.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::Sha256;
use wa_sim::Send;
use wa_sim::receiver::{Delivery, Receiver};
use waggle::net::Method;

use crate::support::{KEY, Node, PATIENCE, contact, eventually, simulator, told};

/// A receiver that answers with chosen statuses (200 when none is left) and remembers every attempt.
struct Picky {
    address: SocketAddr,
    statuses: Arc<Mutex<Vec<u16>>>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

#[derive(Clone, Debug)]
struct Attempt {
    status: u16,
    headers: HashMap<String, String>,
    body: Value,
}

impl Picky {
    fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let picky = Self {
            address,
            statuses: Arc::new(Mutex::new(statuses.iter().rev().copied().collect())),
            attempts: Arc::default(),
        };
        let (statuses, attempts) = (Arc::clone(&picky.statuses), Arc::clone(&picky.attempts));
        // Ends with the process: nobody connects after the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some((headers, body)) = read(&stream) {
                    let status = statuses.lock().unwrap().pop().unwrap_or(200);
                    attempts.lock().unwrap().push(Attempt { status, headers, body });
                    let _ = write!(
                        &stream,
                        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                    );
                }
            }
        });
        picky
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<(HashMap<String, String>, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut headers) = (String::new(), HashMap::new());
    reader.read_line(&mut line).ok()?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((headers, serde_json::from_slice(&body).ok()?))
}

async fn create(node: &Node, name: &str, webhook: Value) -> Value {
    node.post("/instance/create", json!({"instanceName": name, "webhook": webhook})).await
}

/// Waits until this many were accepted.
async fn accepted(receiver: &Receiver, count: usize) -> Vec<Delivery> {
    let found = receiver.wait(PATIENCE, |all| (all.len() >= count).then(|| all.to_vec())).await;
    found.unwrap_or_else(|| panic!("{} of {count} deliveries", receiver.count()))
}

/// What every request must not hold, wherever it is.
fn holds(delivery: &Delivery, secret: &str) -> bool {
    let headers =
        delivery.headers.iter().any(|(name, value)| name.contains(secret) || value.contains(secret));
    headers || delivery.path.contains(secret) || String::from_utf8_lossy(&delivery.raw).contains(secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_of_the_tenant_go_out_and_jwt_key_signs_a_token() {
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator().await).await;
    let headers =
        json!({"X-Tenant": "blue", "jwt_key": "the-tenants-jwt-key", "Host": "elsewhere.example", "n": 7});
    create(&node, "acme", json!({"url": receiver.url("/hook"), "headers": headers})).await;
    let delivery = accepted(&receiver, 1).await.remove(0);
    assert_eq!(delivery.event(), "instance.create");
    assert_eq!(delivery.path, "/hook");
    let header = |name: &str| delivery.headers.get(name).map(String::as_str);
    assert_eq!(header("x-tenant"), Some("blue"));
    assert_eq!(header("n"), Some("7"));
    assert_eq!(header("content-type"), Some("application/json"));
    assert!(header("user-agent").is_some_and(|agent| agent.starts_with("Waggle/")), "{delivery:?}");
    assert!(header("host").is_some_and(|host| host.starts_with("127.0.0.1")), "{delivery:?}");
    assert_eq!(header("webhook-signature"), None, "nobody set a secret");
    assert!(!holds(&delivery, "the-tenants-jwt-key") && header("jwt_key").is_none(), "{delivery:?}");

    let token = header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token");
    let key = DecodingKey::from_secret(b"the-tenants-jwt-key");
    let validation = Validation::new(Algorithm::HS256);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
    assert_eq!((&claims["app"], &claims["action"]), (&json!("evolution"), &json!("webhook")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert!(
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_secret(b"another"), &validation).is_err()
    );

    let body = &delivery.body;
    assert_eq!((&body["instance"], &body["destination"]), (&json!("acme"), &json!(receiver.url("/hook"))));
    for field in ["date_time", "id"] {
        assert!(body[field].is_string(), "{field} in {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_events_the_name_is_at_the_end_of_the_path_and_the_query_stays() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let events = ["MESSAGES_UPSERT", "contacts.upsert"];
    for url in ["/hook?key=a%20b&x=1", "/hook/?key=a%20b&x=1"] {
        receiver.clear();
        node.post(
            "/webhook/set/acme",
            json!({"webhook": {"url": receiver.url(url), "byEvents": true, "events": events}}),
        )
        .await;
        let alice = contact(&simulator, "Alice");
        let order = Send { to: phone.clone(), text: "hello".into(), ..Send::default() };
        simulator.handle().send(&alice.phone, order).await.unwrap();
        for (event, path) in [("messages.upsert", "messages-upsert"), ("contacts.upsert", "contacts-upsert")]
        {
            told(&receiver, event, |_| true).await;
            let all = receiver.deliveries();
            let delivery = all.iter().find(|one| one.event() == event).unwrap();
            assert_eq!(delivery.path, format!("/hook/{path}?key=a%20b&x=1"));
        }
    }
    node.send_text("acme", &contact(&simulator, "Bob").phone, "not subscribed").await;
    node.post("/instance/setPresence/acme", json!({"presence": "available"})).await;
    let alice = contact(&simulator, "Carol");
    let order = Send { to: phone, text: "the last".into(), ..Send::default() };
    simulator.handle().send(&alice.phone, order).await.unwrap();
    told(&receiver, "messages.upsert", |body| body["data"]["message"]["conversation"] == "the last").await;
    let seen: BTreeSet<String> = receiver.deliveries().iter().map(|one| one.event().to_owned()).collect();
    assert!(seen.iter().all(|event| event == "messages.upsert" || event == "contacts.upsert"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_global_webhook_gets_the_chosen_events_of_every_instance() {
    let simulator = simulator().await;
    let (global, own) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    let url = global.url("/all?from=waggle");
    let more = [
        ("WEBHOOK_GLOBAL_ENABLED", "true"),
        ("WEBHOOK_GLOBAL_URL", url.as_str()),
        ("WEBHOOK_GLOBAL_WEBHOOK_BY_EVENTS", "true"),
        ("WEBHOOK_EVENTS_CONNECTION_UPDATE", "true"),
        ("WEBHOOK_EVENTS_SEND_MESSAGE", "true"),
    ];
    let node = Node::start_with(&simulator, &more).await;
    node.pair("with-own", &simulator, Some(&own)).await;
    node.pair("without", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    for name in ["with-own", "without"] {
        let id = node.send_text(name, &alice.phone, "hello").await["key"]["id"].clone();
        told(&global, "connection.update", |body| {
            body["instance"] == name && body["data"]["state"] == "open"
        })
        .await;
        let sent = told(&global, "send.message", |body| body["data"]["key"]["id"] == id).await;
        assert_eq!(sent["instance"], name);
        if name == "with-own" {
            let same = told(&own, "send.message", |body| body["data"]["key"]["id"] == id).await;
            assert_eq!(same["data"], sent["data"], "both get it");
        }
    }
    for delivery in global.deliveries() {
        let wanted = match delivery.event() {
            "connection.update" => "/all/connection-update?from=waggle",
            "send.message" => "/all/send-message?from=waggle",
            other => panic!("{other} was not chosen"),
        };
        assert_eq!(delivery.path, wanted);
    }
    told(&own, "qrcode.updated", |_| true).await;
    assert!(own.deliveries().iter().all(|one| one.body["instance"] == "with-own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_is_signed_with_each_live_secret() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let keys: [&[u8]; 2] = [b"a key of twenty-four b.", b"the old one as text"];
    let secrets = format!("whsec_{},the old one as text", STANDARD.encode(keys[0]));
    let node = Node::start_with(&simulator, &[("WAGGLE_WEBHOOK_SECRET", &secrets)]).await;
    node.pair("acme", &simulator, Some(&receiver)).await;
    told(&receiver, "connection.update", |body| body["data"]["state"] == "open").await;
    for delivery in receiver.deliveries() {
        let header =
            |name: &str| delivery.headers.get(name).unwrap_or_else(|| panic!("{name} in {delivery:?}"));
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        assert_eq!(delivery.body["id"], id.as_str());
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &delivery.raw].concat();
        let expected = keys.map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(&signed);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        assert_eq!(*header("webhook-signature"), expected.join(" "), "{}", delivery.event());
        let sent: i64 = timestamp.parse().unwrap();
        let told =
            chrono::DateTime::parse_from_rfc3339(delivery.body["date_time"].as_str().unwrap()).unwrap();
        assert!((sent - told.timestamp()).abs() < 60, "sent at {sent}, happened at {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_repeated_with_the_same_id() {
    let simulator = simulator().await;
    let picky = Picky::start(&[500, 503, 200]);
    let more = [("WEBHOOK_RETRY_USE_EXPONENTIAL_BACKOFF", "false"), ("WAGGLE_WEBHOOK_SECRET", "any text")];
    let node = Node::start_with(&simulator, &more).await;
    create(&node, "acme", json!({"url": picky.url(), "events": ["INSTANCE_CREATE"]})).await;
    let attempts = eventually("the third is accepted", async || {
        let attempts = picky.attempts();
        attempts.iter().any(|one| one.status == 200).then_some(attempts)
    })
    .await;
    let statuses: Vec<u16> = attempts.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [500, 503, 200]);
    assert!(attempts.windows(2).all(|pair| pair[0].body == pair[1].body), "{attempts:?}");
    assert!(attempts.iter().all(|one| one.body["id"] == one.headers["webhook-id"].as_str()), "{attempts:?}");
    assert_eq!(node.get("/webhook/deadLetters/acme").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_failures_every_chat_is_told_in_order_and_nothing_twice() {
    const TEXTS: u32 = 12;
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let more = [
        ("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "0"),
        ("WEBHOOK_RETRY_USE_EXPONENTIAL_BACKOFF", "false"),
        ("WEBHOOK_RETRY_MAX_ATTEMPTS", "1000"),
    ];
    let node = Node::start_with(&simulator, &more).await;
    let phone = node.pair("acme", &simulator, None).await;
    node.post("/webhook/set/acme", json!({"url": receiver.url("/"), "events": ["MESSAGES_UPSERT"]})).await;
    receiver.fail(0.5);
    let contacts = ["Alice", "Bob", "Carol"].map(|name| contact(&simulator, name));
    for contact in &contacts {
        let order = Send { to: phone.clone(), text: "text {n}".into(), count: TEXTS, ..Send::default() };
        simulator.handle().send(&contact.phone, order).await.unwrap();
    }
    let wanted = usize::try_from(TEXTS).unwrap() * contacts.len();
    let deliveries = accepted(&receiver, wanted).await;
    assert!(receiver.failed() > 0);
    for contact in &contacts {
        let here =
            deliveries.iter().filter(|one| one.body["data"]["key"]["remoteJid"] == contact.jid.as_str());
        let texts: Vec<&str> =
            here.map(|one| one.body["data"]["message"]["conversation"].as_str().unwrap()).collect();
        let wanted: Vec<String> = (1..=TEXTS).map(|n| format!("text {n}")).collect();
        assert_eq!(texts, wanted, "{}", contact.name);
    }
    let ids: BTreeSet<&str> = deliveries.iter().map(|one| one.body["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), deliveries.len(), "an event was accepted twice");
    assert_eq!(node.get("/webhook/deadLetters/acme").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_listed_and_delivered_again_on_demand() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let more = [("WEBHOOK_RETRY_MAX_ATTEMPTS", "2"), ("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "0")];
    let node = Node::start_with(&simulator, &more).await;
    let phone = node.pair("acme", &simulator, None).await;
    node.post("/instance/create", json!({"instanceName": "other"})).await;
    node.post("/webhook/set/acme", json!({"url": receiver.url("/"), "events": ["MESSAGES_UPSERT"]})).await;
    receiver.fail(1.0);
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone, text: "text {n}".into(), count: 3, ..Send::default() };
    let ids = simulator.handle().send(&alice.phone, order).await.unwrap().ids;
    let listed = eventually("three are given up", async || {
        let listed = node.get("/webhook/deadLetters/acme").await;
        (listed["total"] == 3).then_some(listed)
    })
    .await;
    assert_eq!(receiver.failed(), 6, "two attempts each");
    for letter in listed["records"].as_array().unwrap() {
        assert_eq!(
            (&letter["event"], &letter["attempts"], &letter["lastStatus"]),
            (&json!("messages.upsert"), &json!(2), &json!(500))
        );
        assert!(ids.iter().any(|id| letter["data"]["key"]["id"] == id.as_str()), "{letter}");
        assert!(
            letter["id"].is_string() && letter["eventId"].is_string() && letter["createdAt"].is_string(),
            "{letter}"
        );
    }
    let page = node.get("/webhook/deadLetters/acme?take=1&skip=1").await;
    assert_eq!(page["records"][0], listed["records"][1], "{page}");
    assert_eq!(node.get("/webhook/deadLetters/other").await, json!({"total": 0, "records": []}));

    receiver.fail(0.0);
    let (first, event) = (&listed["records"][1]["id"], &listed["records"][1]["eventId"]);
    let foreign = node.post("/webhook/redrive/other", json!({"ids": [first]})).await;
    assert_eq!(foreign["redriven"], 0, "another instance's letter");
    assert_eq!(node.post("/webhook/redrive/acme", json!({"ids": [first]})).await["redriven"], 1);
    told(&receiver, "messages.upsert", |body| body["id"] == *event).await;
    assert_eq!(node.get("/webhook/deadLetters/acme").await["total"], 2);
    assert_eq!(node.post("/webhook/redrive/acme", Value::Null).await["redriven"], 2);
    let deliveries = accepted(&receiver, 3).await;
    let told: BTreeSet<&str> =
        deliveries.iter().map(|one| one.body["data"]["key"]["id"].as_str().unwrap()).collect();
    assert_eq!(told, ids.iter().map(String::as_str).collect());
    assert_eq!(node.post("/webhook/redrive/acme", Value::Null).await["redriven"], 0);
    assert_eq!(node.get("/webhook/deadLetters/acme").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_means_never_is_not_tried_again() {
    let simulator = simulator().await;
    let picky = Picky::start(&[404]);
    let node = Node::start(&simulator).await;
    create(&node, "acme", json!({"url": picky.url(), "events": ["INSTANCE_CREATE"]})).await;
    let listed = eventually("it is given up", async || {
        let listed = node.get("/webhook/deadLetters/acme").await;
        (listed["total"] == 1).then_some(listed)
    })
    .await;
    let letter = &listed["records"][0];
    assert_eq!((&letter["attempts"], &letter["lastStatus"]), (&json!(1), &json!(404)), "{letter}");
    assert_eq!(picky.attempts().len(), 1);
    assert_eq!(node.post("/webhook/redrive/acme", Value::Null).await["redriven"], 1);
    eventually("it is delivered after all", async || (picky.attempts().last()?.status == 200).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_pairing_on_every_event_names_the_account() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let created = node.create("acme", Some(&receiver)).await;
    let before = told(&receiver, "qrcode.updated", |_| true).await;
    assert!(before.get("sender").is_none_or(Value::is_null), "nobody is linked yet: {before}");
    receiver.clear();
    let paired = simulator.handle().scan_qr(created["qrcode"]["code"].as_str().unwrap(), None).await.unwrap();
    let open = told(&receiver, "connection.update", |body| body["data"]["state"] == "open").await;
    assert_eq!(open["sender"], format!("{}@s.whatsapp.net", paired.phone), "{open}");
    node.send_text("acme", &contact(&simulator, "Alice").phone, "hello").await;
    let sent = told(&receiver, "send.message", |_| true).await;
    assert_eq!(sent["sender"], open["sender"], "{sent}");
}

/// Everything that happens to an instance, from its creation to its end.
async fn live(node: &Node, simulator: &wa_sim::Simulator, own: &Receiver) {
    let webhook = json!({"url": own.url("/hook"), "enabled": true});
    let body =
        json!({"instanceName": "acme", "token": "the-secret-token", "qrcode": true, "webhook": webhook});
    let created = node.post("/instance/create", body).await;
    let paired = simulator.handle().scan_qr(created["qrcode"]["code"].as_str().unwrap(), None).await.unwrap();
    node.is("acme", "open").await;
    let alice = contact(simulator, "Alice");
    node.send_text("acme", &alice.phone, "hello").await;
    let order = Send { to: paired.phone.clone(), text: "hi".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    told(own, "messages.upsert", |_| true).await;
    simulator.handle().edit(&alice.phone, &paired.phone, &id, "hi again").await.unwrap();
    told(own, "messages.edited", |_| true).await;
    simulator.handle().call(&alice.phone, &paired.phone, false, None).unwrap();
    told(own, "call", |_| true).await;
    let (status, answer) =
        node.try_call(Method::DELETE, "/instance/delete/acme", Some("the-secret-token"), None).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    told(own, "instance.delete", |_| true).await;
    told(own, "remove.instance", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_delivery_carries_a_key_unless_configured() {
    for expose in [false, true] {
        let simulator = simulator().await;
        let (own, global) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
        let url = global.url("/all");
        let more = [
            ("AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES", if expose { "true" } else { "false" }),
            ("WEBHOOK_GLOBAL_ENABLED", "true"),
            ("WEBHOOK_GLOBAL_URL", url.as_str()),
            ("WEBHOOK_EVENTS_INSTANCE_CREATE", "true"),
            ("WEBHOOK_EVENTS_CONNECTION_UPDATE", "true"),
            ("WEBHOOK_EVENTS_MESSAGES_UPSERT", "true"),
            ("WEBHOOK_EVENTS_INSTANCE_DELETE", "true"),
        ];
        let node = Node::start_with(&simulator, &more).await;
        live(&node, &simulator, &own).await;
        told(&global, "instance.delete", |_| true).await;
        for delivery in own.deliveries().iter().chain(&global.deliveries()) {
            assert!(!holds(delivery, KEY), "the global key is in {delivery:?}");
            assert!(expose || !holds(delivery, "the-secret-token"), "the token is in {delivery:?}");
            assert!(expose || delivery.body.get("apikey").is_none(), "{delivery:?}");
        }
        if expose {
            let upsert = told(&own, "messages.upsert", |_| true).await;
            assert_eq!(upsert["apikey"], "the-secret-token");
        }
    }
}
