//! Labels, made here and on the phone.

use serde_json::{Value, json};
use wa_sim::Change;
use wa_sim::receiver::Receiver;
use waggle::net::Method;

use crate::chats::shared;
use crate::support::{Node, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_the_phone_and_of_the_api_are_one_list() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let receiver = Receiver::start().await.unwrap();
    let mut node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    assert_eq!(node.get("/label/findLabels/acme").await, json!([]));

    let vip = |deleted| Change::Label { id: "7".into(), name: "VIP".into(), color: 3, deleted };
    handle.change(&phone, &vip(false)).unwrap();
    handle
        .change(&phone, &Change::LabelChat { id: "7".into(), chat: alice.lid.clone(), labeled: true })
        .unwrap();
    eventually("the phone's label is here", async || {
        handle.announce_app_state(&phone).unwrap();
        (node.get("/label/findLabels/acme").await.as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    let shown = json!([{"color": "3", "name": "VIP", "id": "7", "predefinedId": null}]);
    assert_eq!(node.get("/label/findLabels/acme").await, shown);
    let edit = told(&receiver, "labels.edit", |_| true).await;
    let edited =
        |deleted: bool| json!({"id": "7", "name": "VIP", "color": 3, "deleted": deleted, "instance": "acme"});
    assert_eq!(edit["data"], edited(false));
    let association = told(&receiver, "labels.association", |body| body["data"]["type"] == "add").await;
    let associated = |chat: &str, label: &str, kind: &str| json!({"instance": "acme", "type": kind, "chatId": chat, "labelId": label});
    assert_eq!(association["data"], associated(&alice.lid, "7", "add"), "as the phone names the chat");

    let new = json!({"action": "create", "name": "Later", "color": 5});
    let (status, created) = shared(&node, "/label/handleLabel/acme", new).await;
    let label = json!({"color": "5", "name": "Later", "id": "8", "predefinedId": null});
    assert_eq!((status, created), (200, label));
    let add = json!({"number": alice.phone, "labelId": "8", "action": "add"});
    let added = node.post("/label/handleLabel/acme", add).await;
    assert_eq!(added, json!({"numberJid": alice.jid, "labelId": "8", "add": true}));
    let association = told(&receiver, "labels.association", |body| body["data"]["labelId"] == "8").await;
    assert_eq!(association["data"], associated(&alice.jid, "8", "add"));
    let records = handle.app_state(&phone).unwrap();
    let find = |index: &[&str]| {
        records.iter().find(|record| record.index == index).map(|record| record.value.clone())
    };
    assert_eq!(find(&["label_edit", "8"]).unwrap()["label_edit_action"]["name"], "Later");
    assert_eq!(find(&["label_jid", "8", &alice.jid]).unwrap()["label_association_action"]["labeled"], true);

    // The chat shows its labels, whoever put them on, also after a restart.
    let order = wa_sim::Send { to: phone.clone(), text: "hi".into(), ..wa_sim::Send::default() };
    handle.send(&alice.phone, order).await.unwrap();
    let chat = format!("/chat/findChatByRemoteJid/acme?remoteJid={}", alice.jid);
    let labels = async |node: &Node| node.get(&chat).await["labels"].clone();
    eventually("the chat has both", async || (labels(&node).await == json!(["7", "8"])).then_some(())).await;
    node.stop().await;
    node.start_again().await;
    node.is("acme", "open").await;
    assert_eq!(labels(&node).await, json!(["7", "8"]));

    let remove = json!({"number": alice.phone, "labelId": "8", "action": "remove"});
    let removed = node.post("/label/handleLabel/acme", remove).await;
    assert_eq!(removed, json!({"numberJid": alice.jid, "labelId": "8", "remove": true}));
    let association = told(&receiver, "labels.association", |body| body["data"]["type"] == "remove").await;
    assert_eq!(association["data"], associated(&alice.jid, "8", "remove"));
    handle.change(&phone, &vip(true)).unwrap();
    eventually("the phone's label is gone", async || {
        handle.announce_app_state(&phone).unwrap();
        (node.get("/label/findLabels/acme").await.as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(labels(&node).await, Value::Null);
    let gone = told(&receiver, "labels.edit", |body| body["data"]["deleted"] == true).await;
    assert_eq!(gone["data"], edited(true));
    node.post("/label/handleLabel/acme", json!({"labelId": "8", "action": "delete"})).await;
    assert_eq!(node.get("/label/findLabels/acme").await, json!([]));

    let last = json!({"action": "create", "name": "Last", "labelId": u64::MAX.to_string()});
    node.post("/label/handleLabel/acme", last).await;
    let create = |name: &str| {
        let (node, body) = (&node, json!({"action": "create", "name": name}));
        async move { node.post("/label/handleLabel/acme", body).await["id"].clone() }
    };
    let (one, two) = tokio::join!(create("One"), create("Two"));
    assert_ne!(one, two, "made at the same time");
    assert_eq!(node.get("/label/findLabels/acme").await.as_array().unwrap().len(), 3);

    let (status, answer) = node.call(Method::POST, "/label/handleLabel/acme", json!({})).await;
    assert_eq!(status, 400);
    for field in ["number", "labelId", "action"] {
        assert!(answer.to_string().contains(field), "{answer}");
    }
    let unknown = json!({"number": alice.phone, "labelId": "99", "action": "add"});
    assert_eq!(node.call(Method::POST, "/label/handleLabel/acme", unknown).await.0, 404);
    let nobody = json!({"number": "5500000000000", "labelId": "7", "action": "add"});
    let (status, answer) = node.call(Method::POST, "/label/handleLabel/acme", nobody).await;
    assert_eq!((status, &answer["response"]["message"]), (404, &json!(["Number is not on WhatsApp"])));
}
