//! App state between a phone and its devices.

use std::time::Duration;

use wa_sim::{Change, Handle, Options, StateRecord};
use whatsapp_rust::{Jid, types::events::Event};

use crate::common::{client::TestClient, simulator, simulator_with, until, within};

const CHAT: &str = "5511900000077@s.whatsapp.net";

/// How often the devices are told again.
const AGAIN: Duration = Duration::from_millis(200);

/// The next event that `pick` accepts. The client ignores what it is told about a collection that it is just
/// reading, so the simulator says it again until the event is there.
async fn event<T>(
    client: &mut TestClient,
    handle: &Handle,
    phone: &str,
    what: &str,
    mut pick: impl FnMut(&Event) -> Option<T>,
) -> T {
    within(what, async {
        loop {
            tokio::select! {
                value = client.event(what, &mut pick) => return value,
                () = tokio::time::sleep(AGAIN) => handle.announce_app_state(phone).expect("announce"),
            }
        }
    })
    .await
}

/// Waits for a record whose index begins like this.
async fn record(handle: &Handle, phone: &str, index: &[&str]) -> StateRecord {
    until("record", || {
        let records = handle.app_state(phone).expect("app state");
        records.into_iter().find(|record| record.index.iter().zip(index).all(|(a, b)| a == b))
    })
    .await
}

