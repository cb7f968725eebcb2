//! How the databases look for messages and files.

use sea_orm::{ConnectionTrait as _, Statement};
use uuid::Uuid;
use waggle::db::{MessageFilter, Page, Target};

use super::world::{World, message, raw, store};

const INSTANCES: u64 = 20;
const MESSAGES: i64 = 500;

fn chat(number: i64) -> String {
    format!("55{number}@s.whatsapp.net")
}

/// Every combination of what may be asked for.
fn filters() -> Vec<MessageFilter> {
    let choices: [fn(&mut MessageFilter); 10] = [
        |filter| filter.key_id = Some("K7".to_owned()),
        |filter| filter.remote_jids = vec![chat(3), "9@lid".to_owned()],
        |filter| filter.remote_jid_alt = Some("4@lid".to_owned()),
        |filter| filter.from_me = Some(true),
        |filter| filter.participants = vec!["7@lid".to_owned()],
        |filter| filter.from = Some(100),
        |filter| filter.until = Some(300),
        |filter| filter.message_type = Some("imageMessage".to_owned()),
        |filter| filter.source = Some("web".to_owned()),
        |filter| filter.words = vec!["order".to_owned(), "k1".to_owned()],
    ];
    let combination = |chosen: u32| {
        let mut filter = MessageFilter::default();
        let picked = choices.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0);
        picked.for_each(|(_, choose)| choose(&mut filter));
        filter
    };
    let mut all: Vec<MessageFilter> = (0..1 << choices.len()).map(combination).collect();
    all.push(MessageFilter { id: Some(Uuid::now_v7()), ..MessageFilter::default() });
    all
}

/// Fills an instance beside others, and asks for the plan of every filter.
pub async fn every_filter_uses_an_index(target: Target) {
    let world = World::new(target.clone()).await;
    let mut last = None;
    for _ in 0..INSTANCES {
        let id = world.instance().await;
        let row = |number: i64| {
            let mut row = message(&format!("K{number}"), &chat(number % 10), number);
            row.message = format!(r#"{{"conversation":"order K{number}"}}"#);
            if number % 10 == 0 {
                row.message_type = "imageMessage".to_owned();
            }
            store(row)
        };
        world.write(id, (0..MESSAGES).map(row).collect()).await;
        last = Some(id);
    }
    let analyse = match target {
        // New entries of the index over words wait in a list until then, which plans count as its cost.
        Target::Postgres { .. } => "VACUUM ANALYZE message",
        Target::Mysql { .. } => "ANALYZE TABLE message",
        // Nobody does it: the plans have to be good without.
        Target::Sqlite { .. } => "SELECT 1",
    };
    raw(&target).await.execute_unprepared(analyse).await.unwrap();
    let messages = world.db.instance(last.unwrap()).messages();
    let plan = async |filter: &MessageFilter| {
        messages
            .plan(filter, Page { number: 2, size: 50 })
            .await
            .unwrap()
            .to_lowercase()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    for filter in filters() {
        let plan = plan(&filter).await;
        assert!(plan.contains("message"), "{filter:?}\n{plan}");
        assert!(!reads_the_table(&plan), "{filter:?}\n{plan}");
    }
    let nothing = MessageFilter::default;
    let image = || MessageFilter { message_type: Some("imageMessage".to_owned()), ..nothing() };
    let jids = vec![chat(3), "9@lid".to_owned()];
    let words = MessageFilter { words: vec!["order".to_owned(), "k1".to_owned()], ..nothing() };
    let mut best = vec![
        (image(), "ix_message_type"),
        (MessageFilter { remote_jids: vec![chat(3)], ..nothing() }, "ix_message_chat"),
        (MessageFilter { key_id: Some("K7".to_owned()), ..image() }, "uq_message_key"),
    ];
    best.push(match target {
        Target::Sqlite { .. } => (MessageFilter { remote_jids: jids, ..image() }, "ix_message_chat"),
        Target::Postgres { .. } | Target::Mysql { .. } => (words, "ix_message_search"),
    });
    for (filter, index) in best {
        let plan = plan(&filter).await;
        assert!(plan.contains(index), "{index}: {filter:?}\n{plan}");
    }
    world.end().await;
}

/// A page of files is read in its order, newest first. The servers decide by what is in the table; SQLite, which nobody
/// tells, by the indexes alone.
pub async fn files_are_listed_in_the_order_of_an_index(target: &Target) {
    let Target::Sqlite { .. } = target else { return };
    let raw = raw(target).await;
    let asked = "EXPLAIN QUERY PLAN SELECT id FROM media \
                 WHERE instance_id = x'00' AND state = 1 ORDER BY id DESC LIMIT 50";
    let plan = raw.query_all_raw(Statement::from_string(raw.get_database_backend(), asked)).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|line| line.try_get_by_index(3).unwrap()).collect();
    let [plan] = plan.as_slice() else { panic!("it sorts: {plan:?}") };
    assert!(plan.contains("ix_media_list"), "{plan}");
}

/// Whether a plan looks at messages of all tenants, one after another.
fn reads_the_table(plan: &str) -> bool {
    let scans = ["seq scan on message", "scan message", r#""table_name": "message", "access_type": "all""#];
    scans.iter().any(|scan| plan.contains(scan))
}
