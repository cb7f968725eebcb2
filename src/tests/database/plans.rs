//! How PostgreSQL looks for messages.

use uuid::Uuid;
use waggle::db::{MessageFilter, Page, Target};

use super::world::{World, message, store};

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

pub async fn every_filter_uses_an_index(target: Target) {
    let Target::Postgres { url } = &target else { return };
    let world = World::new(target.clone()).await;
    let mut last = None;
    for _ in 0..INSTANCES {
        let id = world.instance().await;
        let row = |number: i64| {
            let mut row = message(&format!("K{number}"), &chat(number % 10), number);
            row.message = format!(r#"{{"conversation":"order K{number}"}}"#);
            store(row)
        };
        world.write(id, (0..MESSAGES).map(row).collect()).await;
        last = Some(id);
    }
    // New entries of the index over words wait in a list until then, which plans count as its cost.
    let connection = sea_orm::Database::connect(url).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&connection, "VACUUM ANALYZE message").await.unwrap();
    let messages = world.db.instance(last.unwrap()).messages();
    let mut searched = String::new();
    for filter in filters() {
        let plan = messages.plan(&filter, Page { number: 2, size: 50 }).await.unwrap();
        assert!(!plan.contains("Seq Scan on message"), "{filter:?}\n{plan}");
        assert!(plan.contains("Index") && plan.contains("message"), "{filter:?}\n{plan}");
        if filter == (MessageFilter { words: filter.words.clone(), ..MessageFilter::default() }) {
            searched = plan;
        }
    }
    assert!(searched.contains("ix_message_search"), "{searched}");
    world.end().await;
}
