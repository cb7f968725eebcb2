//! The phone's history reaches a new device.

use std::collections::BTreeMap;

use wa_sim::{History, NewContact, Options};
use whatsapp_rust::{
    Jid,
    types::events::Event,
    waproto::whatsapp::{HistorySync, history_sync::HistorySyncType, message::HistorySyncType as Notified},
};

use crate::common::{
    client::{Setup, TestClient},
    simulator, simulator_with,
};

fn plan() -> History {
    History {
        chats: 5,
        bootstrap: 2,
        recent: 3,
        full: 4,
        on_demand: 6,
        chats_per_blob: 2,
        ..History::default()
    }
}

impl TestClient {
    /// The next blob of history: its type, the request it answers, and its content.
    async fn history(&mut self) -> (i32, Option<String>, HistorySync) {
        self.event("history", |event| match event {
            Event::HistorySync(sync) => {
                let request = sync.peer_data_request_session_id().map(str::to_owned);
                Some((sync.sync_type(), request, sync.get().expect("content").clone()))
            }
            _ => None,
        })
        .await
    }
}

fn messages(sync: &HistorySync) -> usize {
    sync.conversations.iter().map(|chat| chat.messages.len()).sum()
}

/// Sends a history to a client that reads it, and counts what arrives.
async fn check(plan: History) {
    let simulator = simulator().await;
    let setup = Setup { history: true, ..Setup::default() };
    let (mut ana, paired) = TestClient::paired_with(&simulator, None, setup).await;
    simulator.handle().send_history(&paired.phone, plan.clone()).expect("history");
    let mut counted = BTreeMap::<i32, usize>::new();
    let mut names = 0;
    // One bootstrap, one list of names, three blobs of recent and of full history.
    for _ in 0..8 {
        let (kind, _, sync) = ana.history().await;
        *counted.entry(kind).or_default() += messages(&sync);
        names += sync.pushnames.len();
    }
    let expected = [
        (Notified::INITIAL_BOOTSTRAP as i32, 10),
        (Notified::FULL as i32, 20),
        (Notified::RECENT as i32, 15),
        (Notified::PUSH_NAME as i32, 0),
    ];
    assert_eq!(counted, BTreeMap::from(expected));
    assert!(names >= 5);
    let uploads = simulator.handle().media_stats().uploads;
    assert_eq!(uploads, if plan.inline { 7 } else { 8 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_comes_in_all_its_parts() {
    check(plan()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_comes_inside_the_message() {
    check(History { inline: true, ..plan() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_device_gets_the_history_of_the_options() {
    let history = History { pictures: true, bootstrap: 20, text_bytes: 500, ..plan() };
    let simulator = simulator_with(Options { history: Some(history), ..Options::default() }).await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let setup = Setup { history: true, ..Setup::default() };
    let store = std::sync::Arc::new(whatsapp_rust::wacore::store::InMemoryBackend::new());
    let mut ana = TestClient::start_with(&simulator.chat_url(), store, setup).await;
    let qr = ana.qr().await;
    handle.scan_qr(&qr, None).await.expect("scan");
    // The client works on several blobs at once: the smallest may come first.
    let sync = loop {
        let (_, _, sync) = ana.history().await;
        if sync.sync_type == HistorySyncType::INITIAL_BOOTSTRAP {
            break sync;
        }
    };
    assert_eq!((sync.conversations.len(), messages(&sync)), (5, 100));
    // The first chat is with an account that exists; its pictures can be downloaded.
    let chat = &sync.conversations[0];
    assert_eq!(chat.id, contact.jid);
    let texts: Vec<_> = chat
        .messages
        .iter()
        .filter_map(|message| message.message.as_option()?.message.as_option()?.conversation.clone())
        .collect();
    assert!(texts.iter().all(|text| text.len() == 500));
    let picture = chat
        .messages
        .iter()
        .find_map(|message| {
            message.message.as_option()?.message.as_option()?.image_message.as_option().cloned()
        })
        .expect("picture");
    assert_eq!(ana.client.download(&picture).await.expect("download").len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chats_of_a_migrated_account_are_addressed_by_lid() {
    let simulator = simulator_with(Options { lid_migrated: true, ..Options::default() }).await;
    let setup = Setup { history: true, ..Setup::default() };
    let (mut ana, paired) = TestClient::paired_with(&simulator, None, setup).await;
    simulator.handle().send_history(&paired.phone, plan()).expect("history");
    let sync = loop {
        let (_, _, sync) = ana.history().await;
        if sync.sync_type == HistorySyncType::INITIAL_BOOTSTRAP {
            break sync;
        }
    };
    let chat = &sync.conversations[0];
    assert!(
        chat.id.ends_with("@lid") && chat.pn_jid.as_deref().is_some_and(|pn| pn.ends_with("@s.whatsapp.net"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_messages_come_on_demand() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let setup = Setup { history: true, ..Setup::default() };
    let (mut ana, paired) = TestClient::paired_with(&simulator, None, setup).await;
    handle.send_history(&paired.phone, History { recent: 0, full: 0, ..plan() }).expect("history");
    let bootstrap = loop {
        let (_, _, sync) = ana.history().await;
        if sync.sync_type == HistorySyncType::INITIAL_BOOTSTRAP {
            break sync;
        }
    };
    let chat = &bootstrap.conversations[3];
    let jid: Jid = chat.id.parse().expect("jid");
    let mut oldest =
        chat.messages.last().and_then(|message| message.message.as_option().cloned()).expect("oldest");
    let mut got = Vec::new();
    // Six are left: four, then two, then none.
    for expected in [4, 2, 0] {
        let key = oldest.key.as_option().expect("key").clone();
        let time = i64::try_from(oldest.message_timestamp.expect("time")).expect("time") * 1_000;
        let request = ana
            .client
            .fetch_message_history(&jid, key.id.as_deref().expect("id"), key.from_me == Some(true), time, 4)
            .await
            .expect("request");
        let sync = loop {
            let (kind, answers, sync) = ana.history().await;
            if kind == Notified::ON_DEMAND as i32 {
                assert_eq!(answers.as_deref(), Some(request.as_str()));
                break sync;
            }
        };
        let older: Vec<_> = sync.conversations[0]
            .messages
            .iter()
            .filter_map(|message| message.message.as_option().cloned())
            .collect();
        assert_eq!(older.len(), expected);
        got.extend(older.iter().filter_map(|message| message.key.as_option()?.id.clone()));
        if let Some(last) = older.last() {
            oldest = last.clone();
        }
    }
    got.dedup();
    assert_eq!(got.len(), 6);
}
