//! What is known of groups. It is on record, so that a restart asks for nothing again; a group is
//! asked for once, however many want it at the same time; and what WhatsApp tells of changes is
//! applied in the order of the telling. Nothing waits here while WhatsApp is asked: what was told
//! meanwhile goes before the answer.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Lane, OwnedMutexGuard, RwLock, RwLockReadGuard};
use whatsapp_rust::Client;

use super::doubt::Doubts;
use super::flight::Flights;
use super::news::{News, Told, Version};
use super::notices::learn;
use super::wire::{self, About};
use crate::channel::Error;
use crate::channel::groups::Group;
use crate::channel::whatsapp_web::address::to_wire;
use crate::channel::whatsapp_web::connection::Context;
use crate::domain::Jid;
use crate::events::{self, GroupRow, Routed, Write};

/// How long what is on record is believed when nothing is heard of it, in milliseconds. Changes are
/// heard of at once; this bounds what a change does that never reached us.
const FRESH: i64 = 24 * 60 * 60 * 1000;
/// Groups that are remembered: lanes before those that nobody uses are dropped, and groups left.
const LANES: usize = 256;

/// What a connection notes about the groups on record.
#[derive(Default)]
pub struct Known {
    lanes: Mutex<HashMap<Jid, Weak<Lane<()>>>>,
    /// Held for writing while what is on record of all groups changes, and for reading while one of
    /// them does.
    pub(super) list: RwLock<()>,
    pub(super) news: News,
    pub(super) doubts: Doubts,
    /// Questions about one group.
    asked: Flights<Jid, Arc<Group>>,
    /// Questions about all of them.
    pub(super) listing: Flights<(), ()>,
    /// When the list was complete on record, in unix milliseconds; zero for never.
    listed: AtomicI64,
    /// Groups that we left ourselves, of which WhatsApp may still tell.
    left: Mutex<HashSet<Jid>>,
}

/// The turn to change what is on record of a group, until it is dropped.
pub struct Turn<'a> {
    _list: RwLockReadGuard<'a, ()>,
    _lane: OwnedMutexGuard<()>,
}

impl Known {
    /// Waits for the turn to change what is on record of a group. It lasts as long as the database
    /// takes, and never as long as WhatsApp does.
    pub async fn turn(&self, group: &Jid) -> Turn<'_> {
        let list = self.list.read().await;
        Turn { _list: list, _lane: self.lane(group).lock_owned().await }
    }

    fn lane(&self, group: &Jid) -> Arc<Lane<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(group).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.len() >= LANES {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::default();
        lanes.insert(group.clone(), Arc::downgrade(&lane));
        lane
    }

    /// Notes that we leave a group, by ourselves or as WhatsApp tells; answers whether WhatsApp tells
    /// what we did ourselves.
    pub fn leaves(&self, group: &Jid, by_ourselves: bool) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if !by_ourselves {
            return left.remove(group);
        }
        if left.len() >= LANES {
            left.clear();
        }
        left.insert(group.clone());
        false
    }

    /// Something was missed: every group is asked for again before it is shown, also by a later
    /// connection.
    pub fn doubt(&self, now: i64) {
        self.news.doubt();
        self.doubts.raise(now);
    }

    /// The list is not complete any more.
    pub fn unlist(&self) {
        self.listed.store(0, Ordering::SeqCst);
    }

    /// The list is complete.
    pub fn list_is_of(&self, time: i64) {
        self.listed.store(time, Ordering::SeqCst);
    }

    /// Whether what was asked for at a time is still true.
    pub fn believes(&self, fetched_at: i64, now: i64) -> bool {
        self.doubts.spare(fetched_at) && now - fetched_at < FRESH
    }

    /// Whether the list on record is complete.
    pub fn is_listed(&self, now: i64) -> bool {
        self.believes(self.listed.load(Ordering::SeqCst), now)
    }
}

impl Context {
    /// A group with its members, from the record or from WhatsApp.
    ///
    /// # Errors
    /// As [`crate::channel::Groups::find`].
    pub async fn group(self: &Arc<Self>, client: &Arc<Client>, group: &Jid) -> Result<Group, Error> {
        if let Some(known) = self.believed(group).await? {
            return Ok(known);
        }
        let (context, client, of) = (Arc::clone(self), Arc::clone(client), group.clone());
        let asking = async move { context.look_up(&client, &of).await.map(Arc::new) };
        self.groups.asked.join(group.clone(), asking).await.map(Arc::unwrap_or_clone)
    }

