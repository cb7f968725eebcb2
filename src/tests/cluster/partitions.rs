//! Servers that are away, for one node or for everybody.

use serde_json::{Value, json};
use wa_sim::Send;
use waggle::net::Method;

use crate::support::{KEY, Node, eventually, told};
use crate::world::{World, fleet, owners, sees, via};

/// Names of the instances that a node has.
async fn of(node: &Node, id: &str) -> Vec<String> {
    owners(node).await.into_iter().filter(|(_, owner)| owner == id).map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_redis_stands_down_before_it_is_taken_over() {
    let world = World::new().await;
    let (wire, redis) = via(&world.redis.url).await;
    let (one, two) =
        (world.node("one", "a").await, world.node_with("two", "a", &[("CACHE_REDIS_URI", &redis)]).await);
    sees(&one, 2).await;
    let phones = fleet(&world, &one, 6).await;
    assert!(!of(&one, "two").await.is_empty());

    wire.hold();
    eventually("everything is on the node that Redis answers", async || {
        (of(&one, "one").await.len() == 6).then_some(())
    })
    .await;
    for (name, phone) in &phones {
        one.is(name, "open").await;
        one.send_text(name, &world.bob, "while the other is cut off").await;
        let order = Send { to: phone.clone(), text: format!("to {name}"), ..Send::default() };
        world.simulator.handle().send(&world.bob, order).await.unwrap();
        told(&world.receiver, "messages.upsert", |body| {
            body["data"]["message"]["conversation"] == format!("to {name}")
        })
        .await;
    }
    // The node that is cut off finds the owner in the database all the same.
    let last = phones.keys().last().unwrap();
    two.is(last, "open").await;

    wire.mend();
    eventually("its share goes back", async || (!of(&one, "two").await.is_empty()).then_some(())).await;
    for name in phones.keys() {
        two.is(name, "open").await;
    }
    assert_eq!(world.simulator.handle().stats().replaced, 0, "two nodes were connected as one account");
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_for_everybody_nothing_moves() {
    let mut world = World::new().await;
    let (one, mut two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    let phones = fleet(&world, &one, 6).await;
    let (before, logins) = (owners(&one).await, world.simulator.handle().stats().logins);

    world.redis.command("FLUSHALL").await.unwrap();
    use_all(&world, [&one, &two], &phones, "emptied").await;
    world.redis.stop();
    // Longer than a node may be silent, and than its lease would last.
    for node in [&one, &two] {
        eventually("a long silence", async || {
            let page = node.raw(Method::GET, "/metrics", None, None).await?.1;
            let line = page.lines().find(|line| line.starts_with("waggle_heartbeat_age_seconds "))?;
            (line.rsplit(' ').next()?.parse::<f64>().ok()? > 8.0).then_some(())
        })
        .await;
    }
    use_all(&world, [&one, &two], &phones, "gone").await;
    world.redis.start_again().await;
    use_all(&world, [&one, &two], &phones, "back").await;
    sees(&one, 2).await;
    assert_eq!((owners(&one).await, world.simulator.handle().stats().logins), (before, logins));

    // And the dead are told from the living again.
    two.kill();
    eventually("a takeover", async || (of(&one, "one").await.len() == 6).then_some(())).await;
    assert_eq!(world.simulator.handle().stats().replaced, 0);
    world.database.remove().await;
}

async fn use_all(
    world: &World,
    nodes: [&Node; 2],
    phones: &std::collections::BTreeMap<String, String>,
    text: &str,
) {
    for (name, phone) in phones {
        for node in nodes {
            assert_eq!(node.state(name).await, "open");
            node.send_text(name, &world.bob, text).await;
        }
        let text = format!("{text} {name}");
        let order = Send { to: phone.clone(), text: text.clone(), ..Send::default() };
        world.simulator.handle().send(&world.bob, order).await.unwrap();
        told(&world.receiver, "messages.upsert", |body| body["data"]["message"]["conversation"] == text)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_nothing_is_acknowledged_and_nothing_is_lost() {
    let world = World::new().await;
    let (wire, database) = via(&world.database.url).await;
    let variables = [("DATABASE_CONNECTION_URI", database.as_str())];
    let (one, two) =
        (world.node_with("one", "a", &variables).await, world.node_with("two", "a", &variables).await);
    sees(&one, 2).await;
    let phones = fleet(&world, &one, 4).await;
    let logins = world.simulator.handle().stats().logins;

    wire.cut();
    for (name, phone) in &phones {
        let order = Send { to: phone.clone(), text: format!("kept for {name}"), ..Send::default() };
        world.simulator.handle().send(&world.bob, order).await.unwrap();
    }
    for (name, node) in phones.keys().zip([&one, &two, &one, &two]) {
        let body = json!({"number": world.bob, "text": "not now"}).to_string().into_bytes();
        let path = format!("/message/sendText/{name}");
        let (status, answer) = node.try_call(Method::POST, &path, Some(KEY), Some(body)).await.unwrap();
        assert_eq!(status, 503, "{answer}");
    }
    assert_eq!(world.simulator.handle().stats().logins, logins, "a socket was closed");
    wire.mend();
    for name in phones.keys() {
        let text = format!("kept for {name}");
        told(&world.receiver, "messages.upsert", |body| body["data"]["message"]["conversation"] == text)
            .await;
        eventually("sending works again", async || {
            let body = json!({"number": world.bob, "text": "now"}).to_string().into_bytes();
            let path = format!("/message/sendText/{name}");
            let (status, _) = one.try_call(Method::POST, &path, Some(KEY), Some(body)).await?;
            (status == 201).then_some(())
        })
        .await;
    }
    let heard = world.simulator.handle().received(&world.bob, 0).unwrap().0;
    let of = |text: &str| heard.iter().filter(|one| one.text.as_deref() == Some(text)).count();
    assert_eq!((of("not now"), of("now")), (0, 4), "what was refused was not sent");
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_whatsapp_cannot_be_reached_from_keeps_trying() {
    let world = World::new().await;
    let port = world.simulator.addr().port();
    let wire = crate::wire::Wire::to(port).await;
    let url = world.simulator.chat_url().replace(&port.to_string(), &wire.port.to_string());
    let (one, _two) =
        (world.node_with("one", "a", &[("WAGGLE_WHATSAPP_URL", &url)]).await, world.node("two", "a").await);
    sees(&one, 2).await;
    let phones = fleet(&world, &one, 6).await;
    let mine = of(&one, "one").await;
    assert!(!mine.is_empty());
    wire.cut();
    for name in &mine {
        eventually("it is not open", async || (one.state(name).await != "open").then_some(())).await;
    }
    wire.mend();
    for name in phones.keys() {
        one.is(name, "open").await;
    }
    assert_eq!(of(&one, "one").await, mine, "instances do not wander");
    assert_eq!(one.call(Method::GET, "/cluster/nodes", Value::Null).await.0, 200);
    world.database.remove().await;
}
