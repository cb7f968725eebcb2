//! A stream: an instance and a contact that write to each other, and what each received of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::receive::Feed;
use crate::sequence::{Check, Ranges, Seen};

/// Event ids that are remembered per stream, to tell a repeat from a duplicate.
const WINDOW: usize = 1_024;

/// An instance that was paired.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name.
    pub name: String,
    /// Its own key.
    pub token: String,
    /// Phone number of its account.
    pub phone: String,
}

/// Whose latency is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A tenant like others.
    Tenant,
    /// The one that floods.
    Noisy,
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    /// The number that its messages carry.
    pub number: u32,
    /// The instance.
    pub instance: Arc<Instance>,
    /// Phone number of the contact.
    pub contact: String,
    /// Whose it is.
    pub role: Role,
    outbound: Mutex<Outbound>,
    inbound: Mutex<Inbound>,
}

/// What the instance sent.
#[derive(Debug, Default, Clone)]
pub struct Outbound {
    /// The last number.
    pub sent: u64,
    /// Numbers whose fate is unknown: the node was asked, and did not say that it sent them.
    pub unknown: Ranges,
    /// Numbers that the node did not take, because a service was away.
    pub refused: Ranges,
}

/// What the contact sent, and what the feeds told of it.
#[derive(Debug, Default)]
pub struct Inbound {
    /// The last number.
    pub sent: u64,
    /// Numbers that were never sent, because the simulator refused them.
    pub unsent: Ranges,
    webhook: Arrivals,
    rabbitmq: Arrivals,
}

impl Inbound {
    /// What a feed told of.
    pub fn of(&mut self, feed: Feed) -> &mut Arrivals {
        match feed {
            Feed::Webhook => &mut self.webhook,
            Feed::Rabbitmq => &mut self.rabbitmq,
        }
    }
}

/// What one feed told of.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// What arrived.
    pub check: Check,
    /// Arrivals with the event id of an earlier one.
    pub repeats: u64,
    /// Arrivals of a known message with another event id.
    pub duplicates: u64,
    window: VecDeque<(u64, u64)>,
}

/// What a delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrival {
    /// News.
    New,
    /// The same event again.
    Repeat,
    /// Another event about the same message.
    Duplicate,
}

impl Arrivals {
    /// Notes that a message was told of. `event` is a hash of the event's id, if it has one; `again` is
    /// whether the feed itself says that it may have delivered the event before.
    pub fn observe(&mut self, number: u64, event: Option<u64>, again: bool) -> Arrival {
        match self.check.observe(number) {
            Seen::InOrder | Seen::Late => {
                if let Some(event) = event {
                    if self.window.len() == WINDOW {
                        self.window.pop_front();
                    }
                    self.window.push_back((number, event));
                }
                Arrival::New
            }
            Seen::Again if event.map_or(again, |event| self.window.contains(&(number, event))) => {
                self.repeats += 1;
                Arrival::Repeat
            }
            Seen::Again => {
                self.duplicates += 1;
                Arrival::Duplicate
            }
        }
    }
}

impl Stream {
    /// A stream in which nothing was sent.
    pub fn new(number: u32, instance: Arc<Instance>, contact: String, role: Role) -> Self {
        Self { number, instance, contact, role, outbound: Mutex::default(), inbound: Mutex::default() }
    }

    /// What the instance sent.
    pub fn outbound(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the contact sent.
    pub fn inbound(&self) -> MutexGuard<'_, Inbound> {
        self.inbound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
