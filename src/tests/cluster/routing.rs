//! Any node answers any request.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use waggle::net::Method;

use crate::support::{KEY, Node, eventually};
use crate::world::{World, owners, sees};

/// Longer than what is kept on the way, in bytes.
const LONG: usize = 3 << 19;

/// Posts a body without saying how long it is; the answer as it came.
async fn chunked(node: &Node, path: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port())).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\napikey: {KEY}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.chunks(100_000) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_answers_for_any_instance() {
    let world = World::new().await;
    let (one, two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    sees(&two, 2).await;
    let mut tokens = Vec::new();
    for number in 0..8 {
        let name = format!("tenant-{number}");
        // Created through one, paired and used through both.
        let created = one.create(&name, Some(&world.receiver)).await;
        tokens.push(created["hash"].as_str().unwrap().to_owned());
        world.simulator.handle().scan_qr(created["qrcode"]["code"].as_str().unwrap(), None).await.unwrap();
        for node in [&one, &two] {
            node.is(&name, "open").await;
            node.send_text(&name, &world.bob, "from any node").await;
        }
    }
    let owners = owners(&two).await;
    let of = |id: &str| owners.values().filter(|owner| *owner == id).count();
    assert!(of("one") > 0 && of("two") > 0 && of("one") + of("two") == 8, "{owners:?}");

    for node in [&one, &two] {
        assert_eq!(node.get("/instance/fetchInstances").await.as_array().unwrap().len(), 8);
        for (number, token) in tokens.iter().enumerate() {
            let own = format!("/instance/connectionState/tenant-{number}");
            let other = format!("/instance/connectionState/tenant-{}", (number + 1) % 8);
            for (path, key, status) in [
                (own.as_str(), Some(token.as_str()), 200),
                (&other, Some(token), 403),
                ("/instance/connectionState/absent", Some(token), 403),
                (&other, None, 401),
                (&other, Some("nobodys-key"), 401),
                ("/instance/connectionState/absent", Some("nobodys-key"), 401),
                ("/instance/connectionState/absent", Some(KEY), 404),
            ] {
                let (answered, body) = node.try_call(Method::GET, path, key, None).await.unwrap();
                assert_eq!(answered, status, "{path}: {body}");
            }
            let list =
                node.try_call(Method::GET, "/instance/fetchInstances", Some(token), None).await.unwrap();
            assert_eq!((list.0, &list.1[0]["name"]), (200, &json!(format!("tenant-{number}"))));
        }
    }
    // A body that is too large to be kept on the way is passed on as it comes.
    let long = json!({"number": world.bob, "text": "x".repeat(LONG)}).to_string().into_bytes();
    for node in [&one, &two] {
        let sent =
            node.try_call(Method::POST, "/message/sendText/tenant-0", Some(KEY), Some(long.clone())).await;
        assert_eq!(sent.unwrap().0, 201);
        let answer = chunked(node, "/message/sendText/tenant-0", &long).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let heard = world.simulator.handle().received(&world.bob, 0).unwrap().0;
    let whole = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() == LONG);
    assert_eq!(heard.iter().filter(|one| whole(&one.text)).count(), 4);
    // So is a file in base64, and what is larger than a body may be is refused by whoever would answer.
    let file: Vec<u8> = (0..4_u32 << 20).map(|at| (at >> 8) as u8 ^ at as u8).collect();
    let media = json!({"number": world.bob, "mediatype": "document", "fileName": "x.bin",
        "media": BASE64_STANDARD.encode(&file)});
    let media = media.to_string().into_bytes();
    let large = json!({"number": world.bob, "text": "x".repeat(3 << 20)}).to_string().into_bytes();
    for node in [&one, &two] {
        let answer = chunked(node, "/message/sendMedia/tenant-0", &media).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let sent = node.try_call(Method::POST, "/message/sendMedia/tenant-0", Some(KEY), Some(media.clone()));
        let (status, sent) = sent.await.unwrap();
        assert_eq!(status, 201, "{sent}");
        let id = sent["key"]["id"].as_str().unwrap();
        let arrived = async || world.simulator.handle().received_media(&world.bob, id).ok();
        assert!(eventually("the file arrives", arrived).await == file);
        let refused =
            node.try_call(Method::POST, "/message/sendText/tenant-0", Some(KEY), Some(large.clone())).await;
        assert_eq!(refused.unwrap().0, 413);
    }
    // A client that claims to be a node is a client.
    let forged =
        one.with_header(Method::GET, "/instance/connectionState/tenant-0", ("x-waggle-hop", "node"), vec![]);
    assert_eq!(forged.await.0, 200);
    for path in ["/cluster/locate/tenant-0", "/cluster/locate/absent"] {
        assert_eq!(one.call(Method::GET, path, Value::Null).await.0, 401);
    }
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_names_share_a_database_and_nothing_else() {
    let world = World::new().await;
    let (a, b) = (world.node("node", "a").await, world.node("node", "b").await);
    a.pair("of-a", &world.simulator, None).await;
    b.pair("of-b", &world.simulator, None).await;
    for (node, own) in [(&a, "of-a"), (&b, "of-b")] {
        let list = node.get("/instance/fetchInstances").await;
        assert_eq!((list.as_array().unwrap().len(), &list[0]["name"]), (1, &json!(own)));
        assert_eq!(owners(node).await.len(), 1);
        // Requests are passed on to the nodes that have the instance.
        node.is("of-a", "open").await;
        node.is("of-b", "open").await;
    }
    // It moves over live, without another pairing.
    a.post("/cluster/move/of-a", json!({"clientName": "b"})).await;
    b.is("of-a", "open").await;
    assert_eq!(owners(&b).await.len(), 2);
    assert!(owners(&a).await.is_empty());
    a.send_text("of-a", &world.bob, "from its new place").await;
    assert_eq!(world.simulator.handle().stats().pairings, 2);
    let elsewhere = json!({"instanceName": "asked-for", "clientName": "b"});
    a.post("/instance/create", elsewhere).await;
    assert!(owners(&b).await.contains_key("asked-for"));
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_passes_on_what_another_one_has() {
    // Two installations with databases of their own, that know the same secret.
    let (east, west) = (World::new().await, World::new().await);
    let secret = ("WAGGLE_CLUSTER_SECRET", "what both regions know");
    let far =
        [west.node_with("one", "west", &[secret]).await, west.node_with("two", "west", &[secret]).await];
    sees(&far[0], 2).await;
    sees(&far[1], 2).await;
    let entry = far[0].url();
    let near = east.node_with("one", "east", &[secret, ("WAGGLE_CLUSTER_PEERS", &entry)]).await;
    for number in 0..4 {
        let created = far[0].create(&format!("far-{number}"), None).await;
        let token = created["hash"].as_str().unwrap();
        west.simulator.handle().scan_qr(created["qrcode"]["code"].as_str().unwrap(), None).await.unwrap();
        // Whichever of the region's nodes has it.
        near.is(&format!("far-{number}"), "open").await;
        near.send_text(&format!("far-{number}"), &west.bob, "from the other region").await;
        let own = format!("/instance/connectionState/far-{number}");
        for (key, status) in [(Some(token), 200), (Some("nobodys-key"), 401), (None, 401)] {
            assert_eq!(near.try_call(Method::GET, &own, key, None).await.unwrap().0, status);
        }
    }
    assert!(owners(&far[0]).await.values().any(|owner| owner == "two"), "one of them needs two hops");
    assert_eq!(near.call(Method::GET, "/instance/connectionState/absent", Value::Null).await.0, 404);
    assert_eq!(near.get("/instance/fetchInstances").await, json!([]));
    for world in [east, west] {
        world.database.remove().await;
    }
}
