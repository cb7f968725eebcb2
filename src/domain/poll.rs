//! Polls on record: beside the poll, its message holds who voted for what and when. That is shown as
//! a count by answer, never as it is.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The field of a poll's message that holds the votes: `{voter: {at, chosen}}`.
const VOTES: &str = "pollVotes";

/// Whether a message of this type is a poll.
#[must_use]
pub fn is_poll(message_type: &str) -> bool {
    message_type.starts_with("pollCreationMessage")
}

fn poll(content: &Value) -> Option<&Value> {
    content.as_object()?.iter().find(|(name, _)| is_poll(name)).map(|(_, poll)| poll)
}

/// The answers that one may choose.
#[must_use]
pub fn options(content: &Value) -> Vec<String> {
    let options = poll(content).and_then(|poll| poll["options"].as_array());
    let name = |option: &Value| option["optionName"].as_str().map(str::to_owned);
    options.into_iter().flatten().filter_map(name).collect()
}

/// Notes a vote; the last one of a voter counts. `alt` is the voter's other address, which may have
/// voted before. `false` when a newer vote, or the same one, is there already.
pub fn vote(content: &mut Value, (voter, alt): (&str, Option<&str>), at: i64, chosen: Vec<String>) -> bool {
    let Some(content) = content.as_object_mut() else { return false };
    let votes = content.entry(VOTES).or_insert_with(|| Value::Object(Map::new()));
    let Some(votes) = votes.as_object_mut() else { return false };
    let known =
        [Some(voter), alt].into_iter().flatten().filter_map(|jid| votes.get(jid)?["at"].as_i64()).max();
    if known.is_some_and(|known| known >= at) {
        return false;
    }
    if let Some(alt) = alt {
        votes.remove(alt);
    }
    votes.insert(voter.to_owned(), json!({"at": at, "chosen": chosen}));
    true
}

/// The voters of each answer: `[{name, voters}]`.
#[must_use]
pub fn tally(content: &Value) -> Value {
    let empty = Map::new();
    let votes = content[VOTES].as_object().unwrap_or(&empty);
    let chose = |vote: &Value, name: &str| {
        vote["chosen"].as_array().is_some_and(|chosen| chosen.iter().any(|one| one == name))
    };
    let voters = |name: &str| -> Vec<&String> {
        votes.iter().filter(|(_, vote)| chose(vote, name)).map(|(voter, _)| voter).collect()
    };
    options(content).iter().map(|name| json!({"name": name, "voters": voters(name)})).collect()
}

/// A content as it is shown, and the tally when there are votes.
#[must_use]
pub fn shown<'a>(message_type: &str, content: &'a str) -> (Option<Cow<'a, RawValue>>, Option<Value>) {
    if is_poll(message_type)
        && content.contains(VOTES)
        && let Ok(mut poll) = serde_json::from_str::<Value>(content)
        && poll.get(VOTES).is_some()
    {
        let counted = tally(&poll);
        poll.as_object_mut().and_then(|poll| poll.remove(VOTES));
        return (serde_json::value::to_raw_value(&poll).ok().map(Cow::Owned), Some(counted));
    }
    (serde_json::from_str(content).ok().map(Cow::Borrowed), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_vote_of_a_voter_counts() {
        let poll = json!({"pollCreationMessageV3": {"options": [{"optionName": "a"}, {"optionName": "b"}]}});
        let mut content = poll.clone();
        let mut cast = |voter, at, chosen: &[&str]| {
            let chosen = chosen.iter().map(|name| (*name).to_owned()).collect();
            vote(&mut content, voter, at, chosen)
        };
        assert!(cast(("1@lid", None), 1, &["a"]));
        assert!(cast(("2@s.whatsapp.net", None), 2, &["a", "b"]));
        assert!(cast(("1@s.whatsapp.net", Some("1@lid")), 3, &["b"]), "known by number now");
        assert!(!cast(("1@s.whatsapp.net", Some("1@lid")), 3, &["b"]), "told again");
        assert!(!cast(("1@s.whatsapp.net", None), 2, &["a"]), "late");
        let wanted = json!([
            {"name": "a", "voters": ["2@s.whatsapp.net"]},
            {"name": "b", "voters": ["1@s.whatsapp.net", "2@s.whatsapp.net"]},
        ]);
        assert_eq!(tally(&content), wanted);
        let text = content.to_string();
        let (message, counted) = shown("pollCreationMessageV3", &text);
        assert_eq!((message.unwrap().get(), counted), (poll.to_string().as_str(), Some(wanted)));
        assert!(shown("conversation", r#"{"conversation":"pollVotes"}"#).1.is_none());
    }
}
