//! The instances.

use std::sync::atomic::Ordering;

use futures::future::join_all;
use uuid::Uuid;
use waggle::db::{Counts, Error, InstanceFilter, InstanceUpdate, Write};
use waggle::domain::instance::Disconnection;
use waggle::domain::sink::WebhookOptions;
use waggle::domain::{ConnectionState, EventKind, Fence, NodeId, Settings, Sink, SinkKind};

use super::world::{World, event, message, put, store};

pub fn sink(kind: SinkKind) -> Sink {
    Sink {
        id: Uuid::now_v7(),
        kind,
        enabled: true,
        events: vec![EventKind::MessagesUpsert, EventKind::Call],
        webhook: (kind == SinkKind::Webhook).then(|| WebhookOptions {
            url: "https://example.com/hook".to_owned(),
            headers: [("x-a".to_owned(), "b".to_owned())].into(),
            by_events: true,
            base64: false,
        }),
        created_at: 1,
        updated_at: 1,
    }
}

pub async fn an_instance_is_found_by_all_its_names(world: &World) {
    let instances = world.db.instances();
    let new = world.new_instance();
    let made = world.insert(&new, &[sink(SinkKind::Webhook)]).await.unwrap();
    assert_eq!((&made.name, made.fence, made.created_at), (&new.name, Fence(0), world.now()));
    assert_eq!(instances.by_name(&new.name).await.unwrap().as_ref(), Some(&made));
    assert_eq!(instances.by_id(new.id).await.unwrap().as_ref(), Some(&made));
    let located = instances.locate_by_token(&new.token_hash).await.unwrap();
    assert_eq!(located.map(|located| located.id), Some(made.id));
    // Names are case-sensitive on every database.
    let upper = new.name.as_str().to_uppercase().parse().unwrap();
    assert_eq!(instances.by_name(&upper).await.unwrap(), None);
    let of = |client_name: &str| InstanceFilter {
        client_name: Some(client_name.into()),
        ..InstanceFilter::default()
    };
    let listed = instances.list(&of("east")).await.unwrap();
    assert!(listed.iter().any(|listed| listed.instance == made));
    assert!(instances.list(&of("west")).await.unwrap().is_empty());
    assert_eq!(instances.all_by_ids(&[made.id]).await.unwrap(), std::slice::from_ref(&made));
    for filter in [
        InstanceFilter { name: Some(new.name.clone()), ..InstanceFilter::default() },
        InstanceFilter { id: Some(new.id), ..InstanceFilter::default() },
        InstanceFilter { number: new.number.clone(), ..InstanceFilter::default() },
    ] {
        let listed = instances.list(&filter).await.unwrap();
        assert_eq!((listed.len(), &listed[0].instance), (1, &made), "{filter:?}");
        assert_eq!(listed[0].sinks.len(), 1, "{filter:?}");
    }
    let stored = world.db.instance(new.id).sinks().get(SinkKind::Webhook).await.unwrap().unwrap();
    assert_eq!(stored.webhook.unwrap().url, "https://example.com/hook");
}

pub async fn names_and_tokens_are_unique(world: &World) {
    let first = world.new_instance();
    world.insert(&first, &[]).await.unwrap();
    let mut second = world.new_instance();
    second.name = first.name.clone();
    assert!(matches!(world.insert(&second, &[]).await, Err(Error::NameTaken)));
    let mut third = world.new_instance();
    third.token_hash = first.token_hash.clone();
    let refused = world.insert(&third, &[sink(SinkKind::Webhook)]).await;
    assert!(matches!(refused, Err(Error::TokenTaken)), "{refused:?}");
    assert_eq!(world.db.instances().by_id(third.id).await.unwrap(), None);
}

pub async fn a_claim_is_won_once(world: &World) {
    let id = world.instance().await;
    let instances = world.db.instances();
    let nodes: Vec<NodeId> = (0..8).map(|n| NodeId(format!("node-{n}"))).collect();
    let claims = join_all(nodes.iter().map(|node| instances.claim(id, node, Fence(0)))).await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    assert!(claims.iter().all(|claim| matches!(claim, Ok(Fence(1)) | Err(Error::Fenced))), "{claims:?}");
    assert!(matches!(world.commit(id, vec![put("a", b"k", "v", None)]).await, Err(Error::Fenced)));
    let owners = instances.all_owners("east").await.unwrap();
    let owner = owners.iter().find(|owner| owner.id == id).unwrap();
    assert!(owner.owner.is_some() && owner.fence == Fence(1));
    assert!(!instances.release(id, Fence(0)).await.unwrap());
    assert!(instances.release(id, Fence(1)).await.unwrap());
    assert_eq!(instances.claim(id, &nodes[0], Fence(1)).await.unwrap(), Fence(2));
    let nobody = waggle::domain::InstanceId::random();
    assert!(matches!(instances.claim(nobody, &nodes[0], Fence(0)).await, Err(Error::NotFound)));
}

