//! An account: a phone number with a phone (device 0) and companion devices.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use wacore_binary::Jid;

use super::{
    appstate::AppState, device::Device, faults::conditions::Conditions, lock, record::Record, social::Social,
};
use crate::phone::{agent::Agent, companion::Companion, past::Past, signal::Signal};

/// First companion id.
pub(crate) const FIRST_DEVICE: u16 = 1;

/// A picture set by the account.
#[derive(Clone, Default)]
pub(crate) struct Picture {
    pub(crate) id: String,
    pub(crate) jpeg: Vec<u8>,
}

impl Picture {
    /// Direct path of the picture on the media host.
    pub(crate) fn path(&self) -> String {
        path(&self.id)
    }
}

/// Direct path of the picture with this id.
pub(crate) fn path(id: &str) -> String {
    format!("/v/picture/{id}")
}

/// The part of an account that changes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) name: String,
    /// Created as a contact by the admin interface.
    pub(crate) contact: bool,
    pub(crate) about: String,
    pub(crate) about_time: u64,
    pub(crate) picture: Option<Picture>,
    pub(crate) devices: BTreeMap<u16, Device>,
    pub(crate) next_device: u16,
    pub(crate) next_key_index: u32,
    pub(crate) app_state: AppState,
    pub(crate) privacy: BTreeMap<String, String>,
    pub(crate) blocked: Vec<String>,
    /// Devices that subscribed to this account's presence: phone number and device id.
    pub(crate) watchers: HashSet<(String, u16)>,
    /// Presence of a contact.
    pub(crate) phone_available: bool,
    pub(crate) last_seen: u64,
    /// Business profile, privacy tokens, restriction.
    pub(crate) social: Social,
    /// The history that the phone has given to a device.
    pub(crate) past: Option<Past>,
    /// Accounts that status messages of this account went to.
    pub(crate) status_audience: HashSet<String>,
    /// Accounts that asked for the device list, and are told when it changes.
    pub(crate) listed_by: HashSet<String>,
    /// Ids of its last status messages.
    pub(crate) status_ids: VecDeque<String>,
}

impl State {
    /// Whether the block list has this account, by either of its addresses.
    pub(crate) fn blocks(&self, other: &Account) -> bool {
        self.blocked.iter().any(|entry| {
            let user = entry.split('@').next().unwrap_or_default();
            user == other.phone || user == other.lid
        })
    }

    /// Whether any device, or the contact itself, is available.
    pub(crate) fn available(&self) -> bool {
        self.phone_available || self.devices.values().any(|device| device.available)
    }
}

/// One account.
pub(crate) struct Account {
    /// Phone number, digits only.
    pub(crate) phone: String,
    /// LID number.
    pub(crate) lid: String,
    raw_id: AtomicU32,
    pub(crate) signal: Mutex<Signal>,
    pub(crate) agent: Mutex<Agent>,
    companions: Mutex<BTreeMap<u16, Companion>>,
    /// Of the network to all devices of the account.
    pub(crate) conditions: Conditions,
    pub(crate) record: Record,
    active: AtomicBool,
    pub(crate) state: Mutex<State>,
}

impl Account {
    pub(crate) fn new(phone: String, lid: String, raw_id: u32, signal: Signal, state: State) -> Self {
        Self {
            phone,
            lid,
            raw_id: AtomicU32::new(raw_id),
            signal: Mutex::new(signal),
            agent: Mutex::default(),
            companions: Mutex::default(),
            conditions: Conditions::default(),
            record: Record::default(),
            active: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// Locks the changing part.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Locks the phone's keys and sessions.
    pub(crate) fn signal(&self) -> MutexGuard<'_, Signal> {
        lock(&self.signal)
    }

    /// Locks the phone's behaviour and history.
    pub(crate) fn agent(&self) -> MutexGuard<'_, Agent> {
        lock(&self.agent)
    }

    /// Locks the companion devices that are simulated here.
    pub(crate) fn companions(&self) -> MutexGuard<'_, BTreeMap<u16, Companion>> {
        lock(&self.companions)
    }

    /// Id in device lists, stable as long as the phone keeps its identity.
    pub(crate) fn raw_id(&self) -> u32 {
        self.raw_id.load(Ordering::Relaxed)
    }

    /// Gives the account a new identity: everything that belonged to the old one is gone.
    pub(crate) fn renew(&self, signal: Signal) {
        *self.signal() = signal;
        self.raw_id.store(rand::random(), Ordering::Relaxed);
        self.companions().clear();
        let mut agent = self.agent();
        agent.distributed.clear();
        agent.sent.clear();
        agent.sent_order.clear();
    }

    /// Whether the phone decrypts and records what it gets.
    pub(crate) fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    pub(crate) fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Relaxed);
    }

    /// Phone-number JID of the account.
    pub(crate) fn pn(&self) -> Jid {
        Jid::pn(self.phone.as_str())
    }

    /// LID JID of the account.
    pub(crate) fn lid(&self) -> Jid {
        Jid::lid(self.lid.as_str())
    }

    /// JID of a device in the address family of `like`.
    pub(crate) fn device_like(&self, device: u16, like: &Jid) -> Jid {
        let base = if like.is_lid() { self.lid() } else { self.pn() };
        base.with_device(device)
    }

    /// Signs with the phone's identity key (XEdDSA).
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> crate::Result<Vec<u8>> {
        let signal = self.signal();
        let key = signal.identity.keys.private_key();
        Ok(key.calculate_signature_for_multipart_message(parts, &mut rand::rng())?.to_vec())
    }

    /// Public identity key of the phone (32 bytes).
    pub(crate) fn identity(&self) -> Vec<u8> {
        self.signal().identity.keys.public_key().public_key_bytes().to_vec()
    }

    /// Name shown to others: the push name, or the number when there is none.
    pub(crate) fn display_name(&self) -> String {
        let state = self.state();
        if state.name.is_empty() { self.phone.clone() } else { state.name.clone() }
    }
}
