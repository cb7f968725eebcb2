//! An account in the state file.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use wacore_libsignal::protocol::{
    GenericSignedPreKey as _, IdentityKey, IdentityKeyPair, KeyPair, PrivateKey, SenderKeyRecord,
    SessionRecord, SignedPreKeyRecord,
};

use super::{StateError, app_state::AppStateRecord, bytes::Base64, device::DeviceRecord};
use crate::{
    phone::{
        agent::{Agent, Behaviour, Received},
        companion::Companion,
        past::Past,
        signal::Signal,
        stores::Identity,
    },
    world::{
        account::{Account, Picture, State},
        social::Social,
    },
};

/// An account with its phone's keys and sessions, and its devices.
#[derive(Serialize, Deserialize)]
pub(super) struct AccountRecord {
    phone: String,
    lid: String,
    raw_id: u32,
    name: String,
    contact: bool,
    about: String,
    about_time: u64,
    picture: Option<(String, Base64)>,
    next_device: u16,
    next_key_index: u32,
    privacy: BTreeMap<String, String>,
    blocked: Vec<String>,
    last_seen: u64,
    status_audience: HashSet<String>,
    #[serde(default)]
    past: Option<Past>,
    #[serde(default)]
    social: Social,
    app_state: AppStateRecord,
    devices: Vec<DeviceRecord>,
    phone_keys: PhoneRecord,
    active: bool,
    behaviour: Option<Behaviour>,
    received: Vec<Received>,
    received_total: u64,
    distributed: Vec<(String, String)>,
    #[serde(default)]
    listed_by: HashSet<String>,
    /// Companions that are simulated here.
    #[serde(default)]
    companions: Vec<(u16, PhoneRecord)>,
}

#[derive(Serialize, Deserialize)]
struct PhoneRecord {
    identity: Base64,
    registration_id: u32,
    signed: Base64,
    /// Former signed pre-keys, newest last.
    #[serde(default)]
    signed_former: Vec<Base64>,
    /// Private one-time keys.
    one_time: Vec<(u32, Base64)>,
    sessions: Vec<(String, Base64)>,
    sender_keys: Vec<(String, Base64)>,
}

impl PhoneRecord {
    fn of(signal: &Signal) -> Result<Self, StateError> {
        let sessions = signal.sessions.0.iter();
        let sender_keys = signal.sender_keys.0.iter();
        Ok(Self {
            identity: Base64(signal.identity.keys.private_key().serialize().to_vec()),
            registration_id: signal.identity.registration_id,
            signed: Base64(signal.signed.current.serialize()?),
            signed_former: signal
                .signed
                .former
                .iter()
                .map(|record| Ok(Base64(record.serialize()?)))
                .collect::<Result<_, StateError>>()?,
            one_time: signal
                .one_time
                .0
                .iter()
                .map(|(id, pair)| (*id, Base64(pair.private_key.serialize().to_vec())))
                .collect(),
            sessions: sessions
                .map(|(peer, record)| Ok((peer.clone(), Base64(record.serialize()?))))
                .collect::<Result<_, StateError>>()?,
            sender_keys: sender_keys
                .map(|(name, record)| Ok((name.clone(), Base64(record.serialize()?))))
                .collect::<Result<_, StateError>>()?,
        })
    }

    fn restore(self) -> Result<Signal, StateError> {
        let private = PrivateKey::deserialize(&self.identity.0)?;
        let keys = IdentityKeyPair::new(IdentityKey::new(private.public_key()?), private);
        let identity = Identity { keys, registration_id: self.registration_id };
        let mut signal = Signal::restore(identity, SignedPreKeyRecord::deserialize(&self.signed.0)?);
        for former in self.signed_former {
            signal.signed.former.push_back(SignedPreKeyRecord::deserialize(&former.0)?);
        }
        for (id, private) in self.one_time {
            let private = PrivateKey::deserialize(&private.0)?;
            signal.one_time.0.insert(id, KeyPair::new(private.public_key()?, private));
        }
        for (peer, record) in self.sessions {
            signal.sessions.0.insert(peer, SessionRecord::deserialize(&record.0)?);
        }
        for (name, record) in self.sender_keys {
            signal.sender_keys.0.insert(name, SenderKeyRecord::deserialize(&record.0)?);
        }
        Ok(signal)
    }
}

impl AccountRecord {
    pub(super) fn of(account: &Account) -> Result<Self, StateError> {
        // Locked through, so that the phone's sessions and the queues of this account fit together.
        let signal = account.signal();
        let companions = account.companions();
        let companions = companions
            .iter()
            .map(|(id, companion)| Ok((*id, PhoneRecord::of(&companion.signal)?)))
            .collect::<Result<_, StateError>>()?;
        let agent = account.agent();
        let state = account.state();
        Ok(Self {
            phone: account.phone.clone(),
            lid: account.lid.clone(),
            raw_id: account.raw_id(),
            name: state.name.clone(),
            contact: state.contact,
            about: state.about.clone(),
            about_time: state.about_time,
            picture: state.picture.as_ref().map(|picture| (picture.id.clone(), Base64(picture.jpeg.clone()))),
            next_device: state.next_device,
            next_key_index: state.next_key_index,
            privacy: state.privacy.clone(),
            blocked: state.blocked.clone(),
            last_seen: state.last_seen,
            status_audience: state.status_audience.clone(),
            past: state.past.clone(),
            social: state.social.clone(),
            app_state: AppStateRecord::of(&state.app_state),
            devices: state.devices.values().map(DeviceRecord::of).collect::<Result<_, _>>()?,
            phone_keys: PhoneRecord::of(&signal)?,
            active: account.active(),
            behaviour: agent.behaviour.clone(),
            received: agent.received.iter().cloned().collect(),
            received_total: agent.received_total,
            distributed: agent.distributed.iter().cloned().collect(),
            listed_by: state.listed_by.clone(),
            companions,
        })
    }

    pub(super) fn restore(self) -> Result<Account, StateError> {
        let mut devices = BTreeMap::new();
        for record in self.devices {
            let mut device = record.restore()?;
            device.puppet = self.companions.iter().any(|(id, _)| *id == device.id);
            devices.insert(device.id, device);
        }
        let state = State {
            name: self.name,
            contact: self.contact,
            about: self.about,
            about_time: self.about_time,
            picture: self.picture.map(|(id, jpeg)| Picture { id, jpeg: jpeg.0 }),
            devices,
            next_device: self.next_device,
            next_key_index: self.next_key_index,
            app_state: self.app_state.restore()?,
            privacy: self.privacy,
            blocked: self.blocked,
            last_seen: self.last_seen,
            status_audience: self.status_audience,
            past: self.past,
            social: self.social,
            listed_by: self.listed_by,
            ..State::default()
        };
        let account = Account::new(self.phone, self.lid, self.raw_id, self.phone_keys.restore()?, state);
        *account.agent() = Agent {
            behaviour: self.behaviour,
            received: self.received.into(),
            received_total: self.received_total,
            distributed: self.distributed.into_iter().collect(),
            ..Agent::default()
        };
        for (id, record) in self.companions {
            account.companions().insert(id, Companion::new(record.restore()?));
        }
        account.set_active(self.active);
        Ok(account)
    }
}
