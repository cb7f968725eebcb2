//! Chats, contacts, addresses and sinks.

use std::sync::Arc;

use uuid::Uuid;
use waggle::db::{
    ChatFilter, ChatState, ContactFilter, GroupRow, Page, Pair, Routed, Spooled, Unread, Write,
};
use waggle::domain::{EventKind, SinkKind};

use super::instances::sink;
use super::world::{World, event, message, store};

fn chat(jid: &str, unread: Unread, last: Option<(Uuid, i64)>) -> Write {
    Write::Chat {
        remote_jid: jid.to_owned(),
        remote_jid_alt: None,
        name: None,
        unread,
        last,
        on_new: vec![event(EventKind::ChatsUpsert)],
        on_change: vec![event(EventKind::ChatsUpdate)],
    }
}

fn contact(jid: &str, push_name: &str, saved_name: Option<Option<&str>>) -> Write {
    Write::Contact {
        remote_jid: jid.to_owned(),
        remote_jid_alt: None,
        push_name: Some(push_name.to_owned()),
        profile_pic_url: None,
        saved_name: saved_name.map(|name| name.map(str::to_owned)),
        events: Some(Arc::new(|_, is_new| {
            vec![event(if is_new { EventKind::ContactsUpsert } else { EventKind::ContactsUpdate })]
        })),
    }
}

pub async fn chats_and_contacts_tell_what_changed(world: &World) {
    use EventKind::{ChatsUpdate, ChatsUpsert, ContactsUpdate, ContactsUpsert};
    let id = world.instance().await;
    let a = "a@s.whatsapp.net";
    let writes = vec![chat(a, Unread::Add(1), None), chat(a, Unread::Add(2), None)];
    assert_eq!(world.write(id, writes).await, [true, true]);
    assert_eq!(world.write(id, vec![chat(a, Unread::Keep, None)]).await, [false]);
    assert_eq!(world.write(id, vec![contact(a, "A\0nn", None)]).await, [true]);
    let writes = vec![contact(a, "Ann", None), contact(a, "Ann", Some(Some("Mum")))];
    assert_eq!(world.write(id, writes).await, [false, true]);
    let scope = world.db.instance(id);
    let stored = scope.contacts().by_jids(&[a.to_owned(), "b".to_owned()]).await.unwrap().remove(0);
    assert_eq!((stored.push_name.as_deref(), stored.is_saved), (Some("Ann"), true));
    world.write(id, vec![contact(a, "Ann", Some(None)), chat(a, Unread::Add(1), None)]).await;
    let renamed = scope.contacts().find(&ContactFilter { id: Some(stored.id), ..Default::default() }).await;
    let renamed = renamed.unwrap().remove(0);
    assert_eq!((renamed.id, renamed.is_saved, renamed.saved_name), (stored.id, false, None));
    assert_eq!(scope.chats().by_jids(&[a.to_owned()]).await.unwrap()[0].unread_count, 4);
    world.write(id, vec![chat(a, Unread::Reset, None)]).await;
    assert_eq!(scope.chats().by_jids(&[a.to_owned()]).await.unwrap()[0].unread_count, 0);
    let kinds: Vec<_> = world.outbox_of(id).await.iter().map(|row| row.event.kind).collect();
    let chats = [ChatsUpsert, ChatsUpdate, ContactsUpsert, ContactsUpdate, ContactsUpdate];
    assert_eq!(kinds, [&chats[..], &[ChatsUpdate, ChatsUpdate]].concat());
}

