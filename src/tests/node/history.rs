//! Histories that the phone hands over.

use std::collections::HashMap;

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{History, NewContact, Send, Simulator};
use waggle::net::{Method, Url};

use crate::services;
use crate::support::{KEY, Node, contact, eventually, simulator, told};
use crate::wire::Wire;

/// Memory of a process in MiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

async fn total(node: &Node) -> u64 {
    let found = node.post("/chat/findMessages/acme", json!({"offset": 1})).await;
    found["messages"]["total"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_recorded_once_and_in_little_memory() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let plan = History {
        chats: 40,
        bootstrap: 5,
        recent: 60,
        full: 20,
        on_demand: 30,
        chats_per_blob: 20,
        text_bytes: 1_000,
        ..History::default()
    };
    simulator.handle().create_contact(NewContact::default()).unwrap();
    let before = resident(node.process());
    simulator.handle().set_history(Some(plan.clone()));
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    // Without the setting the oldest part is left out.
    assert!(!asked_for_all(&simulator, &phone));
    eventually("the recent messages are here", async || (total(&node).await == 40 * 65).then_some(())).await;
    let grown = resident(node.process()).saturating_sub(before);
    assert!(grown < 200, "{grown} MiB more");

    let set = told(&receiver, "messages.set", |body| body["data"][0]["message"].is_object()).await;
    let first = &set["data"][0];
    assert!(first["key"]["id"].is_string() && first["messageTimestamp"].is_i64(), "{first}");
    assert_eq!(
        (&set["isLatest"], &set["progress"]),
        (&json!(true), &json!(100)),
        "of the newest part: {set}"
    );
    told(&receiver, "messages.set", |body| body["isLatest"] == false && body["progress"] == 50).await;
    let chats = told(&receiver, "chats.set", |body| body["data"][0]["remoteJid"].is_string()).await;
    assert!(chats.get("isLatest").is_none() && chats.get("progress").is_none(), "{chats}");
    for kind in ["contacts.set", "contacts.upsert"] {
        told(&receiver, kind, |body| body["data"][0]["pushName"].is_string()).await;
    }
    eventually("all of it is said to be here", async || {
        let state = node.get("/instance/connectionState/acme").await;
        (state["instance"]["historyProgress"] == 100).then_some(())
    })
    .await;

    let chats = node.post("/chat/findChats/acme", json!({})).await;
    let chats = chats.as_array().unwrap();
    assert_eq!(chats.len(), 40);
    let unread: u64 = chats.iter().map(|chat| chat["unreadCount"].as_u64().unwrap()).sum();
    assert_eq!(unread, (0..40).map(|chat| chat % 3).sum::<u64>(), "as the phone has it");
    assert_eq!(chats.iter().filter(|chat| chat["archived"] == true).count(), 5);

    // The same again changes nothing, also what was read meanwhile.
    let jid = chats.iter().find(|chat| chat["unreadCount"] == 2).unwrap()["remoteJid"].as_str().unwrap();
    let here = json!({"where": {"key": {"remoteJid": jid}}, "offset": 100});
    let messages = node.messages("acme", here.clone()).await;
    assert_eq!(messages.len(), 65);
    let read = json!({"readMessages": [{"remoteJid": jid, "fromMe": false, "id": messages[0]["key"]["id"]}]});
    node.post("/chat/markMessageAsRead/acme", read).await;
    let sets = || receiver.deliveries().iter().filter(|one| one.event() == "contacts.set").count();
    let known = sets();
    simulator.handle().send_history(&phone, plan).unwrap();
    eventually("it has come again", async || (sets() > known).then_some(())).await;
    let older = json!({"remoteJid": jid, "count": 10});
    let asked = node.post("/chat/fetchHistory/acme", older).await;
    assert!(asked["requestId"].is_string(), "{asked}");
    eventually("the older ones are here", async || {
        (node.messages("acme", here.clone()).await.len() == 75).then_some(())
    })
    .await;
    assert_eq!(total(&node).await, 40 * 65 + 10);
    told(&receiver, "messages.set", |body| body.get("isLatest").is_none() && body["progress"] == 100).await;
    let chat = node.post("/chat/findChats/acme", json!({"where": {"remoteJid": jid}})).await;
    assert_eq!(chat[0]["unreadCount"], 0, "{chat}");

    let unknown = json!({"remoteJid": "5511000000001", "count": 10});
    assert_eq!(node.call(Method::POST, "/chat/fetchHistory/acme", unknown).await.0, 404);
    let (status, answer) = node.call(Method::POST, "/chat/fetchHistory/acme", json!({"count": 0})).await;
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("remoteJid") && answer.to_string().contains("count"), "{answer}");
}

