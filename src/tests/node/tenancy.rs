//! Whose key opens what, and what an instance sees of another.

use serde_json::{Value, json};
use wa_sim::Send;
use waggle::net::Method;

use crate::support::{KEY, Node, contact, eventually, simulator};

/// A token long enough to be chosen, and nobody's.
const NOBODYS: &str = "nobody-has-this-key";

/// Every route that names an instance, with a body that it would take. What ends the instance comes last.
fn routes() -> Vec<(Method, &'static str, Value)> {
    let key = json!({"id": "3EB0", "remoteJid": "5511987654321@s.whatsapp.net", "fromMe": true});
    let settings = json!({
        "rejectCall": false, "groupsIgnore": false, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false,
    });
    let webhook = json!({"webhook": {"url": "http://127.0.0.1:9/", "enabled": false}});
    let (none, feed) = (Value::Null, json!({"enabled": false, "events": []}));
    vec![
        (Method::GET, "/instance/connectionState/{instance}", none.clone()),
        (Method::HEAD, "/instance/connectionState/{instance}", none.clone()),
        (Method::POST, "/instance/setPresence/{instance}", json!({"presence": "available"})),
        (Method::POST, "/message/sendText/{instance}", json!({"number": "5511987654321", "text": "hi"})),
        (
            Method::POST,
            "/message/forward/{instance}",
            json!({"number": "5511987654321", "key": {"id": "3EB0"}}),
        ),
        (Method::POST, "/message/sendReaction/{instance}", json!({"key": key, "reaction": "x"})),
        (Method::POST, "/call/reject/{instance}", json!({"callId": "C", "from": "5511987654321"})),
        (Method::POST, "/business/getCatalog/{instance}", json!({})),
        (Method::POST, "/baileys/getAuthState/{instance}", json!({})),
        (Method::POST, "/chat/findMessages/{instance}", json!({"where": {}})),
        (Method::POST, "/chat/findChats/{instance}", json!({})),
        (
            Method::GET,
            "/chat/findChatByRemoteJid/{instance}?remoteJid=5511987654321@s.whatsapp.net",
            none.clone(),
        ),
        (Method::POST, "/chat/findContacts/{instance}", json!({"where": {}})),
        (Method::POST, "/chat/findStatusMessage/{instance}", json!({"where": {}})),
        (Method::POST, "/chat/whatsappNumbers/{instance}", json!({"numbers": ["5511987654321"]})),
        (Method::POST, "/chat/markMessageAsRead/{instance}", json!({"readMessages": [key]})),
        (
            Method::POST,
            "/chat/sendPresence/{instance}",
            json!({"number": "5511987654321", "delay": 1, "presence": "composing"}),
        ),
        (Method::POST, "/chat/updateMessage/{instance}", json!({"key": key, "text": "hi"})),
        (Method::DELETE, "/chat/deleteMessageForEveryone/{instance}", key.clone()),
        (Method::DELETE, "/message/delete/{instance}", key),
        (Method::POST, "/settings/set/{instance}", settings),
        (Method::GET, "/settings/find/{instance}", none.clone()),
        (Method::POST, "/webhook/set/{instance}", webhook),
        (Method::GET, "/webhook/find/{instance}", none.clone()),
        (Method::GET, "/webhook/deadLetters/{instance}", none.clone()),
        (Method::POST, "/webhook/redrive/{instance}", json!({})),
        (Method::POST, "/websocket/set/{instance}", feed.clone()),
        (Method::GET, "/websocket/find/{instance}", none.clone()),
        (Method::POST, "/rabbitmq/set/{instance}", feed),
        (Method::GET, "/rabbitmq/find/{instance}", none.clone()),
        (Method::GET, "/instance/connect/{instance}", none.clone()),
        (Method::POST, "/instance/connect/{instance}", json!({})),
        (Method::POST, "/instance/restart/{instance}", none.clone()),
        (Method::PUT, "/instance/restart/{instance}", none.clone()),
        (Method::DELETE, "/instance/logout/{instance}", none.clone()),
        (Method::PUT, "/instance/logout/{instance}", none.clone()),
        (Method::POST, "/instance/logout/{instance}", none.clone()),
        (Method::DELETE, "/instance/delete/{instance}", none),
    ]
}

