//! An instance that was created here is not claimed again by the reconciler of its own node.

use serde_json::json;

use super::support::Node;

#[actix_web::test]
async fn a_look_that_began_before_an_instance_was_created_does_not_end_it() {
    let node = Node::start().await;
    node.open("acme").await;
    let registry = &node.state.registry;
    let handle = registry.by_name("acme").unwrap();
    // What was held was looked up before it was created, who owns what after it.
    let owners = node.state.database.instances().all_owners("clients").await.unwrap();
    let seen: Vec<_> = owners.iter().map(|row| (row.id, row.fence)).collect();
    assert_eq!(seen, [(handle.id(), handle.journal().fence())]);
    assert_eq!(registry.claim(seen).await.unwrap(), 0);
    let after = registry.by_name("acme").unwrap();
    assert_eq!(after.journal().fence(), handle.journal().fence());
    assert!(!handle.is_leaving(), "it was ended");
    let state = node.ask("GET", "/instance/connectionState/acme", json!(null)).await;
    assert_eq!(state.json()["instance"]["state"], "open", "{}", state.text);
}

#[actix_web::test]
async fn creating_and_looking_at_the_same_time_leaves_one_claim_of_each() {
    let node = Node::start().await;
    let registry = &node.state.registry;
    let create = async |number: usize| {
        let body = json!({"instanceName": format!("acme-{number}"), "qrcode": false});
        assert_eq!(node.ask("POST", "/instance/create", body).await.status, 201);
    };
    let creating = async {
        for number in 0..30 {
            create(number).await;
        }
    };
    let looking = async {
        while registry.all().len() < 30 {
            let owners = node.state.database.instances().all_owners("clients").await.unwrap();
            let seen = owners.iter().map(|row| (row.id, row.fence)).collect();
            assert_eq!(registry.claim(seen).await.unwrap(), 0);
        }
    };
    tokio::join!(creating, looking);
    let owners = node.state.database.instances().all_owners("clients").await.unwrap();
    for row in owners {
        assert_eq!(registry.by_id(row.id).unwrap().journal().fence(), row.fence);
    }
}
