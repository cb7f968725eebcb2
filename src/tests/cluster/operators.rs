//! What an operator sees and does.

use serde_json::{Value, json};
use waggle::net::Method;

use crate::support::{KEY, Node, eventually};
use crate::world::{World, fleet, owners, sees};

async fn share(node: &Node, id: &str) -> usize {
    owners(node).await.values().filter(|owner| *owner == id).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_cordoned_drained_and_uncordoned_and_instances_pinned() {
    let world = World::new().await;
    let (one, two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    sees(&two, 2).await;
    fleet(&world, &one, 4).await;
    let nodes = one.get("/cluster/nodes").await;
    let seen: Vec<(&str, &str, u64, bool)> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let text = |name: &str| node[name].as_str().unwrap();
            (text("id"), text("state"), node["instances"].as_u64().unwrap(), node["self"].as_bool().unwrap())
        })
        .collect();
    let of = |id: &str| seen.iter().find(|node| node.0 == id).copied().unwrap();
    assert_eq!(of("one").2 + of("two").2, 4, "{seen:?}");
    assert_eq!((of("one").1, of("one").3, of("two").3), ("active", true, false));

    // Through either node; what is there stays, and nothing comes.
    let (status, body) = one.call(Method::POST, "/cluster/cordon/two", Value::Null).await;
    assert_eq!((status, &body["state"]), (200, &json!("cordoned")));
    eventually("both know", async || {
        let nodes = one.get("/cluster/nodes").await;
        nodes.as_array().unwrap().iter().any(|node| node["state"] == "cordoned").then_some(())
    })
    .await;
    let before = share(&one, "two").await;
    for number in 0..4 {
        one.create(&format!("later-{number}"), None).await;
    }
    assert_eq!(share(&one, "two").await, before);

    two.call(Method::POST, "/cluster/drain/two", Value::Null).await;
    eventually("nothing is left on it", async || (share(&one, "two").await == 0).then_some(())).await;
    for number in 0..4 {
        two.is(&format!("tenant-{number}"), "open").await;
    }
    one.call(Method::POST, "/cluster/uncordon/two", Value::Null).await;
    eventually("it has a share again", async || (share(&one, "two").await > 0).then_some(())).await;

    // All of them on one node, against the placement.
    for name in ["tenant", "later"] {
        for number in 0..4 {
            one.post(&format!("/cluster/pin/{name}-{number}"), json!({"node": "one"})).await;
        }
    }
    eventually("all are where they are pinned", async || (share(&one, "one").await == 8).then_some(())).await;
    let rows = two.get("/cluster/instances").await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["pinned"] == "one" && row["home"] == "one"));

    let unknown = one.call(Method::POST, "/cluster/cordon/nobody", Value::Null).await;
    assert_eq!(unknown.0, 404);
    let token = one.create("with-token", None).await["hash"].as_str().unwrap().to_owned();
    for (method, path) in [
        (Method::GET, "/cluster/nodes"),
        (Method::GET, "/cluster/instances"),
        (Method::POST, "/cluster/drain/one"),
        (Method::POST, "/cluster/pin/with-token"),
        (Method::POST, "/cluster/move/with-token"),
    ] {
        for key in [None, Some("nobodys-key"), Some(token.as_str())] {
            let (status, _) = two.try_call(method.clone(), path, key, None).await.unwrap();
            assert_eq!(status, 401, "{path} with {key:?}");
        }
    }
    assert_eq!(one.try_call(Method::GET, "/cluster/nodes", Some(KEY), None).await.unwrap().0, 200);
    world.database.remove().await;
}
