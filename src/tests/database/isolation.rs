//! Two tenants with the same keys.

use waggle::db::{ChatFilter, ContactFilter, Failure, GroupRow, MessageFilter, Page, Spooled, Unread, Write};
use waggle::domain::{EventKind, MessageStatus, SinkKind};

use super::instances::sink;
use super::world::{World, event, message, put, status, store};

const CHAT: &str = "1@s.whatsapp.net";

pub async fn nothing_crosses_tenants(world: &World) {
    let (a, b) = (world.instance().await, world.instance().await);
    let row = message("K", CHAT, 1);
    let writes = |name: &str, value| {
        vec![
            Write::Message {
                message: std::sync::Arc::new(row.clone()),
                idempotency_key: Some("same".to_owned()),
                fresh: false,
                events: vec![event(EventKind::MessagesUpsert)],
            },
            Write::Chat {
                remote_jid: CHAT.to_owned(),
                remote_jid_alt: None,
                name: Some(name.to_owned()),
                unread: Unread::Add(1),
                last: Some((row.id, 1)),
                on_new: vec![],
                on_change: vec![],
            },
            Write::Contact {
                remote_jid: CHAT.to_owned(),
                remote_jid_alt: None,
                push_name: Some(name.to_owned()),
                profile_pic_url: None,
                saved_name: None,
                events: None,
            },
            Write::Address { lid: "1@lid".to_owned(), pn: format!("{name}@x"), on_chat: vec![] },
            Write::Group {
                jid: "1@g.us".to_owned(),
                row: Some(
                    GroupRow { metadata: name.to_owned(), members: "[]".to_owned(), fetched_at: 1 }.into(),
                ),
                events: vec![],
            },
            Write::Spool(
                Spooled {
                    message_id: "N".to_owned(),
                    account: "1".to_owned(),
                    notice: name.as_bytes().to_vec(),
                    done: 0,
                    created_at: 1,
                }
                .into(),
            ),
            put("kind", b"key", value, None),
        ]
    };
    world.write(a, writes("a", "of a")).await;
    world.db.instance(a).sinks().set(&sink(SinkKind::Webhook)).await.unwrap();
    let letter = world.outbox_of(a).await.remove(0);
    world.db.outbox().bury(letter.id, &Failure::default()).await.unwrap();

    // B has nothing, whatever it asks for.
    let of_b = world.db.instance(b);
    let page = Page { number: 1, size: 10 };
    let messages = of_b.messages();
    assert_eq!(messages.find(&MessageFilter::default(), page).await.unwrap(), (vec![], 0));
    assert_eq!(messages.by_key_id("K").await.unwrap(), []);
    assert_eq!(messages.by_key_ids(&["K".to_owned()]).await.unwrap(), []);
    assert_eq!(messages.updates(&MessageFilter::default(), None, page).await.unwrap(), []);
    assert_eq!(messages.by_id(row.id).await.unwrap(), None);
    assert_eq!(messages.by_idempotency_key("same").await.unwrap(), None);
    assert_eq!(messages.last_of_chat(&[CHAT.to_owned()]).await.unwrap(), None);
    assert_eq!(messages.pending_older_than(i64::MAX, 10).await.unwrap(), []);
    assert_eq!(of_b.chats().find(&ChatFilter::default(), 10, 0).await.unwrap(), []);
    assert_eq!(of_b.chats().by_jids(&[CHAT.to_owned()]).await.unwrap(), []);
    assert_eq!(of_b.contacts().find(&ContactFilter::default()).await.unwrap(), []);
    assert_eq!(of_b.contacts().page(&ContactFilter::default(), page).await.unwrap(), []);
    assert_eq!(of_b.contacts().by_jids(&[CHAT.to_owned()]).await.unwrap(), []);
    assert_eq!(of_b.sinks().get(SinkKind::Webhook).await.unwrap(), None);
    assert_eq!(of_b.sinks().all().await.unwrap(), []);
    assert_eq!(of_b.addresses().pairs_of(&["1@lid".to_owned(), "a@x".to_owned()]).await.unwrap(), []);
    assert_eq!(of_b.addresses().all(10).await.unwrap(), []);
    assert_eq!(of_b.groups().find("1@g.us").await.unwrap(), None);
    assert_eq!(of_b.groups().all(true).await.unwrap(), []);
    assert_eq!(of_b.history_spool().find("N").await.unwrap(), None);
    assert!(of_b.history_spool().waiting("1", 10).await.unwrap().is_empty());
    assert_eq!(of_b.session().get("kind", b"key").await.unwrap(), None);
    assert_eq!(of_b.session().get_many("kind", &[b"key".to_vec()]).await.unwrap(), [None]);
    assert_eq!(of_b.session().scan("kind", b"").await.unwrap(), []);
    let letters = of_b.dead_letters();
    let ids = [world.db.instance(a).dead_letters().list(1, 0).await.unwrap()[0].id];
    assert!(letters.list(10, 0).await.unwrap().is_empty());
    assert_eq!(letters.count().await.unwrap(), 0);
    assert_eq!(letters.remove(&ids).await.unwrap(), 0);
    assert_eq!(letters.redrive(&ids).await.unwrap(), 0);
    assert!(world.outbox_of(b).await.is_empty());
    // A message of A cannot be changed by B, by its row id neither.
    let answer =
        Write::Sent { id: row.id, status: MessageStatus::Played, message_timestamp: Some(9), events: vec![] };
    world.write(b, vec![status("K", MessageStatus::Read), answer]).await;
    let kept = world.db.instance(a).messages().by_key_id("K").await.unwrap().remove(0);
    assert_eq!((kept.status, kept.timestamp), (MessageStatus::Pending, 1));

    // The same keys live side by side, and a chat shows no message of the other tenant.
    let mut other = writes("b", "of b");
    let mut second = message("K", CHAT, 2);
    second.message = "{}".to_owned();
    other[0] = store(second);
    assert_eq!(world.write(b, other).await, [true; 7]);
    for (id, name, value) in [(a, "a", "of a"), (b, "b", "of b")] {
        let scope = world.db.instance(id);
        let chats = scope.chats().find(&ChatFilter::default(), 10, 0).await.unwrap();
        let entry = scope.chats().entries(chats).await.unwrap().remove(0);
        assert_eq!(entry.chat.name.as_deref(), Some(name));
        assert_eq!(entry.contact.unwrap().push_name.as_deref(), Some(name));
        assert_eq!(entry.last_message.is_some(), id == a);
        let pairs = scope.addresses().pairs_of(&["1@lid".to_owned()]).await.unwrap();
        assert_eq!(pairs.iter().map(|pair| pair.pn.as_str()).collect::<Vec<_>>(), [format!("{name}@x")]);
        assert_eq!(scope.session().get("kind", b"key").await.unwrap().as_deref(), Some(value.as_bytes()));
        assert_eq!(scope.messages().by_key_id("K").await.unwrap().len(), 1);
        assert_eq!(scope.groups().find("1@g.us").await.unwrap().unwrap().metadata, name);
    }
    // Doubting or forgetting one tenant's groups leaves the other's.
    let asked_for = world.db.instance(b).groups().find("1@g.us").await.unwrap().unwrap();
    world.write(a, vec![Write::DoubtGroups]).await;
    assert_eq!(world.db.instance(a).groups().find("1@g.us").await.unwrap().unwrap().fetched_at, 0);
    assert_eq!(world.db.instance(b).groups().find("1@g.us").await.unwrap().unwrap(), asked_for);
    world.write(a, vec![Write::ForgetGroups]).await;
    assert_eq!(world.db.instance(a).groups().all(true).await.unwrap(), []);
    assert!(world.db.instance(b).groups().find("1@g.us").await.unwrap().is_some());
    // So does forgetting its history.
    world.write(a, vec![Write::ForgetSpool]).await;
    assert_eq!(world.db.instance(a).history_spool().find("N").await.unwrap(), None);
    assert!(world.db.instance(b).history_spool().find("N").await.unwrap().is_some());
    // Clearing one tenant's records leaves the other's.
    let destroy = Write::Session { change: waggle::db::SessionChange::Destroy };
    world.write(a, vec![destroy]).await;
    assert!(world.db.instance(b).session().get("kind", b"key").await.unwrap().is_some());
}