async fn ask(
    node: &Node,
    (method, path, body): &(Method, &str, Value),
    name: &str,
    key: Option<&str>,
) -> (u16, String) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let path = path.replace("{instance}", name);
    node.raw(method.clone(), &path, key, Some(body)).await.expect("the node answers")
}

async fn token(node: &Node, name: &str) -> String {
    let created = node.post("/instance/create", json!({"instanceName": name})).await;
    created["hash"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_key_nobody_learns_which_names_exist() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let (_, bobs) = (token(&node, "alices").await, token(&node, "bobs").await);
    let before = node.get("/instance/fetchInstances").await;
    for route in &routes() {
        let what = format!("{} {}", route.0, route.1);
        for (key, wanted) in [(None, 401), (Some(""), 401), (Some(NOBODYS), 401), (Some(bobs.as_str()), 403)]
        {
            let existing = ask(&node, route, "alices", key).await;
            let absent = ask(&node, route, "carols", key).await;
            assert_eq!(existing.0, wanted, "{what} with {key:?}: {}", existing.1);
            assert_eq!(existing, absent, "{what} with {key:?}");
            if route.0 != Method::HEAD {
                let told: Value = serde_json::from_str(&existing.1).unwrap();
                assert_eq!(told["status"], wanted, "{what}: {told}");
                assert!(
                    told["error"].is_string() && !told["response"]["message"].is_null(),
                    "{what}: {told}"
                );
            }
        }
        let (status, answer) = ask(&node, route, "carols", Some(KEY)).await;
        assert_eq!(status, 404, "{what} with the global key on an absent name: {answer}");
    }
    assert_eq!(node.get("/instance/fetchInstances").await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_others_cannot_be_smuggled_into_a_request() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let (_, bobs) = (token(&node, "alices").await, token(&node, "bobs").await);
    for path in [
        "/instance/connectionState/alices?instanceName=bobs",
        "/instance/connectionState/alices?apikey=global-key-of-the-tests",
        "/instance/connectionState/bobs%2F..%2Falices",
        "/instance/connectionState/bobs/../alices",
        "/INSTANCE/connectionstate/alices/",
        "//instance/connectionState/alices",
    ] {
        let (status, answer) = node.raw(Method::GET, path, Some(&bobs), None).await.unwrap();
        assert!(matches!(status, 403 | 404), "{path}: {status} {answer}");
    }
    let (status, answer) = node
        .try_call(Method::GET, "/instance/connectionState/bobs?instanceName=alices", Some(&bobs), None)
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["instance"]["instanceName"]),
        (200, &json!("bobs")),
        "the path names it: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_own_instance_on_every_route() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let own = token(&node, "own").await;
    for route in &routes() {
        let (status, answer) = ask(&node, route, "own", Some(&own)).await;
        // Not linked: what needs the phone says so, and the rest works.
        assert!(matches!(status, 200 | 201 | 400 | 409), "{} {}: {status} {answer}", route.0, route.1);
        if status == 400 {
            assert!(route.1.contains("logout"), "{} {}: {answer}", route.0, route.1);
        }
    }
    let (status, answer) =
        node.try_call(Method::GET, "/instance/fetchInstances", Some(&own), None).await.unwrap();
    assert_eq!(status, 401, "the token of a deleted instance: {answer}");
    assert_eq!(node.get("/instance/fetchInstances").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lists_its_own_row_and_is_no_global_key() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let (alices, bobs) = (token(&node, "alices").await, token(&node, "bobs").await);
    for (name, key) in [("alices", &alices), ("bobs", &bobs)] {
        for query in ["", &format!("?instanceName={name}"), "?number=", "?page=2&take=100"] {
            let path = format!("/instance/fetchInstances{query}");
            let (status, rows) = node.try_call(Method::GET, &path, Some(key), None).await.unwrap();
            assert_eq!(status, 200, "{path}: {rows}");
            assert_eq!(rows.as_array().map(Vec::len), Some(1), "{path}: {rows}");
            assert_eq!(
                (rows[0]["name"].as_str(), rows[0]["token"].as_str()),
                (Some(name), Some(key.as_str()))
            );
        }
    }
    let all = node.get("/instance/fetchInstances").await;
    let id = all.as_array().unwrap().iter().find(|row| row["name"] == "alices").unwrap()["id"].clone();
    let mut answers = Vec::new();
    for query in [
        "instanceName=alices".to_owned(),
        "instanceName=carols".to_owned(),
        format!("instanceId={}", id.as_str().unwrap()),
    ] {
        let path = format!("/instance/fetchInstances?{query}");
        answers.push(node.raw(Method::GET, &path, Some(&bobs), None).await.unwrap());
    }
    assert!(answers.iter().all(|(status, _)| *status == 403), "{answers:?}");
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "existing and absent are the same: {answers:?}"
    );

    for key in [None, Some(NOBODYS), Some(bobs.as_str())] {
        for (path, body) in
            [("/verify-creds", json!({})), ("/instance/create", json!({"instanceName": "carols"}))]
        {
            let answer =
                node.try_call(Method::POST, path, key, Some(body.to_string().into_bytes())).await.unwrap();
            assert_eq!(answer.0, 401, "{path} with {key:?}: {}", answer.1);
        }
    }
    assert_eq!(node.call(Method::POST, "/verify-creds", Value::Null).await.0, 200);
    let (status, _) =
        node.call(Method::GET, "/instance/fetchInstances?instanceName=carols", Value::Null).await;
    assert_eq!(status, 404, "a token creates nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_with_the_same_contact_see_only_their_own() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let (one, two) = (node.pair("one", &simulator, None).await, node.pair("two", &simulator, None).await);
    let alice = contact(&simulator, "Alice");
    let mut ids = Vec::new();
    for (phone, text) in [(one, "only for one"), (two, "only for two")] {
        let order = Send { to: phone, text: text.into(), ..Send::default() };
        ids.push(simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone());
    }
    for (name, id) in [("one", &ids[0]), ("two", &ids[1])] {
        eventually("it is stored", async || {
            (!node.messages(name, json!({"where": {"key": {"id": id}}})).await.is_empty()).then_some(())
        })
        .await;
    }
    let mut answers = Vec::new();
    for name in ["one", "two"] {
        let (path, text) = (format!("/message/sendText/{name}"), format!("from {name}"));
        ids.push(
            node.post(&path, json!({"number": alice.phone, "text": text})).await["key"]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        let records = node.messages(name, json!({"where": {"key": {"remoteJid": alice.jid}}})).await;
        assert_eq!(records.len(), 2, "{name}: {records:?}");
        let chats = node.post(&format!("/chat/findChats/{name}"), json!({})).await;
        assert_eq!(
            chats.as_array().unwrap().iter().filter(|chat| chat["remoteJid"] == alice.jid).count(),
            1,
            "{chats}"
        );
        let contacts = node.post(&format!("/chat/findContacts/{name}"), json!({})).await;
        answers.push(format!("{records:?} {chats} {contacts}"));
    }
    for (name, foreign) in [("one", [&ids[1], &ids[3]]), ("two", [&ids[0], &ids[2]])] {
        for id in foreign {
            let found = node.messages(name, json!({"where": {"key": {"id": id}}})).await;
            assert!(found.is_empty(), "{name} finds a message of the other: {found:?}");
            let key = json!({"id": id, "remoteJid": alice.jid, "fromMe": true});
            let (status, answer) = node
                .call(
                    Method::POST,
                    &format!("/chat/updateMessage/{name}"),
                    json!({"key": key, "text": "mine"}),
                )
                .await;
            assert!(matches!(status, 400 | 404), "{name} edits a message of the other: {status} {answer}");
        }
    }
    assert!(!answers[0].contains("only for two") && !answers[0].contains("from two"), "{}", answers[0]);
    assert!(!answers[1].contains("only for one") && !answers[1].contains("from one"), "{}", answers[1]);
    let instances = node.get("/instance/fetchInstances").await;
    let id_of = |name: &str| {
        instances.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(!answers[0].contains(&id_of("two")) && !answers[1].contains(&id_of("one")), "{answers:?}");
}
