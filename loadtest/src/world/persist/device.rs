//! A companion device in the state file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wacore_binary::{
    marshal::{marshal, unmarshal_ref},
    util::unpack,
};

use super::{StateError, bytes::Base64};
use crate::world::{
    device::{Device, Keys},
    outbox::{Outbox, Pending},
};

/// A device with its keys and unconfirmed stanzas.
#[derive(Serialize, Deserialize)]
pub(super) struct DeviceRecord {
    id: u16,
    key_index: u32,
    noise: Base64,
    identity: Base64,
    registration_id: u32,
    signed_id: u32,
    signed_public: Base64,
    signed_signature: Base64,
    #[serde(default)]
    full_history: bool,
    identity_proof: Base64,
    one_time: Vec<(u32, Base64)>,
    app_state_shared: bool,
    /// Stanzas as binary nodes, oldest first.
    pending: Vec<Base64>,
}

fn text(error: impl ToString) -> StateError {
    StateError::Content(error.to_string())
}

fn restore_pending(bytes: &[u8]) -> Result<Option<Pending>, StateError> {
    let plain = unpack(bytes).map_err(text)?;
    let node = unmarshal_ref(&plain).map_err(text)?.to_owned();
    let class = ["message", "receipt", "notification", "call"].into_iter().find(|class| node.tag == *class);
    let id = node.attrs.get("id").map(|id| id.as_str().into_owned()).unwrap_or_default();
    Ok(class.map(|class| Pending { class, id, node: Arc::new(node) }))
}

impl DeviceRecord {
    pub(super) fn of(device: &Device) -> Result<Self, StateError> {
        let keys = &device.keys;
        Ok(Self {
            id: device.id,
            key_index: device.key_index,
            noise: Base64(keys.noise.clone()),
            identity: Base64(keys.identity.clone()),
            registration_id: keys.registration_id,
            signed_id: keys.signed_id,
            signed_public: Base64(keys.signed_public.clone()),
            signed_signature: Base64(keys.signed_signature.clone()),
            full_history: keys.full_history,
            identity_proof: Base64(device.identity_proof.clone()),
            one_time: device.one_time.iter().map(|(id, key)| (*id, Base64(key.clone()))).collect(),
            app_state_shared: device.app_state_shared,
            pending: device
                .outbox
                .pending
                .iter()
                .map(|pending| marshal(&pending.node).map(Base64).map_err(text))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn restore(self) -> Result<Device, StateError> {
        let keys = Keys {
            noise: self.noise.0,
            identity: self.identity.0,
            registration_id: self.registration_id,
            signed_id: self.signed_id,
            signed_public: self.signed_public.0,
            signed_signature: self.signed_signature.0,
            full_history: self.full_history,
        };
        let mut pending = std::collections::VecDeque::new();
        for bytes in self.pending {
            pending.extend(restore_pending(&bytes.0)?);
        }
        Ok(Device {
            one_time: self.one_time.into_iter().map(|(id, key)| (id, key.0)).collect(),
            app_state_shared: self.app_state_shared,
            outbox: Outbox { pending, ..Outbox::default() },
            ..Device::new(self.id, self.key_index, keys, self.identity_proof.0)
        })
    }
}
