//! A companion device of an account, as the server sees it.

use std::{collections::VecDeque, sync::Arc};

use wacore_binary::Node;

use super::{faults::conditions::Conditions, outbox::Outbox};
use crate::wire::nodes::{el, leaf};

/// Public keys from which a peer starts a session.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) registration_id: u32,
    pub(crate) identity: Vec<u8>,
    pub(crate) signed_id: u32,
    pub(crate) signed_public: Vec<u8>,
    pub(crate) signed_signature: Vec<u8>,
    pub(crate) one_time: Option<(u32, Vec<u8>)>,
    /// The signed device identity of a companion; phones have none.
    pub(crate) device_identity: Option<Vec<u8>>,
}

/// The Curve25519 key type on the wire.
pub(crate) const KEY_TYPE: u8 = 5;

/// A key id as the wire has it.
pub(crate) fn three_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes()[1..].to_vec()
}

/// A signed pre-key as the wire has it.
pub(crate) fn signed_node(id: u32, public: &[u8], signature: &[u8]) -> Node {
    el("skey")
        .children([leaf("id", three_bytes(id)), leaf("value", public), leaf("signature", signature)])
        .build()
}

impl Bundle {
    /// The nodes of bundles and of retry receipts: type, identity, pre-keys, device identity.
    pub(crate) fn key_nodes(&self) -> Vec<Node> {
        let mut nodes = vec![leaf("type", [KEY_TYPE]), leaf("identity", self.identity.clone())];
        if let Some((id, key)) = &self.one_time {
            nodes
                .push(el("key").children([leaf("id", three_bytes(*id)), leaf("value", key.clone())]).build());
        }
        nodes.push(signed_node(self.signed_id, &self.signed_public, &self.signed_signature));
        if let Some(proof) = &self.device_identity {
            nodes.push(leaf("device-identity", proof.clone()));
        }
        nodes
    }
}

/// Keys of a registration (`device_pairing_data` of the client payload).
#[derive(Clone, Default)]
pub(crate) struct Keys {
    pub(crate) noise: Vec<u8>,
    pub(crate) identity: Vec<u8>,
    pub(crate) registration_id: u32,
    pub(crate) signed_id: u32,
    pub(crate) signed_public: Vec<u8>,
    pub(crate) signed_signature: Vec<u8>,
    /// Whether the device asked for all of the phone's history.
    pub(crate) full_history: bool,
}

/// A paired device.
pub(crate) struct Device {
    pub(crate) id: u16,
    pub(crate) key_index: u32,
    pub(crate) keys: Keys,
    /// `ADVSignedDeviceIdentity` with the device's signature.
    pub(crate) identity_proof: Vec<u8>,
    /// One-time pre-keys not yet handed out: id and public key.
    pub(crate) one_time: VecDeque<(u32, Vec<u8>)>,
    /// Whether the phone has shared the app-state key.
    pub(crate) app_state_shared: bool,
    pub(crate) outbox: Outbox,
    pub(crate) available: bool,
    /// Simulated here, with its keys in the account's `companions`: it never connects.
    pub(crate) puppet: bool,
    /// Of the network to this device.
    pub(crate) conditions: Arc<Conditions>,
}

impl Device {
    pub(crate) fn new(id: u16, key_index: u32, keys: Keys, identity_proof: Vec<u8>) -> Self {
        Self {
            id,
            key_index,
            keys,
            identity_proof,
            one_time: VecDeque::new(),
            app_state_shared: false,
            outbox: Outbox::default(),
            available: false,
            puppet: false,
            conditions: Arc::default(),
        }
    }

    /// The public bundle; takes one one-time key when there is one.
    pub(crate) fn take_bundle(&mut self) -> Bundle {
        Bundle { one_time: self.one_time.pop_front(), ..self.bundle() }
    }

    /// The public bundle without a one-time key.
    pub(crate) fn bundle(&self) -> Bundle {
        Bundle {
            registration_id: self.keys.registration_id,
            identity: self.keys.identity.clone(),
            signed_id: self.keys.signed_id,
            signed_public: self.keys.signed_public.clone(),
            signed_signature: self.keys.signed_signature.clone(),
            one_time: None,
            device_identity: Some(self.identity_proof.clone()),
        }
    }
}