pub async fn an_update_changes_what_it_names(world: &World) {
    let id = world.instance().await;
    let instances = world.db.instances();
    let end = Disconnection { code: 401, object: Some("{}".to_owned()), at: 7 };
    let update = InstanceUpdate {
        state: Some(ConnectionState::Open),
        owner_jid: Some(Some("1@s.whatsapp.net".to_owned())),
        paired: Some(true),
        disconnection: Some(Some(end.clone())),
        settings: Some(Settings { always_online: true, ..Settings::default() }),
        ..InstanceUpdate::default()
    };
    instances.update(id, &update).await.unwrap();
    instances.update(id, &update).await.unwrap();
    let stored = instances.by_id(id).await.unwrap().unwrap();
    assert_eq!(stored.disconnection, Some(end));
    assert!(stored.paired && stored.settings.always_online && stored.number.is_some());
    let update = InstanceUpdate { disconnection: Some(None), ..InstanceUpdate::default() };
    world.write(id, vec![Write::Instance(update)]).await;
    let stored = instances.by_id(id).await.unwrap().unwrap();
    assert_eq!((stored.disconnection, stored.state), (None, ConnectionState::Open));
    let nobody = waggle::domain::InstanceId::random();
    let refused = instances.update(nobody, &InstanceUpdate::default()).await;
    assert!(matches!(refused, Err(Error::NotFound)));
}

pub async fn counts_and_sinks_of_many(world: &World) {
    let full = world.insert(&world.new_instance(), &[sink(SinkKind::Rabbitmq)]).await.unwrap().id;
    let empty = world.instance().await;
    world.write(full, vec![store(message("a", "1@s.whatsapp.net", 1))]).await;
    world.write(full, vec![store(message("b", "1@s.whatsapp.net", 2))]).await;
    let sinks = world.db.instances().all_sinks(&[full, empty]).await.unwrap();
    assert_eq!((sinks.len(), sinks[&full].len()), (1, 1));
    let listed = world.db.instances().list(&InstanceFilter::default()).await.unwrap();
    let of = |id| listed.iter().find(|listed| listed.instance.id == id).unwrap();
    assert_eq!(of(full).counts, Counts { messages: 2, contacts: 0, chats: 0 });
    assert_eq!(of(full).sinks, sinks[&full]);
    assert_eq!((of(empty).counts, of(empty).sinks.len()), (Counts::default(), 0));
}

pub async fn a_deleted_instance_is_gone_at_once_and_purged_later(world: &World) {
    let instances = world.db.instances();
    let new = world.new_instance();
    let id = world.insert(&new, &[sink(SinkKind::Webhook)]).await.unwrap().id;
    for n in 0..10 {
        let text = message(&n.to_string(), "1@s.whatsapp.net", n);
        world.write(id, vec![store(text), put("a", &[0, 0xff], "v", None)]).await;
    }
    instances.mark_deleted(id).await.unwrap();
    assert!(matches!(instances.mark_deleted(id).await, Err(Error::NotFound)));
    assert_eq!(instances.by_id(id).await.unwrap(), None);
    assert!(instances.locate_by_token(&new.token_hash).await.unwrap().is_none());
    let scope = world.db.instance(id);
    assert!(scope.messages().by_key_id("1").await.unwrap().is_empty());
    assert!(scope.session().scan("a", b"").await.unwrap().is_empty());
    assert!(scope.sinks().all().await.unwrap().is_empty());
    assert!(matches!(scope.sinks().set(&sink(SinkKind::Webhook)).await, Err(Error::NotFound)));
    let late = world.commit(id, vec![super::world::store(message("x", "1@s.whatsapp.net", 1))]).await;
    assert!(matches!(late, Err(Error::Fenced)));
    let event = world.commit(id, vec![Write::Event(event(EventKind::Call))]).await;
    assert!(matches!(event, Err(Error::Fenced)));
    // The name is free, and the new holder is somebody else.
    let mut again = world.new_instance();
    again.name = new.name.clone();
    again.token_hash = new.token_hash.clone();
    let again = world.insert(&again, &[]).await.unwrap();

    for _ in 0..2 {
        assert!(instances.purge_next("east", 4).await.unwrap(), "a chunk is bounded");
    }
    while instances.purge_next("east", 100).await.unwrap() {}
    assert_eq!(world.counts(id).await.messages, 0);
    assert_eq!(world.outbox_of(id).await.len(), 10, "events are still to be delivered");
    world.now.fetch_add(25 * 3600 * 1000, Ordering::Relaxed);
    while instances.purge_next("east", 3).await.unwrap() {}
    assert!(world.outbox_of(id).await.is_empty());
    assert_eq!(instances.by_id(again.id).await.unwrap(), Some(again));
}