pub async fn chats_come_newest_first(world: &World) {
    let id = world.instance().await;
    for n in 0..5 {
        let jid = format!("{n}@s.whatsapp.net");
        let last = message(&format!("K{n}"), &jid, n);
        let write = chat(&jid, Unread::Keep, (n > 0).then_some((last.id, n)));
        world.write(id, vec![store(last), write, contact(&jid, "N", None)]).await;
    }
    // An older message does not take the place of a newer one.
    world.write(id, vec![chat("4@s.whatsapp.net", Unread::Keep, Some((Uuid::now_v7(), 1)))]).await;
    let chats = world.db.instance(id).chats();
    let all = chats.find(&ChatFilter::default(), 10, 0).await.unwrap();
    let jids: Vec<_> = all.iter().map(|chat| &chat.remote_jid[..1]).collect();
    assert_eq!(jids, ["4", "3", "2", "1", "0"], "the one without a message is last");
    let entries = chats.entries(all.clone()).await.unwrap();
    assert!(entries.iter().map(|entry| &entry.chat).eq(&all), "in another order");
    assert_eq!(entries[0].last_message.as_ref().unwrap().key.id, "K4");
    assert!(entries[4].last_message.is_none() && entries[4].contact.is_some());
    let some = chats.find(&ChatFilter::default(), 2, 1).await.unwrap();
    assert_eq!(some, all[1..3]);
    let filter = ChatFilter { remote_jids: vec!["2@s.whatsapp.net".to_owned()], ..ChatFilter::default() };
    assert_eq!(chats.find(&filter, 10, 0).await.unwrap(), all[2..3]);
    let filter = ChatFilter { from: Some(2), until: Some(3), ..ChatFilter::default() };
    assert_eq!(chats.find(&filter, 10, 0).await.unwrap(), all[1..3], "by the time of the newest message");
    let contacts = world.db.instance(id).contacts();
    let page = |number| Page { number, size: 2 };
    for (number, wanted) in [(1, vec!["0", "1"]), (2, vec!["2", "3"]), (3, vec!["4"]), (4, vec![])] {
        let found = contacts.page(&ContactFilter::default(), page(number)).await.unwrap();
        let jids: Vec<_> = found.iter().map(|contact| &contact.remote_jid[..1]).collect();
        assert_eq!(jids, wanted, "page {number} of the contacts");
    }
}

pub async fn addresses_go_both_ways(world: &World) {
    let id = world.instance().await;
    let pair = |lid: &str, pn: &str| address(lid, pn, vec![]);
    world.write(id, vec![pair("1@lid", "1@x"), pair("2@lid", "2@x"), pair("1@lid", "3@x")]).await;
    world.write(id, vec![pair("2@lid", "2@y")]).await;
    let addresses = world.db.instance(id).addresses();
    let named = |lid: &str, pn: &str| Pair { lid: lid.to_owned(), pn: pn.to_owned() };
    let of = async |jid: &str| addresses.pairs_of(&[jid.to_owned()]).await.unwrap();
    assert_eq!(of("1@lid").await, [named("1@lid", "3@x")]);
    assert_eq!(of("2@lid").await, [named("2@lid", "2@y")]);
    assert_eq!(of("3@x").await, [named("1@lid", "3@x")]);
    assert_eq!(of("1@x").await, []);
    assert_eq!(addresses.all(1).await.unwrap(), [named("1@lid", "3@x")]);
    let both = addresses.pairs_of(&["2@lid".to_owned(), "3@x".to_owned()]).await.unwrap();
    assert_eq!(both.len(), 2);
}

fn address(lid: &str, pn: &str, on_chat: Vec<Routed>) -> Write {
    Write::Address { lid: lid.to_owned(), pn: pn.to_owned(), on_chat }
}

