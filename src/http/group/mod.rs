//! Owns groups: one file per family of operations; must not know how a group is stored or asked for.
//! To add an operation: a handler that takes [`OfGroup`], and its line in the table of routes.

pub mod create;
pub mod info;
pub mod invite;
mod jid;
pub mod leave;
pub mod members;
pub mod requests;
pub mod update;

use serde_json::{Value, json};

pub use self::jid::{GroupJid, InviteCode, Nothing, OfGroup};
use super::fields::Fields;
use crate::channel::groups::{Group, MemberOutcome};
use crate::domain::Jid;
use crate::domain::address::JidKind;

/// Most members of one request; a group has no more.
const MOST: usize = 1024;

/// A group as clients see it.
fn shown(group: &Group, with_members: bool) -> Value {
    let mut shown = json!(group);
    if with_members {
        shown["participants"] = json!(group.participants);
    }
    shown
}

/// Users in a list that must be there and not be empty.
fn users(fields: &Fields<'_>, name: &str) -> Option<Vec<Jid>> {
    if !fields.has(name) {
        fields.missing(name);
        return None;
    }
    let texts = fields.texts(name)?;
    if texts.is_empty() || texts.len() > MOST {
        fields.wrong(name, &format!("must have 1 to {MOST} items"));
        return None;
    }
    let user = |(at, text): (usize, &String)| {
        let user = Jid::parse(text).ok().filter(|jid| matches!(jid.kind(), JidKind::Phone | JidKind::Lid));
        if user.is_none() {
            fields.wrong(&format!("{name}[{at}]"), "is not a phone number, a JID or a LID");
        }
        user
    };
    // All of them are looked at, so that everything wrong is told.
    let users: Vec<Option<Jid>> = texts.iter().enumerate().map(user).collect();
    users.into_iter().collect()
}

/// A text that must be there, up to so many characters.
fn short(fields: &Fields<'_>, name: &str, most: usize) -> Option<String> {
    let text = fields.required_text(name)?;
    if text.chars().count() > most {
        fields.wrong(name, &format!("does not meet maximum length of {most}"));
    }
    Some(text)
}

/// What became of one of several; `content` is WhatsApp's own answer.
fn outcome(outcome: &MemberOutcome) -> Value {
    let mut attrs = json!({"jid": outcome.jid});
    if outcome.code != 200 {
        attrs["error"] = json!(outcome.code.to_string());
    }
    let mut content = json!({"tag": "participant", "attrs": attrs});
    if let Some((code, expiration)) = &outcome.invitation {
        let attrs = json!({"code": code, "expiration": expiration.to_string()});
        content["content"] = json!([{"tag": "add_request", "attrs": attrs}]);
    }
    json!({"status": outcome.code.to_string(), "jid": outcome.jid, "content": content})
}