/// Whether the device of an account asked its phone for the whole history.
fn asked_for_all(simulator: &Simulator, phone: &str) -> bool {
    let devices = simulator.handle().account_info(phone).unwrap().devices;
    assert_eq!(devices.len(), 1);
    devices[0].full_history
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_history_comes_to_who_asks_for_it() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let plan = History { chats: 10, bootstrap: 5, recent: 10, full: 20, ..History::default() };
    simulator.handle().set_history(Some(plan));
    let order = json!({
        "instanceName": "acme", "integration": "WHATSAPP-BAILEYS", "qrcode": true, "syncFullHistory": true,
    });
    let created = node.post("/instance/create", order).await;
    let qr = created["qrcode"]["code"].as_str().unwrap();
    let phone = simulator.handle().scan_qr(qr, None).await.unwrap().phone;
    node.is("acme", "open").await;
    assert!(asked_for_all(&simulator, &phone));
    eventually("all of it is on record", async || (total(&node).await == 10 * 35).then_some(())).await;

    // Another phone has another history: how far the first one's came says nothing of it.
    let progress =
        async || node.get("/instance/connectionState/acme").await["instance"]["historyProgress"].clone();
    eventually("all of it is said to be here", async || (progress().await == 100).then_some(())).await;
    simulator.handle().set_history(None);
    let (status, answer) = node.call(Method::DELETE, "/instance/logout/acme", Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let qr = eventually("a QR of the next pairing", async || {
        let shown = node.get("/instance/connect/acme").await;
        shown["code"].as_str().filter(|code| !code.is_empty()).map(str::to_owned)
    })
    .await;
    simulator.handle().scan_qr(&qr, None).await.unwrap();
    node.is("acme", "open").await;
    assert_eq!(progress().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_recorded_takes_no_other_along() {
    const CHATS: u64 = 3;
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let plan = History { chats: 3, recent: 50, long_ids: 2, ..History::default() };
    simulator.handle().set_history(Some(plan));
    node.pair("acme", &simulator, Some(&receiver)).await;
    eventually("all others are on record", async || (total(&node).await == CHATS * 48).then_some(())).await;
    eventually("all others are told", async || {
        (times_told(&receiver).len() == usize::try_from(CHATS * 48).unwrap()).then_some(())
    })
    .await;
    eventually("it is said to be here", async || {
        let state = node.get("/instance/connectionState/acme").await;
        (state["instance"]["historyProgress"] == 100).then_some(())
    })
    .await;
    assert_eq!(total(&node).await, CHATS * 48);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_not_to_be_stored_is_told() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start_with(&simulator, &[("DATABASE_SAVE_DATA_HISTORIC", "false")]).await;
    let plan = History { chats: 10, bootstrap: 5, recent: 30, ..History::default() };
    simulator.handle().set_history(Some(plan));
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    eventually("all of it is told", async || (times_told(&receiver).len() == 350).then_some(())).await;
    for kind in ["chats.set", "contacts.set"] {
        told(&receiver, kind, |body| body["data"][0]["remoteJid"].is_string()).await;
    }
    let chats = async || node.post("/chat/findChats/acme", json!({})).await.as_array().unwrap().len();
    assert_eq!((total(&node).await, chats().await), (0, 0));
    // What comes from now on is stored.
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone, text: "now".into(), count: 1, ..Send::default() };
    simulator.handle().send(&alice.phone, order).await.unwrap();
    eventually("a message is on record", async || (total(&node).await == 1).then_some(())).await;
}

/// What comes between the node and its history.
#[derive(Clone, Copy)]
enum Trouble {
    Connection,
    Process,
}

/// Makes trouble again and again while a history comes; all of it is on record in the end, and told once.
async fn a_history_survives(trouble: Trouble) {
    const CHATS: u32 = 120;
    const EACH: u32 = 160;
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let mut node = Node::start(&simulator).await;
    let plan = History {
        chats: CHATS,
        bootstrap: 10,
        recent: EACH - 10,
        chats_per_blob: 6,
        text_bytes: 200,
        inline: true,
        ..History::default()
    };
    simulator.handle().set_history(Some(plan));
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let all = u64::from(CHATS * EACH);
    let mut middle = 0;
    for _ in 0..3 {
        let before = total(&node).await;
        eventually("more of it is on record", async || {
            let now = total(&node).await;
            (now == all || now > before + u64::from(EACH)).then_some(())
        })
        .await;
        match trouble {
            Trouble::Connection => drop(simulator.handle().drop_connections(&phone, None).unwrap()),
            Trouble::Process => {
                node.kill();
                node.start_again().await;
            }
        }
        let there = total(&node).await;
        middle += usize::from(there > 0 && there < all);
        node.is("acme", "open").await;
    }
    assert!(middle > 0, "the history was here before any trouble came");
    eventually("all of it is on record", async || (total(&node).await == all).then_some(())).await;
    eventually("all of it is told", async || {
        (times_told(&receiver).len() == usize::try_from(all).unwrap()).then_some(())
    })
    .await;
    let more: Vec<_> = times_told(&receiver).into_iter().filter(|(_, times)| *times != 1).collect();
    assert!(more.is_empty(), "told by several events: {more:?}");
    eventually("it is said to be here", async || {
        let state = node.get("/instance/connectionState/acme").await;
        (state["instance"]["historyProgress"] == 100).then_some(())
    })
    .await;
    let chats = node.post("/chat/findChats/acme", json!({})).await;
    assert_eq!(chats.as_array().unwrap().len(), usize::try_from(CHATS).unwrap());
    assert_eq!(total(&node).await, all, "nothing came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_whole_though_the_connection_broke_in_the_middle_of_it() {
    a_history_survives(Trouble::Connection).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_whole_though_the_node_was_killed_in_the_middle_of_it() {
    a_history_survives(Trouble::Process).await;
}

/// How often each message of the history was told, by its id, where an event that came again counts once.
fn times_told(receiver: &Receiver) -> HashMap<String, usize> {
    let sets: HashMap<String, Value> = receiver
        .deliveries()
        .iter()
        .filter(|one| one.event() == "messages.set")
        .map(|one| (one.body["id"].as_str().unwrap().to_owned(), one.body["data"].clone()))
        .collect();
    let mut times = HashMap::new();
    for message in sets.values().flat_map(|data| data.as_array().unwrap()) {
        *times.entry(message["key"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_whole_though_the_database_was_away_in_the_middle_of_it() {
    const CHATS: u32 = 60;
    const EACH: u32 = 150;
    let database = services::postgres().await;
    let mut through = Url::parse(&database.url).unwrap();
    let wire = Wire::to(through.port().unwrap()).await;
    through.set_port(Some(wire.port)).unwrap();
    let environment = [("DATABASE_PROVIDER", "postgresql"), ("DATABASE_CONNECTION_URI", through.as_str())];
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start_with(&simulator, &environment).await;
    let straight = sea_orm::Database::connect(&database.url).await.unwrap();
    let on_record = async || {
        let count = straight.query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
            "SELECT COUNT(*) FROM message",
        ));
        count.await.unwrap().unwrap().try_get_by_index::<i64>(0).unwrap()
    };
    let all = i64::from(CHATS * EACH);
    let plan = History {
        chats: CHATS,
        recent: EACH,
        chats_per_blob: 5,
        text_bytes: 200,
        ..History { bootstrap: 0, full: 0, ..History::default() }
    };
    simulator.handle().set_history(Some(plan));
    node.pair("acme", &simulator, Some(&receiver)).await;
    for _ in 0..3 {
        let before = on_record().await;
        eventually("more of it is on record", async || (on_record().await > before).then_some(())).await;
        wire.cut();
        eventually("the node knows that the database is away", async || {
            let (status, _) = node.try_call(Method::GET, "/health/ready", Some(KEY), None).await?;
            (status == 503).then_some(())
        })
        .await;
        let there = on_record().await;
        assert!(there > 0 && there < all, "{there} of {all}: the history was not in the middle");
        wire.mend();
    }
    eventually("all of it is on record", async || (on_record().await == all).then_some(())).await;
    eventually("all of it is told", async || {
        (times_told(&receiver).len() == usize::try_from(all).unwrap()).then_some(())
    })
    .await;
    let more: Vec<_> = times_told(&receiver).into_iter().filter(|(_, times)| *times != 1).collect();
    assert!(more.is_empty(), "told by several events: {more:?}");
    eventually("it is said to be here", async || {
        let state = node.get("/instance/connectionState/acme").await;
        (state["instance"]["historyProgress"] == 100 && state["instance"]["state"] == "open").then_some(())
    })
    .await;
    let chats = node.post("/chat/findChats/acme", json!({})).await;
    assert_eq!(chats.as_array().unwrap().len(), usize::try_from(CHATS).unwrap());
    assert_eq!(i64::try_from(total(&node).await).unwrap(), all);
    assert_eq!(on_record().await, all, "nothing came twice");
    straight.close().await.unwrap();
    drop(node);
    database.remove().await;
}