    async fn look_up(&self, client: &Client, group: &Jid) -> Result<Group, Error> {
        if let Some(known) = self.believed(group).await? {
            return Ok(known);
        }
        let (since, now) = (self.groups.news.version(), self.seat.journal.now());
        match self.fetch(client, group).await {
            Ok(mut found) => {
                learn(self, &found.participants).await;
                let _turn = self.groups.turn(group).await;
                found.picture_url = self.on_record(group).await?.and_then(|(known, _)| known.picture_url);
                if self.is_news_to(group, since) {
                    self.record(vec![remember(&found, now, Vec::new())?]).await?;
                }
                Ok(found)
            }
            Err(error @ (Error::NotFound(_) | Error::NotAllowed(_))) => {
                let _turn = self.groups.turn(group).await;
                if self.is_news_to(group, since) && self.on_record(group).await?.is_some() {
                    self.record(vec![forget(group, Vec::new())]).await?;
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// A group as WhatsApp describes it.
    pub(super) async fn fetch(&self, client: &Client, group: &Jid) -> Result<Group, Error> {
        let wire = to_wire(group)?;
        let metadata = self.ask(client, About::Group, client.groups().get_metadata(&wire)).await?;
        wire::group(client, metadata).await.ok_or_else(unreadable)
    }

    /// Whether an answer to what was asked at a version tells more than is on record. Whoever asks has
    /// the group's turn; what is not recorded is asked for again.
    fn is_news_to(&self, group: &Jid, asked: Version) -> bool {
        self.groups.news.told(group, asked) == Told::Nothing
    }

    async fn believed(&self, group: &Jid) -> Result<Option<Group>, Error> {
        let now = self.seat.journal.now();
        let known = self.on_record(group).await?;
        Ok(known.filter(|(_, at)| self.groups.believes(*at, now)).map(|(known, _)| known))
    }

    /// What is on record of a group, and since when.
    pub async fn on_record(&self, group: &Jid) -> Result<Option<(Group, i64)>, Error> {
        let row = self.seat.groups.find(group.as_str()).await;
        Ok(row.map_err(|error| Error::Unavailable(Box::new(error)))?.as_ref().and_then(read))
    }

    /// Notes the address of a group's picture, for lists; tells it when it was another one, or when
    /// nothing is on record of the group.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Fenced`].
    pub async fn note_picture(
        &self,
        group: &Jid,
        url: Option<&String>,
        events: Vec<Routed>,
    ) -> Result<(), Error> {
        let _turn = self.groups.turn(group).await;
        let writes = match self.on_record(group).await? {
            Some((known, _)) if known.picture_url.as_ref() == url => Vec::new(),
            Some((known, at)) => {
                let known = Group { picture_url: url.cloned(), ..known };
                vec![remember(&known, at, events)?]
            }
            None => events.into_iter().map(Write::Event).collect(),
        };
        self.record(writes).await
    }

    /// Every group on record, with or without members, and since when.
    pub(super) async fn all_on_record(&self, with_members: bool) -> Result<Vec<(Group, i64)>, Error> {
        let rows = self.seat.groups.all(with_members).await;
        let rows = rows.map_err(|error| Error::Unavailable(Box::new(error)))?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Writes, and returns when it is durable: what is read next has to see it.
    pub async fn record(&self, writes: Vec<Write>) -> Result<(), Error> {
        if writes.is_empty() {
            return Ok(());
        }
        match self.seat.journal.commit(writes).await {
            Ok(_) => Ok(()),
            Err(events::Error::Fenced) => {
                self.fenced();
                Err(Error::Fenced)
            }
            Err(error) => Err(Error::Unavailable(Box::new(error))),
        }
    }
}

fn read(row: &GroupRow) -> Option<(Group, i64)> {
    let mut group: Group = serde_json::from_str(&row.metadata).ok()?;
    if !row.members.is_empty() {
        group.participants = serde_json::from_str(&row.members).ok()?;
    }
    Some((group, row.fetched_at))
}

/// The write that puts a group on record.
pub fn remember(group: &Group, fetched_at: i64, events: Vec<Routed>) -> Result<Write, Error> {
    let text = |text: serde_json::Result<String>| text.map_err(|error| Error::Protocol(error.to_string()));
    let (metadata, members) =
        (text(serde_json::to_string(group))?, text(serde_json::to_string(&group.participants))?);
    let row = GroupRow { metadata, members, fetched_at };
    Ok(Write::Group { jid: group.id.to_string(), row: Some(Arc::new(row)), events })
}

/// The write that takes a group off the record.
pub fn forget(group: &Jid, events: Vec<Routed>) -> Write {
    Write::Group { jid: group.to_string(), row: None, events }
}

/// For what WhatsApp says about groups.
pub fn unreadable() -> Error {
    Error::Protocol("a group without a valid address".to_owned())
}
