//! Instances, settings and sinks: shapes and statuses of the contract.

use serde_json::{Value, json};

use super::support::Node;

fn message(answer: &super::support::Answer) -> Value {
    answer.json()["response"]["message"].clone()
}

#[actix_web::test]
async fn an_instance_is_created_with_everything_clients_send() {
    let node = Node::start().await;
    let body = json!({
        "instanceName": "acme", "integration": "WHATSAPP-BAILEYS", "token": "acme-token", "qrcode": true,
        "rejectCall": "true", "msgCall": "no", "unknown": {"field": 1},
        "webhook": {"url": "http://hook.example/a", "byEvents": true, "webhookBase64": "true",
            "headers": {"x-a": 1, "jwt_key": "k"}, "events": ["messages.upsert", "GROUPS_UPDATE"]},
        "rabbitmq": {"enabled": true, "events": []},
    });
    let answer = node.ask("POST", "/instance/create", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let made = answer.json();
    assert_eq!((&made["hash"], &made["instance"]["status"]), (&json!("acme-token"), &json!("connecting")));
    assert_eq!(made["settings"]["msgCall"], "no");
    let webhook = json!({"webhookUrl": "http://hook.example/a", "webhookByEvents": true,
        "webhookBase64": true, "webhookHeaders": {"x-a": "1", "jwt_key": "k"}});
    assert_eq!((&made["webhook"], &made["rabbitmq"]), (&webhook, &json!({"enabled": true})));
    assert!(made["qrcode"]["base64"].as_str().unwrap().starts_with("data:image/png;base64,"));
    assert_eq!((&made["qrcode"]["count"], &made["qrcode"]["pairingCode"]), (&json!(1), &Value::Null));
    let found = node.ask("GET", "/webhook/find/acme", Value::Null).await.json();
    assert_eq!(found["events"], json!(["MESSAGES_UPSERT", "GROUP_UPDATE"]));
    assert_eq!(
        (&found["webhookByEvents"], &found["createdAt"]),
        (&json!(true), &json!("2026-11-21T01:36:40.000Z"))
    );
    assert_eq!(node.ask("GET", "/websocket/find/acme", Value::Null).await.json(), Value::Null);
    let connect = node.ask("POST", "/instance/connect/acme", json!({"number": "5511999999999"})).await;
    assert_eq!(connect.json()["pairingCode"], "ABCD1234", "{}", connect.text);
}

#[actix_web::test]
async fn what_cannot_be_created_is_refused_by_name() {
    let node = Node::start().await;
    node.create("acme").await;
    let create = |body: Value| node.ask("POST", "/instance/create", body);
    for (body, status, wanted) in [
        (json!({}), 400, json!([["instance requires property \"instanceName\""]])),
        (json!({"instanceName": ""}), 400, json!(["instanceName must have 1 to 100 characters"])),
        (
            json!({"instanceName": "a/b"}),
            400,
            json!(["instanceName may contain letters, digits, space and - _ . @ + only"]),
        ),
        (json!({"instanceName": "acme"}), 409, json!(["This name \"acme\" is already in use."])),
        (
            json!({"instanceName": "b", "token": "short"}),
            400,
            json!(["token must be 8 to 255 visible ASCII characters"]),
        ),
        (
            json!({"instanceName": "b", "token": super::support::GLOBAL}),
            400,
            json!(["token must not be the global key"]),
        ),
        (json!({"instanceName": "b", "integration": "NOPE"}), 400, json!(["Invalid integration"])),
        (json!({"instanceName": "b", "number": "abc"}), 400, json!([["number is not a phone number"]])),
        (
            json!({"instanceName": "b", "qrcode": "maybe", "webhook": {"url": "ftp://x"}, "rejectCall": []}),
            400,
            json!([[
                "qrcode is not of a type(s) boolean",
                "rejectCall is not of a type(s) boolean",
                "webhook.url is not an http or https address"
            ]]),
        ),
    ] {
        let mut answer = create(body.clone()).await;
        let mut got = message(&answer);
        // All problems are told; their order is not promised.
        if let (Some(got), Some(wanted)) = (got[0].as_array_mut(), wanted[0].as_array()) {
            got.sort_by_key(|text| wanted.iter().position(|known| known == text));
        }
        assert_eq!((answer.status, got), (status, wanted), "{body} {}", std::mem::take(&mut answer.text));
    }
    let token = json!({"instanceName": "c", "token": "token-of-c"});
    assert_eq!(create(token).await.status, 201);
    assert_eq!(create(json!({"instanceName": "d", "token": "token-of-c"})).await.status, 409);
}

#[actix_web::test]
async fn dialects_answer_as_their_clients_expect() {
    let node = Node::with(&[("WAGGLE_API_DIALECT", "evolution-2.3")]).await;
    let token = node.create("acme").await;
    let again = node.ask("POST", "/instance/create", json!({"instanceName": "acme"})).await;
    assert_eq!((again.status, &again.json()["error"]), (403, &json!("Forbidden")));
    assert_eq!(node.ask_as(&token, "GET", "/instance/connectionState/x", Value::Null).await.status, 401);
    let node = Node::with(&[("WAGGLE_API_DIALECT", "evolution-1")]).await;
    let made =
        node.ask("POST", "/instance/create", json!({"instanceName": "acme", "token": "acme-token"})).await;
    assert_eq!(made.json()["hash"], json!({"apikey": "acme-token"}));
}

#[actix_web::test]
async fn a_closed_instance_says_so_and_an_open_one_does_what_it_is_told() {
    let node = Node::start().await;
    node.create("closed").await;
    let wanted = json!(["The \"closed\" instance is not connected"]);
    let logout = node.ask("DELETE", "/instance/logout/closed", Value::Null).await;
    assert_eq!((logout.status, message(&logout)), (400, wanted.clone()));
    let send =
        node.ask("POST", "/message/sendText/closed", json!({"number": "5511988887777", "text": "hi"})).await;
    assert_eq!((send.status, message(&send)), (409, wanted));

    node.open("acme").await;
    let presence = node.ask("POST", "/instance/setPresence/acme", json!({"presence": "available"})).await;
    assert_eq!((presence.status, presence.json()), (201, json!({"presence": "available"})));
    let missing = node.ask("POST", "/instance/setPresence/acme", json!({})).await;
    assert_eq!(message(&missing), json!([["instance requires property \"presence\""]]));
    let restart = node.ask("PUT", "/instance/restart/acme", Value::Null).await;
    assert_eq!((restart.status, &restart.json()["instance"]["state"]), (200, &json!("open")));
    let logout = node.ask("POST", "/instance/logout/acme", Value::Null).await;
    assert_eq!(logout.json()["response"], json!({"message": "Instance logged out"}));
    let state = node.ask("GET", "/instance/connectionState/acme", Value::Null).await.json();
    assert_eq!(state, json!({"instance": {"instanceName": "acme", "state": "close"}, "statusReason": 401}));
}

#[actix_web::test]
async fn settings_are_set_whole_and_found_again() {
    let node = Node::start().await;
    node.create("acme").await;
    let missing = node.ask("POST", "/settings/set/acme", json!({"rejectCall": true})).await;
    let wanted = ["groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory"];
    let wanted: Vec<_> = wanted.iter().map(|name| format!("instance requires property \"{name}\"")).collect();
    assert_eq!((missing.status, message(&missing)), (400, json!([wanted])));
    let body = json!({"rejectCall": true, "msgCall": "no", "groupsIgnore": "true", "alwaysOnline": false,
        "readMessages": 0, "readStatus": false, "syncFullHistory": false});
    let set = node.ask("POST", "/settings/set/acme", body).await;
    assert_eq!((set.status, &set.json()["settings"]["instanceName"]), (201, &json!("acme")));
    let found = node.ask("GET", "/settings/find/acme", Value::Null).await.json();
    assert_eq!(
        (&found["rejectCall"], &found["groupsIgnore"], &found["msgCall"]),
        (&json!(true), &json!(true), &json!("no"))
    );
    let mut body = json!({"rejectCall": false, "groupsIgnore": true, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false, "wavoipToken": "w1"});
    node.ask("POST", "/settings/set/acme", body.clone()).await;
    body["wavoipToken"] = Value::Null;
    let kept =
        node.ask("POST", "/settings/set/acme", body.clone()).await.json()["settings"]["settings"].clone();
    assert_eq!((&kept["msgCall"], &kept["wavoipToken"]), (&json!("no"), &json!("w1")), "absent is as it was");
    (body["msgCall"], body["wavoipToken"]) = (json!(""), json!(""));
    node.ask("POST", "/settings/set/acme", body).await;
    let found = node.ask("GET", "/settings/find/acme", Value::Null).await.json();
    assert_eq!((&found["msgCall"], &found["wavoipToken"]), (&json!(""), &json!("")), "empty is a choice");
}

#[actix_web::test]
async fn sinks_are_set_nested_or_flat() {
    let node = Node::start().await;
    node.create("acme").await;
    let set = |path: &str, body: Value| {
        let (node, path) = (&node, path.to_owned());
        async move { node.ask("POST", &path, body).await }
    };
    for body in [
        json!({"webhook": {"enabled": true, "url": "https://x.example/h", "byEvents": true, "events": []}}),
        json!({"enabled": true, "url": "https://x.example/h", "webhookByEvents": true, "headers": null}),
    ] {
        let answer = set("/webhook/set/acme", body).await;
        assert_eq!(
            (answer.status, &answer.json()["webhookByEvents"]),
            (201, &json!(true)),
            "{}",
            answer.text
        );
        assert!(answer.json()["events"].as_array().unwrap().len() > 20, "no events means all of them");
    }
    let off = set("/webhook/set/acme", json!({"webhook": {"enabled": false, "url": ""}})).await;
    assert_eq!((off.status, &off.json()["events"]), (201, &json!([])));
    for (body, wanted) in [
        (json!({}), "instance requires property \"webhook\""),
        (json!({"webhook": {"enabled": true}}), "webhook requires property \"url\""),
        (
            json!({"webhook": {"url": "http://x.example", "headers": {"a b": "c"}}}),
            "webhook.headers has a name or a value that is not one of HTTP",
        ),
    ] {
        let answer = set("/webhook/set/acme", body).await;
        assert_eq!((answer.status, message(&answer)), (400, json!([[wanted]])));
    }
    let events = json!({"webhook": {"url": "http://x.example", "events": ["NOPE"]}});
    let unknown = message(&set("/webhook/set/acme", events).await);
    assert!(unknown[0][0].as_str().unwrap().starts_with("webhook.events is not one of enum values: "));
    let rabbit = set("/rabbitmq/set/acme", json!({"rabbitmq": {}})).await;
    assert_eq!(message(&rabbit), json!([["rabbitmq requires property \"enabled\""]]));
    let rabbit = set("/rabbitmq/set/acme", json!({"enabled": true, "events": ["CALL"]})).await;
    assert_eq!((rabbit.status, &rabbit.json()["events"]), (201, &json!(["CALL"])));
    assert_eq!(node.ask("GET", "/rabbitmq/find/acme", Value::Null).await.json(), rabbit.json());
}

#[actix_web::test]
async fn dead_letters_of_a_healthy_instance_are_none() {
    let node = Node::start().await;
    node.create("acme").await;
    let list = node.ask("GET", "/webhook/deadLetters/acme?take=10", Value::Null).await;
    assert_eq!((list.status, list.json()), (200, json!({"total": 0, "records": []})));
    assert_eq!(node.ask("GET", "/webhook/deadLetters/acme?take=x", Value::Null).await.status, 400);
    let redrive = node.ask("POST", "/webhook/redrive/acme", Value::Null).await;
    assert_eq!(redrive.json(), json!({"redriven": 0}));
    assert_eq!(node.ask("POST", "/webhook/redrive/acme", json!({"ids": ["x"]})).await.status, 400);
}

#[actix_web::test]
async fn feeds_that_are_set_at_the_same_time_are_in_memory_as_they_are_stored() {
    let node = Node::start().await;
    node.create("acme").await;
    let set = async |kind: &str, event: &str| {
        let body = json!({"enabled": true, "events": [event]});
        assert_eq!(node.ask("POST", &format!("/{kind}/set/acme"), body).await.status, 201);
    };
    let events = ["CALL", "SEND_MESSAGE", "MESSAGES_UPSERT", "CHATS_SET", "LABELS_EDIT", "CONTACTS_SET"];
    let all = events.iter().flat_map(|event| ["websocket", "rabbitmq"].map(|kind| set(kind, event)));
    futures::future::join_all(all).await;
    let acme = node.state.registry.by_name("acme").unwrap();
    let (mut stored, mut known) =
        (acme.scope().sinks().all().await.unwrap(), acme.journal().sinks().to_vec());
    stored.sort_by_key(|sink| sink.kind.as_str());
    known.sort_by_key(|sink| sink.kind.as_str());
    assert_eq!(known, stored);
    assert_eq!(known.len(), 2);
}
