//! Files that several nodes keep in one place.

#[path = "../support/services/s3.rs"]
mod s3_server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use wa_sim::ContactInfo;
use waggle::net::{Method, Response};

use self::s3_server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use crate::nginx::Nginx;
use crate::support::{Node, contact, eventually, fetched, header, sends, told};
use crate::world::{World, fleet, owners, sees};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A node whose files go to a server.
async fn storing(world: &World, id: &str, server: &S3Server) -> Node {
    let port = server.port().to_string();
    let variables = [
        ("S3_ENABLED", "true"),
        ("S3_ENDPOINT", "127.0.0.1"),
        ("S3_PORT", &port),
        ("S3_ACCESS_KEY", ACCESS_KEY),
        ("S3_SECRET_KEY", SECRET_KEY),
        ("S3_BUCKET", BUCKET),
        ("WAGGLE_CLUSTER_SECRET", SECRET),
    ];
    world.node_with(id, "a", &variables).await
}

/// Sends each instance a picture; answers the links that are told, with the bytes that they lead to.
async fn pictures(
    world: &World,
    from: &ContactInfo,
    phones: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for (name, phone) in phones {
        let picture = format!("a picture for {name}");
        let id = sends(&world.simulator, from, phone, "image", picture.as_bytes()).await;
        let came = |body: &Value| body["data"]["key"]["id"] == id.as_str();
        let event = told(&world.receiver, "messages.upsert", came).await;
        let link = event["data"]["message"]["mediaUrl"].as_str();
        links.push((link.unwrap_or_else(|| panic!("no link: {event}")).to_owned(), picture));
    }
    links
}

/// What a link answers at this address in place of its own.
async fn at(base: &str, link: &str) -> Response {
    let path = &link[link.find("/s3/file/").unwrap()..];
    fetched(&format!("{base}{path}")).await
}

/// The bytes in the bucket that a link leads to.
async fn followed(base: &str, link: &str) -> Vec<u8> {
    let first = at(base, link).await;
    assert_eq!(first.status, 302, "{base}{link}: {:?}", first.body);
    let second = fetched(header(&first, "location")).await;
    assert_eq!(second.status, 200, "{:?}", second.body);
    second.body.to_vec()
}

/// How many files are in the bucket.
fn files(server: &S3Server) -> usize {
    server.names().iter().filter(|name| name.starts_with("waggle/")).count()
}

