//! Addresses of the protocol library and of the API, and which of an account's two addresses is
//! shown: by phone number wherever that is known, with the other form beside it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use wacore_binary::{Jid as WireJid, Server};
use whatsapp_rust::Client;

use super::connection::Context;
use crate::channel::Error;
use crate::domain::{EventKind, Jid};
use crate::events::Write;

/// Pairs that are remembered as recorded, so that not every message writes its pair again.
const KNOWN_PAIRS: usize = 1024;
/// Pairs of one transaction.
const BATCH: usize = 200;

/// An address of the library, without its device.
pub fn from_wire(jid: &WireJid) -> Option<Jid> {
    Jid::parse(&jid.to_non_ad_string()).ok()
}

/// An address for the library.
///
/// # Errors
/// [`Error::Invalid`] for what the library has no notion of.
pub fn to_wire(jid: &Jid) -> Result<WireJid, Error> {
    jid.as_str()
        .parse()
        .map_err(|_| Error::Invalid { field: "number", reason: "is not an address".to_owned() })
}

/// Both forms of one user's or chat's address, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// By phone number where that is known.
    pub jid: Jid,
    /// The other form.
    pub alt: Option<Jid>,
}

/// Finds the two forms of an address from what the stanza says and what the library knows.
pub async fn shown(client: &Client, jid: &WireJid, stated: Option<&WireJid>) -> Option<Shown> {
    let plain = from_wire(jid)?;
    if !(jid.is_pn() || jid.is_lid()) {
        return Some(Shown { jid: plain, alt: None });
    }
    let stated = stated.filter(|alt| alt.is_pn() != jid.is_pn()).and_then(from_wire);
    let alt = match stated {
        Some(alt) => Some(alt),
        None => known(client, jid).await,
    };
    Some(match (jid.is_lid(), alt) {
        (true, Some(phone)) => Shown { jid: phone, alt: Some(plain) },
        (_, alt) => Shown { jid: plain, alt },
    })
}

/// The two forms of the address of a user whose names on both servers are known.
pub fn pair(lid: &str, phone: &str) -> Option<Shown> {
    let (jid, alt) = (WireJid::new(phone, Server::Pn), WireJid::new(lid, Server::Lid));
    Some(Shown { jid: from_wire(&jid)?, alt: Some(from_wire(&alt)?) })
}

async fn known(client: &Client, jid: &WireJid) -> Option<Jid> {
    let entry = client.get_lid_pn_entry(jid).await.ok().flatten()?;
    let other = if jid.is_lid() {
        WireJid::new(&*entry.phone_number, Server::Pn)
    } else {
        WireJid::new(&*entry.lid, Server::Lid)
    };
    from_wire(&other)
}

/// The pairs that were recorded lately, by the hidden identity.
#[derive(Default)]
pub struct Pairs(Mutex<HashMap<Jid, Jid>>);

impl Pairs {
    /// Whether a pair was not recorded lately.
    fn is_news(&self, pn: &Jid, lid: &Jid) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(lid) == Some(pn) {
            return false;
        }
        if known.len() >= KNOWN_PAIRS {
            known.clear();
        }
        known.insert(lid.clone(), pn.clone());
        true
    }
}

impl Context {
    /// The write that remembers a pair, unless it was made lately. What is on record under the hidden
    /// identity is found under the phone number from then on.
    pub fn learn(&self, shown: &Shown) -> Option<Write> {
        let (pn, lid) = (&shown.jid, shown.alt.as_ref()?);
        if !self.pairs.is_news(pn, lid) {
            return None;
        }
        let journal = &self.seat.journal;
        let mut on_chat = journal.event(EventKind::ChatsDelete, &json!([lid]));
        let known = json!([{"remoteJid": pn, "instanceId": self.seat.instance}]);
        on_chat.extend(journal.event(EventKind::ChatsUpsert, &known));
        Some(Write::Address { lid: lid.to_string(), pn: pn.to_string(), on_chat })
    }
}

/// Remembers pairs that the library has learnt.
pub async fn learnt(context: &Context, pairs: &[Shown]) {
    for some in pairs.chunks(BATCH) {
        let writes: Vec<Write> = some.iter().filter_map(|pair| context.learn(pair)).collect();
        if !writes.is_empty() {
            context.seat.journal.submit(writes).await;
        }
    }
}
