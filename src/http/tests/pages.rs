//! Long lists.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::support::Node;
use crate::db::{Unit, Unread, Write};
use crate::domain::{MessageKey, MessageStatus, StoredMessage};

/// Records so many chats with a message each, the newest last; answers their messages' ids.
async fn chats(node: &Node, name: &str, count: usize) -> Vec<Uuid> {
    let instance = node.state.registry.by_name(name).unwrap().id();
    let owners = node.state.database.instances().all_owners("clients").await.unwrap();
    let fence = owners.iter().find(|row| row.id == instance).unwrap().fence;
    let mut ids = Vec::new();
    for at in 0..count {
        let (id, chat, timestamp) = (Uuid::now_v7(), format!("55119{at:08}@s.whatsapp.net"), at as i64 + 1);
        let key = MessageKey {
            id: format!("KEY{at}"),
            remote_jid: chat.clone(),
            from_me: false,
            participant: None,
            remote_jid_alt: None,
        };
        let message = StoredMessage {
            id,
            key,
            push_name: None,
            status: MessageStatus::DeliveryAck,
            updates: vec!["DELIVERY_ACK".to_owned()],
            message_type: "conversation".to_owned(),
            message: format!("{{\"conversation\":\"{at}\"}}"),
            context_info: None,
            source: "android".to_owned(),
            timestamp,
            deleted: false,
        };
        let message = Write::Message {
            message: Arc::new(message),
            idempotency_key: None,
            fresh: true,
            events: Vec::new(),
        };
        let chat = Write::Chat {
            remote_jid: chat,
            remote_jid_alt: None,
            name: None,
            unread: Unread::Keep,
            last: Some((id, timestamp)),
            on_new: Vec::new(),
            on_change: Vec::new(),
        };
        ids.push((id, vec![message, chat]));
    }
    let (ids, writes): (Vec<Uuid>, Vec<Vec<Write>>) = ids.into_iter().unzip();
    for part in writes.chunks(100) {
        let writes = part.iter().flatten().cloned().collect();
        let unit = Unit { instance, fence, writes };
        node.state.database.writer().commit(unit).await.unwrap();
    }
    ids
}

#[actix_web::test]
async fn a_page_has_a_thousand_rows_at_most_and_a_long_list_of_chats_is_whole() {
    let node = Node::start().await;
    node.create("acme").await;
    let ids = chats(&node, "acme", 1_001).await;
    let ask = async |path: &str, body: Value| {
        let answer = node.ask("POST", path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
        answer.json()
    };
    let find = async |body: Value| ask("/chat/findMessages/acme", body).await["messages"].clone();
    let first = find(json!({"offset": 5_000})).await;
    assert_eq!((&first["total"], &first["pages"]), (&json!(1_001), &json!(2)), "pages of a thousand");
    assert_eq!(first["records"].as_array().unwrap().len(), 1_000);
    let second = find(json!({"offset": 5_000, "page": 2})).await;
    assert_eq!(second["records"].as_array().unwrap().len(), 1);
    assert_eq!((&second["records"][0]["key"]["id"], &second["currentPage"]), (&json!("KEY0"), &json!(2)));
    let statuses = ask("/chat/findStatusMessage/acme", json!({"limit": 9_999})).await;
    assert_eq!(statuses.as_array().unwrap().len(), 1_000);

    // Written in several parts, each chat once and in order, with its own last message.
    for (body, wanted) in [
        (json!({}), 1_001),
        (json!({"take": 400}), 400),
        (json!({"take": 201}), 201),
        (json!({"take": 200}), 200),
        (json!({"skip": 1_000}), 1),
        (json!({"skip": 1_001}), 0),
    ] {
        let listed = ask("/chat/findChats/acme", body.clone()).await;
        let skip = body["skip"].as_u64().unwrap_or_default() as usize;
        let listed: Vec<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|chat| chat["lastMessage"]["id"].as_str().unwrap())
            .collect();
        let expected: Vec<String> = ids.iter().rev().skip(skip).take(wanted).map(Uuid::to_string).collect();
        assert_eq!(listed, expected, "{body}");
    }
}
