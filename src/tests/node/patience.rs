//! What takes long: for whom, and how it is told.

use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::{Value, json};
use waggle::net::Method;

use super::media::{made, opened, picture, text};
use crate::support::{Node, contact, eventually, header, simulator};

/// The limits of the `ffmpeg` that a node has started, while it has one.
fn limits_of_child(node: &Node) -> Option<String> {
    let is_child = |stat: &str| {
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        stat.contains("(ffmpeg)") && fields.get(1) == Some(&node.process().to_string().as_str())
    };
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.find_map(|path| {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        is_child(&stat).then(|| std::fs::read_to_string(path.join("limits")).ok()).flatten()
    })
}

fn limit(limits: &str, name: &str) -> u64 {
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_floods_with_slow_files_keeps_nobody_else_waiting() {
    let simulator = simulator().await;
    let mut node = Node::start_with(&simulator, &[("WAGGLE_DRAIN_TIMEOUT_SECONDS", "2")]).await;
    node.pair("busy", &simulator, None).await;
    node.pair("other", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    // Ten hours of silence: little to send, and a minute of work.
    let slow = made("-f lavfi -i anullsrc=r=1000:cl=mono -t 36000 -c:a flac -f flac");
    let slow = json!({"number": alice.phone, "audio": text(&slow)}).to_string().into_bytes();
    let wav = made("-f lavfi -i sine=frequency=440:duration=1 -f wav");
    let bad = json!({"number": alice.phone, "mediatype": "video", "media": text(&wav)});
    let send = || {
        node.try_call(
            Method::POST,
            "/message/sendWhatsAppAudio/busy",
            Some(crate::support::KEY),
            Some(slow.clone()),
        )
    };
    let flood = async {
        let useless =
            async || while node.call(Method::POST, "/message/sendMedia/busy", bad.clone()).await.0 == 400 {};
        tokio::join!(send(), send(), send(), send(), send(), useless());
    };
    let work = async {
        let limits = eventually("it is worked on", async || limits_of_child(&node)).await;
        assert_eq!(limit(&limits, "Max address space"), 1 << 30);
        assert!(limit(&limits, "Max cpu time") <= 120);

        let began = Instant::now();
        node.send_text("other", &alice.phone, "hello").await;
        let png = picture(300, 200, ImageFormat::Png);
        let body = json!({"number": alice.phone, "mediatype": "image", "media": text(&png)});
        let sent = node.post("/message/sendMedia/other", body).await;
        assert!(opened(&simulator, &alice, &sent).await.1 == png);
        // Also what needs a child.
        let note = json!({"number": alice.phone, "audio": text(&wav)});
        let sent = node.post("/message/sendWhatsAppAudio/other", note).await;
        assert_eq!(opened(&simulator, &alice, &sent).await.0.kind, "voice");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(limits_of_child(&node).is_some(), "it is worked on no more: this has shown nothing");
    };
    tokio::select! {
        () = work => {}
        () = flood => panic!("the slow files were not slow"),
    }
    // What is still worked on ends with the node.
    assert!(node.stop().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_leave_in_time_is_to_be_sent_again() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let carol = contact(&simulator, "Carol");
    node.post("/chat/whatsappNumbers/acme", json!({"numbers": [carol.phone]})).await;
    let strike = |fault: Value| simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
    strike(json!({"kind": "latency", "latencyMs": 3_600_000, "phone": phone}));
    let body = json!({"number": carol.phone, "text": "not yet"});
    let answer = node.answer(Method::POST, "/message/sendText/acme", body).await;
    assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
    assert_eq!(header(&answer, "retry-after"), "5");
    assert_eq!(node.state("acme").await, "open", "it is connected all the same");
    let stored = node.messages("acme", json!({})).await;
    assert!(stored.len() == 1 && stored[0].to_string().contains("ERROR"), "{stored:?}");
    assert!(simulator.handle().received(&carol.phone, 0).unwrap().0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_sees_recording_before_a_voice_note_and_typing_before_a_text() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let opus = made("-f lavfi -i sine=duration=1 -c:a libopus -f ogg");
    let seen = async |last: &str| {
        eventually(last, async || {
            let signals = simulator.handle().signals(&alice.phone).unwrap();
            let shown = ["typing", "recording", "paused"];
            let kinds = signals.into_iter().map(|one| one.kind).filter(|kind| shown.contains(&kind.as_str()));
            let kinds: Vec<String> = kinds.collect();
            (kinds.iter().rev().nth(1).map(String::as_str) == Some(last)).then_some(kinds)
        })
        .await
    };
    let audio = |more: Value| {
        let mut body = json!({"number": alice.phone, "audio": text(&opus), "delay": 30});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    node.post("/message/sendWhatsAppAudio/acme", audio(json!({}))).await;
    assert_eq!(seen("recording").await, ["recording", "paused"]);
    node.post("/message/sendText/acme", json!({"number": alice.phone, "text": "hi", "delay": 30})).await;
    assert_eq!(seen("typing").await[2..], ["typing", "paused"]);
    // What the caller chooses is shown, also in an old request.
    node.post("/message/sendWhatsAppAudio/acme", audio(json!({"options": {"presence": "composing"}}))).await;
    eventually("typing again", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        (signals.iter().filter(|one| one.kind == "typing").count() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_count_as_messages_do() {
    let simulator = simulator().await;
    let limits = [("WAGGLE_RATE_LIMIT_PER_SECOND", "1"), ("WAGGLE_RATE_LIMIT_BURST", "1")];
    let node = Node::start_with(&simulator, &limits).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    for (method, path) in
        [(Method::POST, "/chat/updateMessage/acme"), (Method::DELETE, "/chat/deleteMessageForEveryone/acme")]
    {
        // The burst is one: of two at the same time, one is too many.
        let key = json!({"remoteJid": alice.jid, "fromMe": true, "id": "3EB0000000000000000000"});
        let mut body = key.clone();
        body["key"] = key;
        body["text"] = json!("other");
        let once = || node.call(method.clone(), path, body.clone());
        let answers = tokio::join!(once(), once(), once());
        let statuses = [answers.0.0, answers.1.0, answers.2.0];
        assert!(statuses.contains(&429), "{path}: {statuses:?}");
    }
}
