//! Newsletters (channels): metadata, followers and posts. They are not encrypted.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wacore_binary::{Jid, Server};

use super::lock;
use crate::clock::unix_seconds;

/// Most posts kept per newsletter.
const MAX_POSTS: usize = 1_000;

/// A post.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) server_id: u64,
    pub(crate) id: String,
    /// Phone number of the author.
    pub(crate) author: String,
    pub(crate) time: u64,
    /// `type` attribute of the stanza.
    pub(crate) kind: String,
    pub(crate) media_type: Option<String>,
    /// Encoded `Message`; nothing is left of a revoked post.
    pub(crate) plaintext: Vec<u8>,
    /// Emoji by phone number.
    pub(crate) reactions: BTreeMap<String, String>,
}

impl Post {
    /// How often each emoji was chosen.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for emoji in self.reactions.values() {
            *counts.entry(emoji.as_str()).or_default() += 1;
        }
        counts
    }
}

/// A newsletter.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Newsletter {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Phone number of who may post.
    pub(crate) owner: String,
    pub(crate) invite: String,
    pub(crate) created: u64,
    /// Phone numbers, the owner's not among them.
    pub(crate) followers: BTreeSet<String>,
    pub(crate) posts: VecDeque<Post>,
    next_server_id: u64,
    /// Devices that want live updates: phone number and device id.
    #[serde(skip)]
    pub(crate) live: BTreeSet<(String, u16)>,
}

impl Newsletter {
    pub(crate) fn new(owner: &str, name: &str, description: &str) -> Self {
        Self {
            id: format!("120363{:012}", rand::random_range(0..1_000_000_000_000_u64)),
            name: name.to_owned(),
            description: description.to_owned(),
            owner: owner.to_owned(),
            invite: hex::encode(rand::random::<[u8; 11]>()),
            created: unix_seconds(),
            next_server_id: 100,
            ..Self::default()
        }
    }

    pub(crate) fn jid(&self) -> Jid {
        Jid::new(self.id.as_str(), Server::Newsletter)
    }

    /// Phone numbers of all who get posts.
    pub(crate) fn audience(&self) -> Vec<String> {
        std::iter::once(&self.owner).chain(&self.followers).cloned().collect()
    }

    pub(crate) fn role(&self, phone: &str) -> &'static str {
        if self.owner == phone {
            "owner"
        } else if self.followers.contains(phone) {
            "subscriber"
        } else {
            "guest"
        }
    }

    /// Adds a post and returns its number.
    pub(crate) fn publish(&mut self, mut post: Post) -> u64 {
        self.next_server_id += 1;
        post.server_id = self.next_server_id;
        self.posts.push_back(post);
        if self.posts.len() > MAX_POSTS {
            self.posts.pop_front();
        }
        self.next_server_id
    }

    /// The metadata as queries of `phone` answer it.
    pub(crate) fn metadata(&self, phone: &str) -> Value {
        let text = |text: &str| json!({ "text": text, "id": self.created.to_string() });
        json!({
            "id": self.jid().to_string(),
            "state": { "type": "active" },
            "thread_metadata": {
                "name": text(&self.name),
                "description": text(&self.description),
                "subscribers_count": (self.followers.len() + 1).to_string(),
                "verification": "UNVERIFIED",
                "invite": self.invite,
                "handle": null,
                "creation_time": self.created.to_string(),
                "settings": { "reaction_codes": { "value": "ALL" } },
            },
            "viewer_metadata": { "role": self.role(phone), "mute": "OFF" },
        })
    }
}

/// All newsletters by id.
#[derive(Default)]
pub(crate) struct Newsletters(Mutex<BTreeMap<String, Newsletter>>);

impl Newsletters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Newsletter>> {
        lock(&self.0)
    }

    /// Does something with the newsletter of an id, if it exists.
    pub(crate) fn with<T>(&self, id: &str, act: impl FnOnce(&mut Newsletter) -> T) -> Option<T> {
        self.lock().get_mut(id).map(act)
    }
}
