//! Stores that refuse, that are away, and links that are asked for too early.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use waggle::net::{Method, Response};

use crate::storage::s3_server::S3Server;
use crate::storage::storing;
use crate::support::{Node, contact, fetched, header, sends, simulator, told};

/// The link that the webhook is told of a message.
async fn linked(receiver: &Receiver, id: &str) -> String {
    let event = told(receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id).await;
    event["data"]["message"]["mediaUrl"].as_str().unwrap_or_else(|| panic!("no link: {event}")).to_owned()
}

/// When an answer says to come back, in seconds.
fn retry_after(response: &Response) -> u64 {
    let text = header(response, "retry-after");
    text.parse().unwrap_or_else(|_| panic!("{}: Retry-After is {text:?}", response.status))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_the_store_refuses_hold_up_nobody_and_their_links_say_when_to_come_back() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let server = S3Server::start().await;
    let node = storing(&simulator, &server, &[]).await;
    let acme = node.pair("acme", &simulator, Some(&receiver)).await;
    let beta = node.pair("beta", &simulator, Some(&receiver)).await;
    let instances = node.get("/instance/fetchInstances?instanceName=acme").await;
    server.refuse(instances[0]["id"].as_str().unwrap());
    let alice = contact(&simulator, "Alice");
    let mut refused = Vec::new();
    for number in 0..4_u8 {
        let id = sends(&simulator, &alice, &acme, "image", &[number; 10]).await;
        refused.push(linked(&receiver, &id).await);
    }
    // After two attempts the next one is later than a request waits.
    let began = Instant::now();
    let answers = futures::future::join_all(refused.iter().map(|link| fetched(link))).await;
    for answer in &answers {
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status.as_u16(), &told["status"]), (503, &json!(503)), "{told}");
        assert!((10..=31).contains(&retry_after(answer)), "{}", retry_after(answer));
    }
    assert!(began.elapsed() < Duration::from_secs(20), "they waited for nothing: {:?}", began.elapsed());
    // For others the store is there.
    for number in 0..4_u8 {
        let id = sends(&simulator, &alice, &beta, "image", &[number; 20]).await;
        let began = Instant::now();
        let lead = fetched(&linked(&receiver, &id).await).await;
        assert_eq!(lead.status, 302);
        assert_eq!(fetched(header(&lead, "location")).await.body, vec![number; 20]);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_wait_for_a_file_that_is_on_its_way_and_the_others_come_back() {
    const PLACES: usize = 64;
    const MORE: usize = 8;
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let mut server = S3Server::start().await;
    let node = storing(&simulator, &server, &[]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    server.stop().await;
    let id = sends(&simulator, &contact(&simulator, "Alice"), &phone, "image", b"a picture").await;
    let link = linked(&receiver, &id).await;
    let began = Instant::now();
    let mut asked: FuturesUnordered<_> = (0..PLACES + MORE).map(|_| fetched(&link)).collect();
    for _ in 0..MORE {
        let answer = asked.next().await.unwrap();
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert!(retry_after(&answer) >= 1);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "they waited too: {:?}", began.elapsed());
    server.start_again().await;
    while let Some(answer) = asked.next().await {
        assert_eq!(answer.status, 302, "{:?}", answer.body);
    }
    // Their places are free again.
    assert_eq!(fetched(&link).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_away_is_told_as_such() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let (kept, aside) = (folder.path().join("kept"), folder.path().join("aside"));
    let place = kept.display().to_string();
    let node = Node::start_with(&simulator, &[("WAGGLE_MEDIA_FOLDER", &place)]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let id = sends(&simulator, &contact(&simulator, "Alice"), &phone, "image", b"a picture").await;
    let link = linked(&receiver, &id).await;
    assert_eq!(fetched(&link).await.status, 200);
    let files = node.post("/s3/getMedia/acme", json!({})).await;
    let wanted = json!({"id": files[0]["id"]});
    for blocked in [true, false] {
        std::fs::rename(&kept, &aside).unwrap();
        if blocked {
            std::fs::write(&kept, "in the way").unwrap();
        }
        let away = fetched(&link).await;
        assert_eq!(away.status, 503, "{:?}", away.body);
        assert!(retry_after(&away) >= 1);
        let (status, told) = node.call(Method::POST, "/s3/getMediaUrl/acme", wanted.clone()).await;
        assert_eq!(status, 503, "{told}");
        if blocked {
            std::fs::remove_file(&kept).unwrap();
        }
        std::fs::rename(&aside, &kept).unwrap();
        assert_eq!(fetched(&link).await.status, 200);
        node.post("/s3/getMediaUrl/acme", wanted.clone()).await;
    }
    // One file that is lost says nothing of the folder.
    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    assert_eq!(fetched(&link).await.status, 404);
}
