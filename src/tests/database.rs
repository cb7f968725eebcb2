//! The database room on all three databases: one suite, and what only one of them can show.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[path = "support/services/mod.rs"]
mod services;

#[path = "database/directory.rs"]
mod directory;
#[path = "database/instances.rs"]
mod instances;
#[path = "database/isolation.rs"]
mod isolation;
#[path = "database/media.rs"]
mod media;
#[path = "database/messages.rs"]
mod messages;
#[path = "database/outbox.rs"]
mod outbox;
#[path = "database/plans.rs"]
mod plans;
#[path = "database/schema.rs"]
mod schema;
#[path = "database/session.rs"]
mod session;
#[path = "database/world.rs"]
mod world;
#[path = "database/writer.rs"]
mod writer;

use waggle::db::Target;
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    suite(Target::Sqlite { path: folder.path().join("data/waggle.db") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let database = services::postgres().await;
    let target = Target::Postgres { url: database.url.clone() };
    suite(target.clone()).await;
    writer::a_lost_connection_is_made_again(target, &database).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    let database = services::mariadb().await;
    suite(Target::Mysql { url: database.url.clone() }).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_sqlite_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/waggle.db");
    let world = World::new(Target::Sqlite { path: path.clone() }).await;
    world.instance().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["waggle.db", "waggle.db-wal", "waggle.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_unavailable() {
    let away = Target::Postgres { url: "postgres://nobody@127.0.0.1:1/nothing".to_owned() };
    let refused = waggle::db::Database::connect(waggle::db::Options::new(away), world::clock(0)).await;
    assert!(refused.is_err_and(|error| error.is_unavailable()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_writer_writes_what_it_has_and_refuses_more() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Target::Sqlite { path: folder.path().join("waggle.db") }).await;
    writer::stopping_loses_nothing(world).await;
}

async fn suite(target: Target) {
    schema::several_nodes_migrate_at_once(&target).await;
    let world = World::new(target.clone()).await;
    schema::migrating_again_changes_nothing(&world).await;
    schema::messages_of_before_are_found_by_their_words(&target, &world).await;
    instances::an_instance_is_found_by_all_its_names(&world).await;
    instances::names_and_tokens_are_unique(&world).await;
    instances::a_claim_is_won_once(&world).await;
    instances::an_update_changes_what_it_names(&world).await;
    instances::counts_and_sinks_of_many(&world).await;
    instances::a_deleted_instance_is_gone_at_once_and_purged_later(&world).await;
    messages::a_message_is_stored_once(&world).await;
    messages::a_status_never_goes_back(&world).await;
    messages::an_answer_to_a_send_needs_no_look(&world).await;
    messages::only_the_sender_edits_and_deletes(&world).await;
    messages::a_batch_sees_its_own_writes(&world).await;
    messages::a_content_is_changed_by_what_it_is(&world).await;
    messages::filters_and_pages(&world).await;
    messages::words_find_messages_of_their_own_instance(&world).await;
    messages::an_idempotency_key_names_one_message(&world).await;
    messages::pending_ones_are_found(&world).await;
    directory::chats_and_contacts_tell_what_changed(&world).await;
    directory::chats_come_newest_first(&world).await;
    directory::addresses_go_both_ways(&world).await;
    directory::what_is_under_a_hidden_identity_comes_to_its_phone_number(&world).await;
    directory::a_sink_keeps_its_identity(&world).await;
    directory::groups_are_replaced_and_forgotten(&world).await;
    directory::pictures_make_contacts_that_count(&world).await;
    directory::parts_of_a_history_wait_until_they_are_recorded(&world).await;
    media::a_file_goes_from_pending_to_stored_to_gone(&world).await;
    session::records_and_expiry(&world).await;
    session::scans_are_by_bytes(&world).await;
    session::the_last_change_of_a_batch_wins(&world).await;
    outbox::rows_are_paged_rescheduled_and_deleted(&world).await;
    outbox::a_dead_letter_comes_back(&world).await;
    outbox::rows_of_some_instances_are_read_from_the_beginning(&world).await;
    outbox::a_dead_letter_may_come_twice_from_elsewhere(&world).await;
    writer::an_old_fence_is_refused_alone(&world).await;
    writer::a_bad_unit_fails_alone(&world).await;
    writer::sequences_are_dense(&world).await;
    writer::many_callers_are_durable_and_in_order(&world).await;
    writer::a_dropped_ticket_is_written(&world).await;
    isolation::nothing_crosses_tenants(&world).await;
    world.end().await;
    plans::files_are_listed_in_the_order_of_an_index(&target).await;
    plans::every_filter_uses_an_index(target).await;
}