pub async fn what_is_under_a_hidden_identity_comes_to_its_phone_number(world: &World) {
    const LIDS: [&str; 2] = ["1@lid", "2@lid"];
    const PHONES: [&str; 2] = ["1@s.whatsapp.net", "2@s.whatsapp.net"];
    let id = world.instance().await;
    let said = |jid: &str, state: ChatState| Write::ChatState {
        remote_jid: jid.to_owned(),
        remote_jid_alt: None,
        state,
        on_new: vec![],
        on_change: vec![],
    };
    let archived = ChatState { archived: Some(true), unread: Some(true), ..ChatState::default() };
    let labelled = |jid: &str, label: &str| Write::LabelChat {
        label_id: label.to_owned(),
        remote_jid: jid.to_owned(),
        labeled: true,
        events: vec![],
    };
    let (old, new) = (message("OLD", LIDS[0], 1), message("NEW", PHONES[0], 2));
    world
        .write(
            id,
            vec![
                said(LIDS[0], archived),
                chat(LIDS[0], Unread::Keep, Some((old.id, 1))),
                chat(PHONES[0], Unread::Add(3), Some((new.id, 2))),
                said(LIDS[1], ChatState { pinned: Some(true), ..ChatState::default() }),
                labelled(LIDS[0], "7"),
                labelled(PHONES[0], "8"),
                labelled(LIDS[1], "7"),
                contact(LIDS[0], "hidden", Some(Some("Mum"))),
                contact(PHONES[0], "known", None),
                contact(LIDS[1], "moved", None),
            ],
        )
        .await;
    let told = || vec![event(EventKind::ChatsDelete)];
    let pairs = || vec![address(LIDS[0], PHONES[0], told()), address(LIDS[1], PHONES[1], told())];
    world.write(id, pairs()).await;
    world.write(id, pairs()).await;
    let outbox = world.outbox_of(id).await;
    let gone = outbox.iter().filter(|row| row.event.kind == EventKind::ChatsDelete).count();
    assert_eq!(gone, 2, "told once of each");

    let scope = world.db.instance(id);
    let chats = scope.chats().find(&ChatFilter::default(), 10, 0).await.unwrap();
    let of = |jid: &str| chats.iter().find(|chat| chat.remote_jid == jid).unwrap().clone();
    assert_eq!(chats.len(), 2, "{chats:?}");
    let (first, second) = (of(PHONES[0]), of(PHONES[1]));
    assert_eq!((first.archived, first.pinned, first.unread_count), (true, false, 3));
    assert_eq!((first.last_message_id, first.last_message_at), (Some(new.id), Some(2)));
    assert_eq!((second.archived, second.pinned), (false, true));
    assert_eq!([first.remote_jid_alt, second.remote_jid_alt].map(Option::unwrap), LIDS);
    for (jid, labels) in [(PHONES[0], vec!["7", "8"]), (PHONES[1], vec!["7"]), (LIDS[0], vec![])] {
        assert_eq!(scope.labels().of_chat(&[jid.to_owned()]).await.unwrap(), labels, "{jid}");
    }
    let contacts = scope.contacts().find(&ContactFilter::default()).await.unwrap();
    let of = |jid: &str| contacts.iter().find(|contact| contact.remote_jid == jid).unwrap();
    assert_eq!(contacts.len(), 2, "{contacts:?}");
    let (first, second) = (of(PHONES[0]), of(PHONES[1]));
    assert_eq!((first.push_name.as_deref(), first.saved_name.as_deref()), (Some("known"), Some("Mum")));
    assert!(first.is_saved && !second.is_saved);
    assert_eq!(second.push_name.as_deref(), Some("moved"));
    let counts = world.counts(id).await;
    assert_eq!((counts.chats, counts.contacts), (2, 2));
}

pub async fn a_sink_keeps_its_identity(world: &World) {
    let sinks = world.db.instance(world.instance().await).sinks();
    assert_eq!(sinks.get(SinkKind::Webhook).await.unwrap(), None);
    let first = sink(SinkKind::Webhook);
    assert_eq!(sinks.set(&first).await.unwrap(), first);
    let mut second = sink(SinkKind::Webhook);
    (second.enabled, second.created_at, second.updated_at) = (false, 50, 50);
    let stored = sinks.set(&second).await.unwrap();
    assert_eq!((stored.id, stored.created_at, stored.updated_at), (first.id, 1, 50));
    assert!(!stored.enabled);
    sinks.set(&sink(SinkKind::Websocket)).await.unwrap();
    assert_eq!(sinks.all().await.unwrap().len(), 2);
}

pub async fn parts_of_a_history_wait_until_they_are_recorded(world: &World) {
    let id = world.instance().await;
    let part = |name: &str, account: &str, at| Spooled {
        message_id: name.to_owned(),
        account: account.to_owned(),
        // More than a small packet takes.
        notice: vec![7; 1 << 20],
        done: 0,
        created_at: at,
    };
    let spool = |part: Spooled| Write::Spool(part.into());
    let done = |name: &str, done| Write::Spooled { message_id: name.to_owned(), done };
    world.write(id, vec![spool(part("b", "1", 2)), spool(part("a", "1", 3)), spool(part("c", "2", 1))]).await;
    let waiting = async |account| world.db.instance(id).history_spool().waiting(account, 10).await.unwrap();
    let find = async |name| world.db.instance(id).history_spool().find(name).await.unwrap();
    assert_eq!(waiting("1").await, ["b", "a"]);
    assert_eq!(waiting("2").await, ["c"]);
    assert_eq!(world.db.instance(id).history_spool().waiting("1", 1).await.unwrap(), ["b"]);

    world.write(id, vec![done("b", Some(3)), done("absent", Some(1)), done("absent too", None)]).await;
    // What is announced again is where it was.
    world.write(id, vec![spool(part("b", "1", 9))]).await;
    assert_eq!(find("b").await, Some(Spooled { done: 3, ..part("b", "1", 2) }));
    world
        .write(id, vec![spool(part("d", "1", 4)), done("d", Some(1)), done("b", Some(4)), done("b", None)])
        .await;
    assert_eq!(waiting("1").await, ["a", "d"]);
    assert_eq!(find("d").await.map(|part| part.done), Some(1));
    assert_eq!(find("b").await, None);

    let too_long = Spooled { notice: vec![7; 9 << 20], ..part("e", "1", 5) };
    assert!(world.commit(id, vec![spool(too_long)]).await.is_err());
    world.write(id, vec![spool(part("f", "1", 6)), Write::ForgetSpool, spool(part("g", "1", 7))]).await;
    assert_eq!((waiting("1").await, waiting("2").await), (vec!["g".to_owned()], vec![]));
}

