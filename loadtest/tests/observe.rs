//! The record of stanzas and the metrics.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use common::{client::TestClient, http::exchange, simulator, texts::received, until};
use serde_json::{Value, json};
use wa_sim::{Direction, Handle, NewContact, Send, Simulator};
use whatsapp_rust::Jid;

fn passed(handle: &Handle, phone: &str, direction: Direction, parts: &[&str]) -> Option<String> {
    let stanzas = handle.recorded(phone, 0).expect("recorded");
    let found = stanzas
        .into_iter()
        .find(|stanza| stanza.direction == direction && parts.iter().all(|part| stanza.xml.contains(part)));
    found.map(|stanza| stanza.xml)
}

async fn get(simulator: &Simulator, path: &str) -> String {
    let (status, body) = exchange(simulator.addr(), "GET", path, "text/plain", b"").await.expect("get");
    assert_eq!(status, 200);
    String::from_utf8(body).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_recorded_in_both_directions_while_it_is_on() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact").phone;
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    assert!(handle.recorded(&paired.phone, 0).expect("recorded").is_empty());
    handle.record(&paired.phone, 1_000).expect("record");
    let sent = ana.client.send_text(Jid::pn(contact.as_str()), "hello").await.expect("send").message_id;
    received(&handle, &contact, "text").await;
    let order = Send { to: paired.phone.clone(), text: "hi".into(), ..Send::default() };
    let got = handle.send(&contact, order).await.expect("send").ids.remove(0);
    ana.text().await;
    let seen = |direction, parts: &[&str]| passed(&handle, &paired.phone, direction, parts);
    until("message in", || seen(Direction::In, &["<message", &sent, "<enc"])).await;
    until("ack out", || seen(Direction::Out, &["<ack", &sent])).await;
    until("message out", || seen(Direction::Out, &["<message", &got, &contact])).await;
    until("receipt in", || seen(Direction::In, &["<receipt", &got])).await;

    let path = format!("/admin/accounts/{}/record", paired.phone);
    let stanzas: Value = serde_json::from_str(&get(&simulator, &path).await).expect("json");
    let last = stanzas.as_array().expect("array").last().expect("stanza").clone();
    assert_eq!(last["device"], json!(paired.device));
    let rest = get(&simulator, &format!("{path}?after={}", last["seq"])).await;
    // Something may have passed in between, but nothing twice.
    let rest: Vec<Value> = serde_json::from_str(&rest).expect("json");
    assert!(rest.iter().all(|stanza| stanza["seq"].as_u64() > last["seq"].as_u64()));
    let body = json!({ "limit": 0 }).to_string();
    exchange(simulator.addr(), "POST", &path, "application/json", body.as_bytes()).await.expect("post");
    ana.client.send_text(Jid::pn(contact.as_str()), "unseen").await.expect("send");
    assert!(handle.recorded(&paired.phone, 0).expect("recorded").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happened() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact").phone;
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    let order = Send { to: paired.phone.clone(), text: "hi".into(), count: 3, ..Send::default() };
    handle.send(&contact, order).await.expect("send");
    let mut texts = 0;
    while texts < 3 {
        texts += ana.texts().await.len();
    }
    until("receipts", || (handle.stats().pending == 0).then_some(())).await;
    let order = serde_json::from_value(json!({ "kind": "drop" })).expect("order");
    handle.inject(order).expect("inject");
    let text = get(&simulator, "/metrics").await;
    for line in [
        "# TYPE wa_sim_logins_total counter",
        "wa_sim_pairings_total 1",
        "wa_sim_contact_messages_total 3",
        "wa_sim_receipts_total{type=\"delivered\"} 3",
        "wa_sim_faults_total{kind=\"drop\"} 1",
        "wa_sim_queue_depth 0",
        "wa_sim_accounts 2",
        "# TYPE wa_sim_connections gauge",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for counter in ["wa_sim_stanzas_in_total{tag=\"iq\"} ", "wa_sim_bytes_out_total "] {
        let value = text.lines().find_map(|line| line.strip_prefix(counter)).expect(counter);
        assert!(value.parse::<u64>().expect("number") > 0, "{counter}");
    }
}