/// How many files a node has brought to the store.
async fn stored(node: &Node) -> usize {
    let page = node.raw(Method::GET, "/metrics", None, None).await.unwrap().1;
    let line = page.lines().find(|line| line.starts_with(r#"waggle_media_files_total{outcome="stored"}"#));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Waits until nothing is left to keep.
async fn all_kept(node: &Node, names: impl Iterator<Item = &String>, each: usize) {
    for name in names {
        eventually(&format!("the files of {name} are kept"), async || {
            let (_, all) = node.call(Method::POST, &format!("/s3/getMedia/{name}"), json!({})).await;
            (all.as_array()?.len() == each).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_kept_once_and_its_link_works_everywhere() {
    let (world, server) = (World::new().await, S3Server::start().await);
    let nodes = [storing(&world, "one", &server).await, storing(&world, "two", &server).await];
    // It keeps nothing itself.
    let other = world.node_with("one", "b", &[("WAGGLE_CLUSTER_SECRET", SECRET)]).await;
    sees(&nodes[0], 3).await;
    sees(&other, 3).await;
    let phones = fleet(&world, &nodes[0], 6).await;
    let owners = owners(&nodes[0]).await;
    let alice = contact(&world.simulator, "Alice");
    let mut links = pictures(&world, &alice, &phones).await;
    links.extend(pictures(&world, &alice, &phones).await);

    let nginx = Nginx::start(&[nodes[0].port(), nodes[1].port()], SECRET).await;
    let bases = [nodes[0].url(), nodes[1].url(), other.url(), nginx.url.clone()];
    for (link, picture) in &links {
        for base in &bases {
            assert_eq!(followed(base, link).await, picture.as_bytes(), "{link} at {base}");
        }
    }
    all_kept(&nodes[1], phones.keys(), 2).await;
    let brought = [stored(&nodes[0]).await, stored(&nodes[1]).await];
    let share = |id: &str| 2 * owners.values().filter(|owner| *owner == id).count();
    assert_eq!(brought, [share("one"), share("two")], "{owners:?}");
    assert!(brought[0] > 0 && brought[1] > 0, "one node has everything: {owners:?}");
    assert_eq!(files(&server), links.len(), "{:?}", server.names());
    assert_eq!(world.simulator.handle().media_stats().downloads, links.len() as u64);

    // Whatever is at hand of a stranger, also where the instance is not.
    let link = &links[0].0;
    let signature = link.split("signature=").nth(1).unwrap();
    for base in &bases {
        for forged in [link.replace(signature, &"0".repeat(64)), link.replace("/tenant-0?", "/nobody?")] {
            assert_eq!(at(base, &forged).await.status, 401, "{forged} at {base}");
        }
    }
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_deleted_instance_are_removed_where_they_are() {
    let (world, server, folder) = (World::new().await, S3Server::start().await, TempDir::new().unwrap());
    let place = folder.path().display().to_string();
    // One database: a client name without a store, one with another store, and the one that has the file.
    let secret = ("WAGGLE_CLUSTER_SECRET", SECRET);
    let _nowhere = world.node_with("one", "b", &[secret]).await;
    let elsewhere = world.node_with("one", "c", &[secret, ("WAGGLE_MEDIA_FOLDER", &place)]).await;
    let mut node = storing(&world, "one", &server).await;
    let alice = contact(&world.simulator, "Alice");
    let mut phones = fleet(&world, &node, 1).await;
    let kept = pictures(&world, &alice, &phones).await;
    assert_eq!(followed(&node.url(), &kept[0].0).await, kept[0].1.as_bytes());
    phones.clear();
    let other = elsewhere.pair("other", &world.simulator, Some(&world.receiver)).await;
    phones.insert("other".to_owned(), other);
    let others = pictures(&world, &alice, &phones).await;
    assert_eq!(at(&elsewhere.url(), &others[0].0).await.status, 200);

    // Nobody is left who could remove the one, and the other is removed all the same.
    node.call(Method::DELETE, "/instance/delete/tenant-0", Value::Null).await;
    node.kill();
    elsewhere.call(Method::DELETE, "/instance/delete/other", Value::Null).await;
    let is_empty = async || (files_in(folder.path()) == 0).then_some(());
    eventually("the folder is empty", is_empty).await;
    node.start_again().await;
    eventually("the bucket is empty", async || (files(&server) == 0).then_some(())).await;
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_regions_are_asked_once_for_a_link_that_a_stranger_made_up() {
    let world = World::new().await;
    let region = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let entry = format!("http://{}", region.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let counting = tokio::runtime::Handle::current().spawn(async move {
        while let Ok((stream, _)) = region.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let variables = [("WAGGLE_CLUSTER_SECRET", SECRET), ("WAGGLE_CLUSTER_PEERS", &entry)];
    let node = world.node_with("one", "a", &variables).await;
    let (id, signature) = ("019aa5f0-0000-7000-8000-000000000000", "0".repeat(64));
    let before = asked.load(Ordering::SeqCst);
    for query in [
        "signature=".to_owned(),
        format!("id={id}&expires=0&signature="),
        format!("id={id}&expires=0&signature={}", "z".repeat(64)),
        format!("id=1&expires=0&signature={signature}"),
        format!("id={id}&signature={signature}"),
    ] {
        assert_eq!(at(&node.url(), &format!("/s3/file/nobody?{query}")).await.status, 401, "{query}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), before, "what is no link was asked for");
    for _ in 0..5 {
        let link = format!("/s3/file/nobody?id={id}&expires=0&signature={signature}");
        assert_eq!(at(&node.url(), &link).await.status, 401);
    }
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    counting.abort();
    world.database.remove().await;
}

fn files_in(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_in(&path) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_had_yet_to_keep_is_kept_by_the_next_one() {
    let (world, mut server) = (World::new().await, S3Server::start().await);
    let (one, mut two) = (storing(&world, "one", &server).await, storing(&world, "two", &server).await);
    sees(&one, 2).await;
    let phones = fleet(&world, &one, 6).await;
    let before = owners(&one).await;
    assert!(before.values().any(|owner| owner == "one") && before.values().any(|owner| owner == "two"));
    let alice = contact(&world.simulator, "Alice");

    server.stop().await;
    let links = pictures(&world, &alice, &phones).await;
    // By then WhatsApp has forgotten one of them, and the phone is asked over the connection.
    let lost = before.iter().find(|(_, owner)| *owner == "two").unwrap().0;
    let message = one.messages(lost, json!({})).await.remove(0);
    let direct = message["message"]["imageMessage"]["directPath"].as_str().unwrap();
    world.simulator.handle().expire_media(direct, 410).unwrap();
    assert_eq!((stored(&one).await, stored(&two).await), (0, 0));
    two.kill();
    eventually("everything is on the other node", async || {
        owners(&one).await.values().all(|owner| owner == "one").then_some(())
    })
    .await;
    server.start_again().await;
    all_kept(&one, phones.keys(), 1).await;
    for (link, picture) in &links {
        assert_eq!(followed(&one.url(), link).await, picture.as_bytes(), "{link}");
    }
    assert_eq!((stored(&one).await, files(&server)), (links.len(), links.len()));

    // A node that comes back finds nothing to do, and hands out what there is.
    two.start_again().await;
    for (link, picture) in &links {
        assert_eq!(followed(&two.url(), link).await, picture.as_bytes(), "{link}");
    }
    assert_eq!((stored(&one).await, stored(&two).await), (links.len(), 0));
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_passed_on_to_the_region_that_keeps_its_file() {
    let (east, west) = (World::new().await, World::new().await);
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    let variables = [("WAGGLE_CLUSTER_SECRET", SECRET), ("WAGGLE_MEDIA_FOLDER", &place)];
    let far =
        [west.node_with("one", "west", &variables).await, west.node_with("two", "west", &variables).await];
    sees(&far[0], 2).await;
    let entry = far[0].url();
    let near = [("WAGGLE_CLUSTER_SECRET", SECRET), ("WAGGLE_CLUSTER_PEERS", &entry)];
    let near = east.node_with("one", "east", &near).await;
    let phones = fleet(&west, &far[0], 4).await;
    let links = pictures(&west, &contact(&west.simulator, "Alice"), &phones).await;
    for (link, picture) in &links {
        for node in [&near, &far[0], &far[1]] {
            let file = at(&node.url(), link).await;
            assert_eq!((file.status.as_u16(), &file.body[..]), (200, picture.as_bytes()), "{link}");
            assert_eq!(header(&file, "content-type"), "image/png");
            assert_eq!(header(&file, "content-security-policy"), "default-src 'none'; sandbox");
        }
    }
    let link = &links[0].0;
    for forged in [link.replace("expires=", "expires=1"), link.replace("/tenant-0?", "/nobody?")] {
        assert_eq!(at(&near.url(), &forged).await.status, 401, "{forged}");
    }
    for world in [east, west] {
        world.database.remove().await;
    }
}
