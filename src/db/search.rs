//! The words by which messages are found: how they are taken out of a message, and how a query asks
//! for them. A message has a word when one of its own begins with it.
//!
//! With every message its words are stored, apart by spaces, each behind the [`mark`] of its instance. That
//! keeps a search within what the instance has: behind a mark for all, a common word's place in the one
//! index of all tenants would be as long as they have messages. It also keeps short words and stop words in
//! MariaDB's full-text index, which leaves them out.

use std::collections::BTreeSet;

use sea_orm::DbBackend;
use sea_orm::sea_query::Expr;
use serde_json::Value;

use crate::domain::InstanceId;

/// How much of an instance's id is in its mark. Two instances with the same beginning find their own messages
/// all the same, only slower.
const MARKED: usize = 8;
/// Longest word, in characters; what is longer is found by its beginning.
const LONGEST: usize = 40;
/// Most different words of a message.
const MOST: usize = 500;
/// Content that is longer, in bytes, is not looked into.
const LARGEST: usize = 1 << 20;
/// Fields whose texts people wrote or see. Those of buttons and lists are among them.
const FIELDS: [&str; 14] = [
    "conversation",
    "text",
    "caption",
    "title",
    "description",
    "fileName",
    "displayName",
    "name",
    "address",
    "contentText",
    "footerText",
    "displayText",
    "optionName",
    "comment",
];
/// What is about another message, or about none.
const ELSEWHERE: [&str; 2] = ["contextInfo", "messageContextInfo"];

/// The words of a text: letters and digits, in lower case, each once.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = BTreeSet::new();
    add(text, &mut words);
    words.into_iter().collect()
}

fn add(text: &str, words: &mut BTreeSet<String>) {
    let parts = text.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty());
    for part in parts {
        if words.len() >= MOST {
            return;
        }
        let lower = part.to_lowercase();
        words.insert(lower.chars().filter(|letter| letter.is_alphanumeric()).take(LONGEST).collect());
    }
}

/// What is stored with a message, whose content is JSON text; `None` when it has no words.
pub(super) fn stored(instance: InstanceId, content: &str) -> Option<String> {
    if content.len() > LARGEST {
        return None;
    }
    let content: Value = serde_json::from_str(content).ok()?;
    let mut words = BTreeSet::new();
    walk(&content, &mut words);
    if words.is_empty() {
        return None;
    }
    let mark = mark(instance);
    let marked: Vec<String> = words.iter().map(|word| format!("{mark}{word}")).collect();
    Some(marked.join(" "))
}

fn walk(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => add(text, words),
                    _ if ELSEWHERE.contains(&name.as_str()) => {}
                    _ => walk(value, words),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, words)),
        _ => {}
    }
}

/// What is before each word of an instance's messages.
fn mark(instance: InstanceId) -> String {
    let id = instance.0.simple().to_string();
    format!("t{}", &id[..MARKED])
}

/// That a message has all of some [`words`], of which there is at least one.
pub(super) fn has(backend: DbBackend, instance: InstanceId, words: &[String]) -> Expr {
    let mark = mark(instance);
    let marked = words.iter().map(|word| format!("{mark}{word}"));
    match backend {
        DbBackend::Postgres => {
            let query: Vec<String> = marked.map(|word| format!("'{word}':*")).collect();
            let text = "message.search IS NOT NULL AND \
                        array_to_tsvector(string_to_array(message.search, ' ')) @@ CAST($1 AS tsquery)";
            Expr::cust_with_values(text, [query.join(" & ")])
        }
        DbBackend::MySql => {
            let query: Vec<String> = marked.map(|word| format!("+{word}*")).collect();
            Expr::cust_with_values("MATCH (message.search) AGAINST (? IN BOOLEAN MODE)", [query.join(" ")])
        }
        _ => {
            let text = vec!["(' ' || message.search) LIKE ?"; words.len()].join(" AND ");
            Expr::cust_with_values(text, marked.map(|word| format!("% {word}%")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_people_read() {
        assert_eq!(words("Olá, MUNDO! olá (42) it's"), ["42", "it", "mundo", "olá", "s"]);
        assert!(words(" -- ☎ ").is_empty());
        let id = InstanceId::random();
        let content = serde_json::json!({"documentWithCaptionMessage": {"message": {"documentMessage": {
            "caption": "The Bill", "fileName": "bill-7.pdf", "mimetype": "application/pdf", "url": "https://x/y",
            "contextInfo": {"quotedMessage": {"conversation": "hidden"}},
        }}}});
        let search = stored(id, &content.to_string()).unwrap();
        let mark = mark(id);
        assert_eq!(search, format!("{mark}7 {mark}bill {mark}pdf {mark}the"));
        assert_eq!(stored(id, r#"{"audioMessage":{"seconds":3}}"#), None);
        assert_eq!(stored(id, "no JSON"), None);
    }
}
