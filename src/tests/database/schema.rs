//! The schema's state.

use futures::future::join_all;
use waggle::db::{Database, Options, Target};

use super::world::{World, clock};

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
