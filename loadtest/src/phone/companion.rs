//! A companion device of a contact that is simulated here: it has keys of its own, decrypts and records.

use std::{collections::VecDeque, sync::Arc};

use wacore_binary::Node;

use super::{
    agent::Received,
    receive::{self, Inbound},
    recognise::{self, Recognised},
    retry,
    signal::Signal,
};
use crate::{
    error::Result,
    pairing::adv,
    relay::devices,
    world::{
        World,
        account::Account,
        device::{Device, Keys},
        stats::count,
    },
};

/// One-time pre-keys made at once; the store keeps 32.
const PRE_KEYS: usize = 16;

/// Keys and memory of a companion.
pub(crate) struct Companion {
    pub(crate) signal: Signal,
    received: VecDeque<Received>,
    total: u64,
}

impl Companion {
    pub(crate) fn new(signal: Signal) -> Self {
        Self { signal, received: VecDeque::new(), total: 0 }
    }

    /// What it received, oldest first.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.iter().cloned().collect()
    }

    fn record(&mut self, mut received: Received, limit: usize) {
        self.total += 1;
        received.seq = self.total;
        self.received.push_back(received);
        if self.received.len() > limit {
            self.received.pop_front();
        }
    }
}

/// Links a companion to the account, tells everybody concerned and returns its device id.
pub(crate) fn link(world: &World, account: &Account) -> Result<u16> {
    let signal = Signal::generate()?;
    let bundle = signal.bundle()?;
    let (id, key_index) = {
        let mut state = account.state();
        let ids = (state.next_device, state.next_key_index);
        state.next_device += 1;
        state.next_key_index += 1;
        ids
    };
    let proof = adv::companion(account, key_index, &signal.identity.keys)?;
    let keys = Keys {
        // Nobody has the private part: such a device cannot log in.
        noise: rand::random::<[u8; 32]>().to_vec(),
        identity: bundle.identity,
        registration_id: bundle.registration_id,
        signed_id: bundle.signed_id,
        signed_public: bundle.signed_public,
        signed_signature: bundle.signed_signature,
        full_history: false,
    };
    account.companions().insert(id, Companion::new(signal));
    let device = Device { puppet: true, ..Device::new(id, key_index, keys, proof) };
    account.state().devices.insert(id, device);
    issue_pre_keys(account, id);
    devices::notify(world, account, "add", id, key_index);
    world.touch();
    Ok(id)
}

/// Publishes new one-time pre-keys of the companion.
pub(crate) fn issue_pre_keys(account: &Account, device: u16) {
    let mut companions = account.companions();
    let Some(companion) = companions.get_mut(&device) else { return };
    let keys: Vec<_> = (0..PRE_KEYS)
        .map(|_| companion.signal.one_time.issue())
        .map(|(id, key)| (id, key.public_key_bytes().to_vec()))
        .collect();
    if let Some(device) = account.state().devices.get_mut(&device) {
        device.one_time.extend(keys);
    }
}

fn unreadable() -> Recognised {
    Recognised { kind: "undecryptable", ..Recognised::default() }
}

/// Handles the ciphertexts of one message. False when the device is not simulated here.
pub(crate) fn receive(
    world: &World,
    target: &Arc<Account>,
    device: u16,
    inbound: &Inbound<'_>,
    id: &str,
    encs: &[Node],
) -> bool {
    let limit = world.options.max_received;
    let failed = {
        let mut companions = target.companions();
        let Some(companion) = companions.get_mut(&device) else { return false };
        let mut recognised = None;
        let mut failed = None;
        for enc in encs {
            match receive::open(&mut companion.signal, inbound, enc) {
                Ok(message) => {
                    let content = recognise::recognise(&recognise::unwrap(message));
                    if content.kind != "senderKeyDistribution" {
                        recognised = Some(content);
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let received = match (&failed, recognised) {
            (Some(_), _) => Some(receive::received(&inbound.into(), id, unreadable(), None)),
            (None, Some(content)) => Some(receive::received(&inbound.into(), id, content, None)),
            (None, None) => None,
        };
        if let Some(received) = received {
            companion.record(received, limit);
        }
        failed
    };
    if let Some(error) = failed {
        count(&world.stats.undecryptable);
        tracing::warn!(%error, id, device, "a companion cannot decrypt a message");
        if let Err(error) = retry::ask_as_companion(world, target, device, inbound, id) {
            tracing::warn!(%error, id, "cannot ask for a retry");
        }
    }
    world.touch();
    true
}