pub async fn groups_are_replaced_and_forgotten(world: &World) {
    let id = world.instance().await;
    let row = |subject: &str, members: &str| GroupRow {
        metadata: subject.to_owned(),
        members: members.to_owned(),
        fetched_at: 1,
    };
    let group = |jid: &str, row: Option<GroupRow>| Write::Group {
        jid: jid.to_owned(),
        row: row.map(Into::into),
        events: vec![],
    };
    let writes = vec![group("1@g.us", Some(row("old", "[]"))), group("2@g.us", Some(row("two", "[1]")))];
    world.write(id, writes).await;
    world.write(id, vec![group("1@g.us", Some(row("new", "[2]")))]).await;
    let groups = world.db.instance(id).groups();
    assert_eq!(groups.find("1@g.us").await.unwrap(), Some(row("new", "[2]")));
    assert_eq!(groups.all(true).await.unwrap(), [row("new", "[2]"), row("two", "[1]")]);
    assert_eq!(groups.all(false).await.unwrap(), [row("new", ""), row("two", "")]);
    world.write(id, vec![group("1@g.us", None), group("3@g.us", None)]).await;
    assert_eq!(groups.all(true).await.unwrap(), [row("two", "[1]")]);
    let writes = vec![group("4@g.us", Some(row("gone", "[]"))), Write::ForgetGroups];
    world.write(id, [writes, vec![group("5@g.us", Some(row("kept", "[]")))]].concat()).await;
    assert_eq!(groups.all(true).await.unwrap(), [row("kept", "[]")]);

    // What was recorded before a doubt is not to be believed, whether in an earlier batch or in the same.
    let doubted = |subject: &str| GroupRow { fetched_at: 0, ..row(subject, "[]") };
    let writes = vec![
        group("6@g.us", Some(row("before", "[]"))),
        Write::DoubtGroups,
        group("7@g.us", Some(row("after", "[]"))),
    ];
    world.write(id, writes).await;
    assert_eq!(groups.all(true).await.unwrap(), [doubted("kept"), doubted("before"), row("after", "[]")]);
}

/// A picture makes a contact too, and is counted when it goes over to another.
pub async fn pictures_make_contacts_that_count(world: &World) {
    let id = world.instance().await;
    let (lid, pn) = ("77@lid", "5511900000077@s.whatsapp.net");
    let picture = |jid: &str, url: Option<&str>| Write::ContactPicture {
        remote_jid: jid.to_owned(),
        profile_pic_url: url.map(str::to_owned),
        events: vec![event(EventKind::ContactsUpdate)],
    };
    let agree = async |wanted: usize| {
        let found = world.db.instance(id).contacts().find(&ContactFilter::default()).await.unwrap();
        let counted = world.counts(id).await.contacts;
        assert_eq!((found.len(), counted), (wanted, u64::try_from(wanted).unwrap()), "{found:?}");
    };
    assert_eq!(world.write(id, vec![picture(pn, None)]).await, [false], "nothing is known of it");
    agree(0).await;
    for (url, changed) in [(Some("https://a"), true), (Some("https://a"), false), (None, true)] {
        assert_eq!(world.write(id, vec![picture(pn, url)]).await, [changed], "{url:?}");
        agree(1).await;
    }
    assert_eq!(world.write(id, vec![picture(lid, Some("https://b"))]).await, [true]);
    agree(2).await;
    let pair = Write::Address { lid: lid.to_owned(), pn: pn.to_owned(), on_chat: vec![] };
    world.write(id, vec![pair]).await;
    agree(1).await;
    assert_eq!(world.outbox_of(id).await.len(), 3);
}