fn chat() -> Jid {
    CHAT.parse().expect("jid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_learn_what_the_phone_changes() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    let change = |change: Change| handle.change(&paired.phone, &change).expect("change");
    macro_rules! update {
        ($event:ident, $update:ident, $value:expr) => {{
            event(&mut ana, &handle, &paired.phone, stringify!($event), |event| match event {
                Event::$event($update) => Some($value),
                _ => None,
            })
            .await
        }};
    }
    change(Change::Mute { chat: CHAT.into(), muted: true, until: None });
    assert_eq!(update!(MuteUpdate, u, (u.jid.clone(), u.action.muted)), (chat(), Some(true)));
    change(Change::Pin { chat: CHAT.into(), pinned: true });
    assert_eq!(update!(PinUpdate, u, u.action.pinned), Some(true));
    change(Change::Archive { chat: CHAT.into(), archived: true });
    assert_eq!(update!(ArchiveUpdate, u, u.action.archived), Some(true));
    change(Change::Read { chat: CHAT.into(), read: false });
    assert_eq!(update!(MarkChatAsReadUpdate, u, u.action.read), Some(false));
    change(Change::Star {
        chat: CHAT.into(),
        id: "M1".into(),
        from_me: false,
        participant: None,
        starred: true,
    });
    assert_eq!(update!(StarUpdate, u, u.message_id.clone()), "M1");
    change(Change::DeleteForMe { chat: CHAT.into(), id: "M2".into(), from_me: true, participant: None });
    assert_eq!(update!(DeleteMessageForMeUpdate, u, u.message_id.clone()), "M2");
    change(Change::ClearChat { chat: CHAT.into() });
    assert_eq!(update!(ClearChatUpdate, u, u.jid.clone()), chat());
    change(Change::DeleteChat { chat: CHAT.into() });
    assert_eq!(update!(DeleteChatUpdate, u, u.jid.clone()), chat());
    let full_name = "Bia Silva".to_owned();
    change(Change::Contact { jid: CHAT.into(), full_name, first_name: None });
    assert_eq!(update!(ContactUpdate, u, u.action.full_name.clone()).as_deref(), Some("Bia Silva"));
    change(Change::PushName { name: "Ana Two".into() });
    assert_eq!(update!(SelfPushNameUpdated, u, u.new_name.clone()), "Ana Two");
    change(Change::Label { id: "7".into(), name: "VIP".into(), color: 3, deleted: false });
    assert_eq!(update!(LabelEditUpdate, u, u.action.name.clone()).as_deref(), Some("VIP"));
    change(Change::LabelChat { id: "7".into(), chat: CHAT.into(), labeled: true });
    assert_eq!(
        update!(LabelAssociationUpdate, u, (u.label_id.clone(), u.action.labeled)),
        ("7".into(), Some(true))
    );
    assert_eq!(handle.account_info(&paired.phone).expect("account").name, "Ana Two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_learn_what_another_device_changes() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (ana, paired) = TestClient::paired(&simulator, None).await;
    let (mut other, _) = TestClient::paired(&simulator, Some(&paired.phone)).await;
    ana.client.chat_actions().pin_chat(&chat()).await.expect("pin");
    event(&mut other, &handle, &paired.phone, "pin", |event| {
        matches!(event, Event::PinUpdate(_)).then_some(())
    })
    .await;
    ana.client.labels().create_label("9", "New", 1).await.expect("label");
    event(&mut other, &handle, &paired.phone, "label", |event| {
        matches!(event, Event::LabelEditUpdate(_)).then_some(())
    })
    .await;
    ana.client.labels().add_chat_label("9", &chat()).await.expect("label");
    event(&mut other, &handle, &paired.phone, "label", |event| {
        matches!(event, Event::LabelAssociationUpdate(_)).then_some(())
    })
    .await;
    ana.client.chat_actions().unpin_chat(&chat()).await.expect("unpin");
    let pin = record(&handle, &paired.phone, &["pin_v1", CHAT]).await;
    assert_eq!((pin.collection.as_str(), &pin.value["pin_action"]["pinned"]), ("regular_low", &false.into()));
    let label = record(&handle, &paired.phone, &["label_edit", "9"]).await;
    assert_eq!(
        (label.collection.as_str(), &label.value["label_edit_action"]["name"]),
        ("regular", &"New".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_is_resolved_and_the_change_repeated() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (ana, paired) = TestClient::paired(&simulator, None).await;
    let (bia, _) = TestClient::paired(&simulator, Some(&paired.phone)).await;
    // Both write the same collection at the same time as the phone does: somebody is too late.
    let jids: Vec<Jid> = (0..6).map(|n| Jid::pn(format!("55119000001{n}"))).collect();
    let pins = |client: &TestClient, jids: &[Jid]| {
        let (client, jids) = (client.client.clone(), jids.to_vec());
        async move {
            for jid in jids {
                client.chat_actions().pin_chat(&jid).await.expect("pin");
            }
        }
    };
    let phone = async {
        for jid in &jids {
            handle
                .change(&paired.phone, &Change::Archive { chat: jid.to_string(), archived: true })
                .expect("change");
            tokio::task::yield_now().await;
        }
    };
    futures::future::join3(pins(&ana, &jids[..3]), pins(&bia, &jids[3..]), phone).await;
    for jid in &jids {
        record(&handle, &paired.phone, &["pin_v1", &jid.to_string()]).await;
        record(&handle, &paired.phone, &["archive", &jid.to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_state_comes_as_a_snapshot_and_in_pages_and_survives_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let options = Options { state_file: Some(folder.path().join("state.json")), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let handle = simulator.handle();
    let (ana, paired) = TestClient::paired(&simulator, None).await;
    let store = ana.stop().await;
    for n in 0..1_200 {
        let chat = format!("5511{n:09}@s.whatsapp.net");
        handle.change(&paired.phone, &Change::Pin { chat, pinned: true }).expect("change");
    }
    simulator.shutdown().await.expect("shutdown");
    let simulator = simulator_with(options).await;
    let handle = simulator.handle();
    assert_eq!(handle.app_state(&paired.phone).expect("app state").len(), 1_201);
    // A new device gets all of it as a snapshot; what comes later are patches.
    let uploads = handle.media_stats().uploads;
    let (mut new, _) = TestClient::paired(&simulator, Some(&paired.phone)).await;
    until("snapshot", || (handle.media_stats().downloads > 0).then_some(())).await;
    assert!(handle.media_stats().uploads > uploads);
    handle.change(&paired.phone, &Change::Pin { chat: CHAT.into(), pinned: false }).expect("change");
    event(&mut new, &handle, &paired.phone, "pin", |event| match event {
        Event::PinUpdate(update) if update.jid == chat() && update.action.pinned == Some(false) => Some(()),
        _ => None,
    })
    .await;
    new.client.chat_actions().archive_chat(&chat(), None).await.expect("archive");
    record(&handle, &paired.phone, &["archive", CHAT]).await;
    // The old device is 1 200 patches behind, of which the first ones are not there any more.
    let mut old = TestClient::start(&simulator.chat_url(), store, None, None).await;
    old.connected().await;
    handle.change(&paired.phone, &Change::Pin { chat: CHAT.into(), pinned: true }).expect("change");
    event(&mut old, &handle, &paired.phone, "pin", |event| match event {
        Event::PinUpdate(update) if update.jid == chat() && update.action.pinned == Some(true) => Some(()),
        _ => None,
    })
    .await;
    // Far behind, but not that far: it reads page after page.
    let store = old.stop().await;
    for n in 0..120 {
        let chat = format!("5521{n:09}@s.whatsapp.net");
        handle.change(&paired.phone, &Change::Pin { chat, pinned: true }).expect("change");
    }
    let mut old = TestClient::start(&simulator.chat_url(), store, None, None).await;
    let mut missing: std::collections::HashSet<String> = (0..120).map(|n| format!("5521{n:09}")).collect();
    event(&mut old, &handle, &paired.phone, "120 pins", |event| {
        if let Event::PinUpdate(update) = event {
            missing.remove(update.jid.user.as_str());
        }
        missing.is_empty().then_some(())
    })
    .await;
}
