//! Messages.

use std::sync::Arc;

use waggle::db::{MessageFilter, MessageHead, Page, Write};
use waggle::domain::{EventKind, MessageStatus, StoredMessage};

use super::world::{World, event, message, status, store};

const CHAT: &str = "5511@s.whatsapp.net";

pub async fn a_message_is_stored_once(world: &World) {
    let id = world.instance().await;
    let first = message("K", CHAT, 10);
    assert_eq!(world.write(id, vec![store(first.clone())]).await, [true]);
    assert_eq!(world.write(id, vec![store(message("K", CHAT, 11))]).await, [false]);
    // Twice in one batch; another sender; another letter case.
    let mut other = message("K", CHAT, 12);
    other.key.participant = Some("7@lid".to_owned());
    let batch = vec![store(other.clone()), store(other), store(message("k", CHAT, 13))];
    assert_eq!(world.write(id, batch).await, [true, false, true]);
    let messages = world.db.instance(id).messages();
    assert_eq!(messages.by_id(first.id).await.unwrap(), Some(first));
    let found = messages.by_key_id("K").await.unwrap();
    assert_eq!(found.iter().map(|m| m.timestamp).collect::<Vec<_>>(), [12, 10]);
    assert_eq!(world.outbox_of(id).await.len(), 3, "no event without a change");
}

pub async fn a_status_never_goes_back(world: &World) {
    let id = world.instance().await;
    world.write(id, vec![store(message("K", CHAT, 1))]).await;
    for (new, moved) in [
        (MessageStatus::ServerAck, true),
        (MessageStatus::Read, true),
        (MessageStatus::DeliveryAck, false),
        (MessageStatus::Read, false),
        (MessageStatus::Error, false),
    ] {
        assert_eq!(world.write(id, vec![status("K", new)]).await, [moved], "{new:?}");
    }
    assert_eq!(world.write(id, vec![status("absent", MessageStatus::Read)]).await, [false]);
    let stored = world.db.instance(id).messages().by_key_id("K").await.unwrap().remove(0);
    assert_eq!((stored.status, stored.updates), (MessageStatus::Read, texts(&["SERVER_ACK", "READ"])));
    assert_eq!(world.outbox_of(id).await.len(), 3);
    // A page holds those that came to a status, however many newer ones did not.
    let newer = vec![store(message("L", CHAT, 2)), store(message("M", CHAT, 3))];
    world.write(id, newer).await;
    world.write(id, vec![status("L", MessageStatus::ServerAck)]).await;
    let messages = world.db.instance(id).messages();
    let page = Page { number: 1, size: 1 };
    for (status, found) in [(None, "L"), (Some("SERVER_ACK"), "L"), (Some("READ"), "K"), (Some("PLAYED"), "")]
    {
        let rows = messages.updates(&MessageFilter::default(), status, page).await.unwrap();
        let id = rows.first().map(|row| row.key.id.as_str()).unwrap_or_default();
        assert_eq!(id, found, "{status:?}: {rows:?}");
    }
    let second =
        messages.updates(&MessageFilter::default(), None, Page { number: 2, size: 1 }).await.unwrap();
    assert_eq!(second[0].statuses, texts(&["SERVER_ACK", "READ"]));
    let some = messages.by_key_ids(&texts(&["K", "M", "absent"])).await.unwrap();
    assert_eq!(some.iter().map(|m| m.key.id.as_str()).collect::<Vec<_>>(), ["M", "K"]);
}

