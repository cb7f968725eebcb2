//! The schema's state.

use futures::future::join_all;
use sea_orm::ConnectionTrait as _;
use waggle::db::{Database, MessageFilter, Options, Page, Target};

use super::world::{World, clock, message, raw, store};

pub async fn several_nodes_migrate_at_once(target: &Target) {
    let node = || Database::connect(Options::new(target.clone()), clock(0));
    let (first, _task) = node().await.unwrap();
    assert!(first.pending_migrations().await.unwrap() > 0);
    let nodes = join_all((0..4).map(|_| async {
        let (database, _task) = node().await.unwrap();
        database
    }))
    .await;
    for outcome in join_all(nodes.iter().map(Database::migrate)).await {
        outcome.unwrap();
    }
    for database in nodes.into_iter().chain([first]) {
        assert_eq!(database.pending_migrations().await.unwrap(), 0);
        database.close().await;
    }
}

pub async fn migrating_again_changes_nothing(world: &World) {
    world.db.migrate().await.unwrap();
    assert_eq!(world.db.pending_migrations().await.unwrap(), 0);
    world.db.ping().await.unwrap();
}

/// No other message may be in the database: they would be changed as if they were older.
pub async fn messages_of_before_are_found_by_their_words(target: &Target, world: &World) {
    let id = world.instance().await;
    let mut row = message("K", "1@s.whatsapp.net", 1);
    row.message = r#"{"conversation":"Your order"}"#.to_owned();
    world.write(id, vec![store(row)]).await;
    let words = vec!["order".to_owned(), "you".to_owned()];
    let filter = MessageFilter { words, ..MessageFilter::default() };
    let messages = world.db.instance(id).messages();
    let found = async || messages.page(&filter, Page { number: 1, size: 9 }).await.unwrap().len();
    assert_eq!(found().await, 1);

    let database = raw(target).await;
    let of_table = if matches!(target, Target::Mysql { .. }) { " ON message" } else { "" };
    for statement in [
        format!("UPDATE message SET search = 't{} wworder wwyour'", id.0.simple()),
        format!("DROP INDEX ix_message_type{of_table}"),
        "ALTER TABLE outbox DROP COLUMN history".to_owned(),
        "ALTER TABLE dead_letter DROP COLUMN history".to_owned(),
        "DELETE FROM seaql_migrations WHERE version = 'm20261121_000011_lookup_and_history'".to_owned(),
    ] {
        database.execute_unprepared(&statement).await.unwrap();
    }
    assert_eq!(found().await, 0);
    world.db.migrate().await.unwrap();
    assert_eq!(found().await, 1);
}
