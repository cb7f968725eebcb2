//! Who may do what: every route of the table.

use serde_json::{Value, json};

use super::support::{Answer, GLOBAL, Node, request};
use crate::http::routes::{TABLE, Verb, Wants};

fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Put => "PUT",
        Verb::Delete => "DELETE",
    }
}

async fn with_key(node: &Node, key: Option<&str>, verb: Verb, path: &str) -> Answer {
    let request = request(method(verb), path);
    node.call(match key {
        Some(key) => request.insert_header(("ApiKey", key)),
        None => request,
    })
    .await
}

#[actix_web::test]
async fn nobody_learns_what_exists_without_the_right_key() {
    let node = Node::start().await;
    let other = node.create("other").await;
    node.create("there").await;
    for route in TABLE.iter().filter(|route| route.wants == Wants::Instance) {
        let (there, absent) =
            (route.path.replace("{instance}", "there"), route.path.replace("{instance}", "absent"));
        for verb in route.verbs {
            let none = with_key(&node, None, *verb, &there).await;
            assert_eq!(none.status, 401, "{there}");
            assert_eq!(none.json()["response"]["message"], "Unauthorized");
            for key in [None, Some("nobodys-key"), Some("")] {
                assert_eq!(with_key(&node, key, *verb, &there).await, none, "{there}");
                assert_eq!(with_key(&node, key, *verb, &absent).await, none, "{absent}");
            }
            let forbidden = with_key(&node, Some(&other), *verb, &there).await;
            assert_eq!(forbidden.status, 403, "{there}");
            assert_eq!(with_key(&node, Some(&other), *verb, &absent).await, forbidden, "{absent}");
            let unknown = with_key(&node, Some(GLOBAL), *verb, &absent).await;
            assert_eq!(unknown.status, 404, "{absent}");
            assert_eq!(unknown.json()["response"]["message"][0], "The \"absent\" instance does not exist");
        }
    }
    // Nothing of the above did anything.
    assert_eq!(node.state.registry.all().len(), 2);
}

#[actix_web::test]
async fn routes_of_the_installation_want_the_global_key() {
    let node = Node::start().await;
    let token = node.create("acme").await;
    for route in TABLE.iter().filter(|route| route.wants == Wants::Global) {
        for verb in route.verbs {
            for key in [None, Some("nobodys-key"), Some(&*token)] {
                assert_eq!(with_key(&node, key, *verb, route.path).await.status, 401, "{}", route.path);
            }
        }
    }
    for route in TABLE.iter().filter(|route| route.wants == Wants::Any) {
        assert_eq!(with_key(&node, None, Verb::Get, route.path).await.status, 401);
        assert_eq!(with_key(&node, Some("nobodys-key"), Verb::Get, route.path).await.status, 401);
    }
    assert_eq!(node.ask("POST", "/verify-creds", Value::Null).await.status, 200);
}

#[actix_web::test]
async fn a_key_comes_as_a_header_or_as_a_bearer_and_never_in_the_address() {
    let node = Node::start().await;
    let token = node.create("acme").await;
    let path = "/instance/connectionState/acme";
    for header in [("APIKEY", token.clone()), ("authorization", format!("bearer {token}"))] {
        assert_eq!(node.call(request("GET", path).insert_header(header)).await.status, 200);
    }
    let basic = ("authorization", format!("Basic {token}"));
    assert_eq!(node.call(request("GET", path).insert_header(basic)).await.status, 401);
    assert_eq!(node.call(request("GET", &format!("{path}?apikey={token}"))).await.status, 401);
    let named = "/instance/connectionState/other?instanceName=acme";
    assert_eq!(node.ask_as(&token, "GET", named, Value::Null).await.status, 403);
}

#[actix_web::test]
async fn a_token_lists_its_own_row_and_the_global_key_every_row() {
    let node = Node::start().await;
    let token = node.create("acme").await;
    node.create("other").await;
    let path = "/instance/fetchInstances";
    let own = node.ask_as(&token, "GET", path, Value::Null).await.json();
    assert_eq!((own.as_array().unwrap().len(), &own[0]["name"]), (1, &json!("acme")));
    assert_eq!((&own[0]["token"], &own[0]["instanceName"]), (&json!(token), &json!("acme")));
    let all = node.ask("GET", path, Value::Null).await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["token"], Value::Null, "tokens are not exposed unless the operator says so");
    assert_eq!(all[0]["_count"], json!({"Message": 0, "Contact": 0, "Chat": 0}));
    assert_eq!(all[0]["Setting"]["rejectCall"], false);
    for (name, status) in [("other", 403), ("absent", 403), ("a/b", 403), ("acme", 200)] {
        let asked = format!("{path}?instanceName={name}");
        assert_eq!(node.ask_as(&token, "GET", &asked, Value::Null).await.status, status, "{name}");
    }
    let absent = node.ask("GET", "/instance/fetchInstances?instanceName=absent", Value::Null).await;
    assert_eq!(
        (absent.status, absent.json()["response"]["message"][0].as_str()),
        (404, Some("Instance \"absent\" not found"))
    );
}

#[actix_web::test]
async fn an_instance_is_deleted_by_its_own_token() {
    let node = Node::start().await;
    let token = node.create("acme").await;
    let deleted = node.ask_as(&token, "DELETE", "/instance/delete/acme", Value::Null).await;
    assert_eq!((deleted.status, &deleted.json()["status"]), (200, &json!("SUCCESS")));
    assert_eq!(node.ask_as(&token, "GET", "/instance/connectionState/acme", Value::Null).await.status, 401);
    assert_eq!(node.ask("GET", "/instance/connectionState/acme", Value::Null).await.status, 404);
}

#[actix_web::test]
async fn names_that_the_columns_cannot_hold_are_refused() {
    let node = Node::start().await;
    node.create("acme").await;
    let elsewhere = json!({"instanceName": "other", "clientName": "elsewhere"});
    assert_eq!(node.ask("POST", "/instance/create", elsewhere).await.status, 400);
    for wrong in ["x".repeat(101), "a\u{0}b".to_owned()] {
        for (path, body) in [
            ("/instance/create", json!({"instanceName": "other", "clientName": wrong})),
            ("/cluster/move/acme", json!({"clientName": wrong})),
            ("/cluster/pin/acme", json!({"node": wrong})),
        ] {
            assert_eq!(node.ask("POST", path, body).await.status, 400, "{path}");
        }
    }
    assert_eq!(node.state.registry.all().len(), 1);
}