pub async fn an_answer_to_a_send_needs_no_look(world: &World) {
    let id = world.instance().await;
    let (first, second) = (message("A", CHAT, 1), message("B", CHAT, 1));
    let fresh = |message: &StoredMessage| Write::Message {
        message: Arc::new(message.clone()),
        idempotency_key: None,
        fresh: true,
        events: vec![],
    };
    let sent = |message: &StoredMessage, status| Write::Sent {
        id: message.id,
        status,
        message_timestamp: Some(99),
        events: vec![event(EventKind::SendMessage)],
    };
    world.write(id, vec![fresh(&first), fresh(&second)]).await;
    world.write(id, vec![status("B", MessageStatus::Read)]).await;
    let answers = vec![sent(&first, MessageStatus::ServerAck), sent(&second, MessageStatus::ServerAck)];
    assert_eq!(world.write(id, answers).await, [true, true]);
    let messages = world.db.instance(id).messages();
    let of = async |message: &StoredMessage| messages.by_id(message.id).await.unwrap().unwrap();
    assert_eq!((of(&first).await.status, of(&first).await.timestamp), (MessageStatus::ServerAck, 99));
    assert_eq!(of(&second).await.status, MessageStatus::Read);
    assert_eq!(of(&second).await.updates, texts(&["READ"]));
    let third = message("C", CHAT, 1);
    world.write(id, vec![fresh(&third)]).await;
    world.write(id, vec![sent(&third, MessageStatus::Error)]).await;
    assert_eq!(of(&third).await.status, MessageStatus::Error);
}

