//! Linking accounts.

use serde_json::{Value, json};
use wa_sim::ProfileChange;
use wa_sim::receiver::Receiver;
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_qr_links_an_account_and_a_restart_asks_for_none() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let mut node = Node::start(&simulator).await;
    let created = node.create("acme", Some(&receiver)).await;
    assert_eq!(created["instance"]["instanceName"], "acme");
    assert_eq!(created["instance"]["status"], "connecting");
    assert!(created["hash"].is_string(), "{created}");
    let qr = &created["qrcode"];
    assert!(qr["base64"].as_str().unwrap().starts_with("data:image/png;base64,"), "{qr}");
    assert_eq!(qr["count"], 1);
    let told_qr = told(&receiver, "qrcode.updated", |_| true).await;
    assert_eq!(told_qr["data"]["qrcode"]["code"], qr["code"]);

    let paired = simulator.handle().scan_qr(qr["code"].as_str().unwrap(), None).await.unwrap();
    node.is("acme", "open").await;
    let open = told(&receiver, "connection.update", |body| body["data"]["state"] == "open").await;
    assert_eq!(open["data"]["wuid"], format!("{}@s.whatsapp.net", paired.phone));
    assert_eq!(node.get("/instance/connect/acme").await["instance"]["state"], "open");

    assert_eq!(node.stop().await, Some(0), "a graceful stop exits with 0");
    receiver.clear();
    node.start_again().await;
    node.is("acme", "open").await;
    let events: Vec<String> = receiver.deliveries().iter().map(|one| one.event().to_owned()).collect();
    assert!(!events.contains(&"qrcode.updated".to_owned()), "{events:?}");
    let row = &node.get("/instance/fetchInstances?instanceName=acme").await[0];
    assert_eq!(row["connectionStatus"], "open");
    assert_eq!(row["ownerJid"], format!("{}@s.whatsapp.net", paired.phone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_told_with_the_picture_of_the_account() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let own = contact(&simulator, "Acme");
    let change = ProfileChange { picture: Some(b"jpeg".to_vec()), ..ProfileChange::default() };
    simulator.handle().set_profile(&own.phone, change).unwrap();
    let created = node.create("acme", Some(&receiver)).await;
    let qr = created["qrcode"]["code"].as_str().unwrap();
    simulator.handle().scan_qr(qr, Some(&own.phone)).await.unwrap();
    let open = told(&receiver, "connection.update", |body| body["data"]["state"] == "open").await;
    let url = open["data"]["profilePictureUrl"].as_str().unwrap_or_else(|| panic!("no picture: {open}"));
    let row = &node.get("/instance/fetchInstances?instanceName=acme").await[0];
    assert_eq!(row["profilePicUrl"], url, "{row}");
    told(&receiver, "contacts.update", |body| {
        body["data"][0]["remoteJid"] == own.jid && body["data"][0]["profilePicUrl"] == url
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairing_code_links_an_account() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.post("/instance/create", json!({"instanceName": "coded"})).await;
    assert_eq!(node.state("coded").await, "close");
    let shown = node.get("/instance/connect/coded?number=5511912345678").await;
    let code = shown["pairingCode"].as_str().unwrap_or_else(|| panic!("no code in {shown}")).replace('-', "");
    assert_eq!(code.len(), 8, "{shown}");
    let paired = simulator.handle().enter_code("5511912345678", &code).await.unwrap();
    assert_eq!(paired.phone, "5511912345678");
    node.is("coded", "open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_unlinks_and_the_next_connect_shows_a_qr() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let (status, answer) = node.call(Method::DELETE, "/instance/logout/acme", Value::Null).await;
    assert_eq!((status, &answer["status"]), (200, &json!("SUCCESS")));
    node.is("acme", "close").await;
    told(&receiver, "logout.instance", |_| true).await;
    told(&receiver, "connection.update", |body| body["data"]["statusReason"] == 401).await;
    told(&receiver, "status.instance", |body| body["data"]["disconnectionReasonCode"] == 401).await;
    let devices = simulator.handle().account_info(&phone).unwrap().devices;
    assert!(devices.is_empty(), "the device is gone at WhatsApp: {devices:?}");
    let (status, _) = node.call(Method::DELETE, "/instance/logout/acme", Value::Null).await;
    assert_eq!(status, 400, "logging out twice");
    let qr = node.get("/instance/connect/acme").await;
    simulator.handle().scan_qr(qr["code"].as_str().unwrap(), None).await.unwrap();
    node.is("acme", "open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_removed_on_the_phone_is_a_logout_and_a_dropped_connection_is_not() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    receiver.clear();
    assert_eq!(simulator.handle().drop_connections(&phone, None).unwrap(), 1);
    told(&receiver, "connection.update", |body| body["data"]["state"] == "connecting").await;
    told(&receiver, "connection.update", |body| body["data"]["state"] == "open").await;
    node.is("acme", "open").await;
    let closed = receiver.deliveries().iter().any(|one| {
        one.event() == "status.instance"
            || one.event() == "connection.update" && one.body["data"]["state"] == "close"
    });
    assert!(!closed, "what is tried again is not closed");

    let device = simulator.handle().account_info(&phone).unwrap().devices[0].device;
    simulator.handle().remove_device(&phone, device).unwrap();
    told(&receiver, "connection.update", |body| body["data"]["statusReason"] == 401).await;
    node.is("acme", "close").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_scans_and_the_limit_ends_it() {
    let simulator = simulator().await;
    let node = Node::start_with(&simulator, &[("QRCODE_LIMIT", "1")]).await;
    node.create("slow", None).await;
    assert_eq!(node.state("slow").await, "connecting");
    let again = node.get("/instance/connect/slow").await;
    assert_eq!(again["count"], 1, "a second request shows the same QR: {again}");
    let restarted = node.post("/instance/restart/slow", Value::Null).await;
    assert!(restarted["code"].is_string(), "{restarted}");
    eventually("a fresh QR", async || {
        let shown = node.get("/instance/connect/slow").await;
        (shown["code"] != again["code"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_no_further_qr_is_shown_is_told() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start_with(&simulator, &[("QRCODE_LIMIT", "0")]).await;
    node.create("none", Some(&receiver)).await;
    let limit = told(&receiver, "qrcode.updated", |_| true).await;
    let data = json!({"message": "QR code limit reached, please login again", "statusCode": 500});
    assert_eq!(limit["data"], data);
    let refused = told(&receiver, "connection.update", |body| body["data"]["state"] == "refused").await;
    assert_eq!(refused["data"], json!({"instance": "none", "state": "refused", "statusReason": 428}));
    node.is("none", "close").await;
}