pub async fn only_the_sender_edits_and_deletes(world: &World) {
    let id = world.instance().await;
    let mut original = message("K", "1-2@g.us", 1);
    original.key.participant = Some("1@lid".to_owned());
    world.write(id, vec![store(original)]).await;
    let heads: Arc<std::sync::Mutex<Vec<MessageHead>>> = Arc::default();
    let told = Arc::clone(&heads);
    let events = Arc::new(move |head: &MessageHead| {
        told.lock().unwrap().push(head.clone());
        vec![event(EventKind::MessagesEdited)]
    });
    let edit = |sender: &str, text: &str| Write::Edit {
        key_id: "K".to_owned(),
        remote_jid: Some("1-2@g.us".to_owned()),
        from_me: false,
        sender: Some(sender.to_owned()),
        message: text.to_owned(),
        events: Some(events.clone()),
    };
    let delete = |sender: Option<&str>| Write::Delete {
        key_id: "K".to_owned(),
        remote_jid: None,
        from_me: false,
        sender: sender.map(str::to_owned),
        events: Some(events.clone()),
    };
    let messages = world.db.instance(id).messages();
    assert_eq!(world.write(id, vec![edit("2@lid", "{}"), delete(Some("2@lid"))]).await, [false; 2]);
    assert_eq!(world.write(id, vec![edit("1@lid", r#"{"a":1}"#)]).await, [true]);
    assert_eq!(messages.by_key_id("K").await.unwrap()[0].message, r#"{"a":1}"#);
    assert_eq!(world.write(id, vec![delete(Some("1@lid"))]).await, [true]);
    assert_eq!(world.write(id, vec![delete(None)]).await, [false]);
    let stored = messages.by_key_id("K").await.unwrap().remove(0);
    assert!(stored.deleted);
    assert_eq!(stored.updates, texts(&["EDITED", "DELETED"]));
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| head.message.as_deref() == Some(r#"{"a":1}"#)), "{heads:?}");
}

pub async fn a_content_is_changed_by_what_it_is(world: &World) {
    let id = world.instance().await;
    world.write(id, vec![store(message("K", CHAT, 1))]).await;
    let amend = |to: &'static str| Write::Amend {
        key_id: "K".to_owned(),
        remote_jid: Some(CHAT.to_owned()),
        change: Arc::new(move |head| {
            let old = head.message.as_deref()?;
            (!old.contains(to)).then(|| format!("{old} {to}"))
        }),
        events: None,
    };
    let before = world.db.instance(id).messages().by_key_id("K").await.unwrap().remove(0).message;
    // One after the other, also within a batch; what changes nothing is no change.
    assert_eq!(world.write(id, vec![amend("one"), amend("two"), amend("one")]).await, [true, true, false]);
    assert_eq!(world.write(id, vec![amend("two"), amend("three")]).await, [false, true]);
    let stored = world.db.instance(id).messages().by_key_id("K").await.unwrap().remove(0);
    assert_eq!(stored.message, format!("{before} one two three"));
    assert_eq!(stored.updates, texts(&[]));
}

pub async fn a_batch_sees_its_own_writes(world: &World) {
    let id = world.instance().await;
    let new = message("K", CHAT, 1);
    let edit = Write::Edit {
        key_id: "K".to_owned(),
        remote_jid: None,
        from_me: false,
        sender: None,
        message: "{}".to_owned(),
        events: None,
    };
    let writes = vec![
        status("K", MessageStatus::Read),
        store(new.clone()),
        status("K", MessageStatus::ServerAck),
        edit,
        store(new),
        status("K", MessageStatus::Pending),
    ];
    assert_eq!(world.write(id, writes).await, [false, true, true, true, false, false]);
    let stored = world.db.instance(id).messages().by_key_id("K").await.unwrap().remove(0);
    assert_eq!((&*stored.message, stored.status), ("{}", MessageStatus::ServerAck));
    assert_eq!(stored.updates, texts(&["SERVER_ACK", "EDITED"]));
    let kinds: Vec<_> = world.outbox_of(id).await.iter().map(|row| row.event.kind).collect();
    assert_eq!(kinds, [EventKind::MessagesUpsert, EventKind::MessagesUpdate]);
}

pub async fn filters_and_pages(world: &World) {
    let id = world.instance().await;
    for n in 0..20_i64 {
        let mut row = message(&format!("K{n}"), if n % 2 == 0 { CHAT } else { "6@g.us" }, 100 + n / 2);
        row.key.from_me = n % 4 == 0;
        row.key.participant = (n % 2 == 1).then(|| format!("{}@lid", n % 3));
        row.key.remote_jid_alt = (n == 4).then(|| "4@lid".to_owned());
        row.message_type = if n < 5 { "imageMessage" } else { "conversation" }.to_owned();
        world.write(id, vec![store(row)]).await;
    }
    let messages = world.db.instance(id).messages();
    let find = async |filter: MessageFilter, number, size| {
        let (rows, total) = messages.find(&filter, Page { number, size }).await.unwrap();
        (rows.into_iter().map(|m| m.key.id).collect::<Vec<_>>(), total)
    };
    let any = MessageFilter::default;
    assert_eq!(find(any(), 1, 3).await, (texts(&["K19", "K18", "K17"]), 20));
    assert_eq!(find(any(), 7, 3).await, (texts(&["K1", "K0"]), 20));
    assert_eq!(find(any(), 8, 3).await, (texts(&[]), 20));
    assert_eq!(find(MessageFilter { key_id: Some("K7".into()), ..any() }, 1, 9).await.0, texts(&["K7"]));
    let chat = MessageFilter { remote_jids: texts(&[CHAT, "9@lid"]), from_me: Some(true), ..any() };
    assert_eq!(find(chat.clone(), 1, 2).await, (texts(&["K16", "K12"]), 5));
    assert_eq!(find(chat.clone(), 4, 2).await, (texts(&[]), 5));
    assert_eq!(find(MessageFilter { from: Some(200), ..chat }, 1, 2).await, (texts(&[]), 0));
    let alt = MessageFilter { remote_jid_alt: Some("4@lid".into()), ..any() };
    assert_eq!(find(alt, 1, 9).await.0, texts(&["K4"]));
    let group = MessageFilter { participants: texts(&["0@lid"]), ..any() };
    assert_eq!(find(group, 1, 9).await.0, texts(&["K15", "K9", "K3"]));
    let time = MessageFilter { from: Some(103), until: Some(104), ..any() };
    assert_eq!(find(time, 1, 9).await, (texts(&["K9", "K8", "K7", "K6"]), 4));
    let kind = MessageFilter { message_type: Some("imageMessage".into()), ..any() };
    assert_eq!(find(kind, 1, 2).await, (texts(&["K4", "K3"]), 5));
    let last = messages.last_of_chat(&texts(&["6@g.us"])).await.unwrap().unwrap();
    assert_eq!(last.key.id, "K19");
}

pub async fn words_find_messages_of_their_own_instance(world: &World) {
    let (id, other) = (world.instance().await, world.instance().await);
    let said = |key: &str, content: serde_json::Value, time| {
        let mut row = message(key, CHAT, time);
        row.message = content.to_string();
        store(row)
    };
    let text = |key: &str, text: &str, time| said(key, serde_json::json!({"conversation": text}), time);
    let file = serde_json::json!({"documentMessage": {"fileName": "Order-17.pdf", "caption": "the invoice"}});
    let rows = vec![
        text("A", "Your ORDER is on its way", 1),
        said("B", file, 2),
        text("C", "café, açaí & 寿司", 3),
        text("D", "disorder", 4),
        said("E", serde_json::json!({"audioMessage": {"seconds": 3}}), 5),
    ];
    world.write(id, rows).await;
    world.write(other, vec![text("X", "order", 1)]).await;
    let messages = world.db.instance(id).messages();
    let find = async |query: &str| {
        let filter = MessageFilter { words: waggle::db::words(query), ..MessageFilter::default() };
        let (rows, total) = messages.find(&filter, Page { number: 1, size: 10 }).await.unwrap();
        assert_eq!(rows.len() as u64, total);
        rows.into_iter().map(|row| row.key.id).collect::<Vec<_>>().concat()
    };
    assert_eq!(find("order").await, "BA");
    assert_eq!(find("Ord WAY").await, "A");
    assert_eq!(find("the 17 i").await, "B");
    assert_eq!(find("is on").await, "A");
    assert_eq!(find("CAFÉ 寿").await, "C");
    assert_eq!(find("nothing").await, "");
    let edit = Write::Edit {
        key_id: "D".to_owned(),
        remote_jid: None,
        from_me: false,
        sender: None,
        message: r#"{"conversation":"an order"}"#.to_owned(),
        events: None,
    };
    let delete = Write::Delete {
        key_id: "A".to_owned(),
        remote_jid: None,
        from_me: false,
        sender: None,
        events: None,
    };
    world.write(id, vec![edit, delete, status("B", MessageStatus::Read)]).await;
    assert_eq!(find("order").await, "DB");
    assert_eq!(find("disorder").await, "");

    // Pages of a larger result; all messages are counted by the writer.
    let more: Vec<Write> = (0..30).map(|n| text(&format!("M{n}"), "many", 10 + n)).collect();
    world.write(id, more).await;
    let page = async |filter: &MessageFilter, number| {
        let (rows, total) = messages.find(filter, Page { number, size: 20 }).await.unwrap();
        (rows.len(), total)
    };
    let many = MessageFilter { words: vec!["many".to_owned()], ..MessageFilter::default() };
    assert_eq!(
        (page(&many, 1).await, page(&many, 2).await, page(&many, 3).await),
        ((20, 30), (10, 30), (0, 30))
    );
    assert_eq!(page(&MessageFilter::default(), 1).await, (20, 35));
}

pub async fn an_idempotency_key_names_one_message(world: &World) {
    let id = world.instance().await;
    let named = |key_id: &str| Write::Message {
        message: Arc::new(message(key_id, CHAT, 1)),
        idempotency_key: Some("order-1".to_owned()),
        fresh: true,
        events: vec![],
    };
    assert_eq!(world.write(id, vec![named("A"), named("B")]).await, [true, false]);
    assert_eq!(world.write(id, vec![named("C")]).await, [false]);
    let messages = world.db.instance(id).messages();
    assert_eq!(messages.by_idempotency_key("order-1").await.unwrap().unwrap().key.id, "A");
    assert_eq!(messages.by_idempotency_key("ORDER-1").await.unwrap(), None);
}

pub async fn pending_ones_are_found(world: &World) {
    let id = world.instance().await;
    let now = world.now() / 1000;
    let own = |key: &str, status, time| {
        let mut own = message(key, CHAT, time);
        (own.key.from_me, own.status) = (true, status);
        store(own)
    };
    let rows = vec![
        own("A", MessageStatus::Pending, now),
        own("B", MessageStatus::ServerAck, now),
        own("C", MessageStatus::Pending, now - 5),
        store(message("D", CHAT, now)),
    ];
    world.write(id, rows).await;
    let messages = world.db.instance(id).messages();
    let found = messages.pending_older_than(world.now() + 1, 10).await.unwrap();
    assert_eq!(found.iter().map(|m| &*m.key.id).collect::<Vec<_>>(), ["C", "A"]);
    assert!(messages.pending_older_than(world.now(), 10).await.unwrap().is_empty());
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
