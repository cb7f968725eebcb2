//! The phone gives a new companion the key of the app-state collections, without which the client
//! waits 10 s at its first login (whatsapp-rust 0.7.0).

use buffa::MessageField;
use waproto::whatsapp::{
    Message,
    message::{
        AppStateSyncKey, AppStateSyncKeyData, AppStateSyncKeyFingerprint, AppStateSyncKeyId,
        AppStateSyncKeyShare, ProtocolMessage, protocol_message::Type,
    },
};

use super::send;
use crate::{
    clock::unix_millis,
    world::{World, account::Account},
};

/// Shares the key once per device, as a peer message of the phone. Returns whether it was the first time.
pub(crate) fn share(world: &World, account: &Account, device: u16) -> bool {
    {
        let mut state = account.state();
        let Some(device) = state.devices.get_mut(&device) else { return false };
        if std::mem::replace(&mut device.app_state_shared, true) {
            return false;
        }
    }
    repeat(world, account, device);
    true
}

/// Shares the key, again if need be.
pub(crate) fn repeat(world: &World, account: &Account, device: u16) {
    let (key_id, key) = {
        let state = account.state();
        (state.app_state.key_id.clone(), state.app_state.key.clone())
    };
    let message = message(account.raw_id(), key_id, key);
    if let Err(error) = send::peer(world, account, device, &world.message_id(), &message) {
        tracing::warn!(%error, "cannot share the app-state key");
    }
}

fn message(raw_id: u32, key_id: Vec<u8>, key: Vec<u8>) -> Message {
    let key = AppStateSyncKey {
        key_id: MessageField::some(AppStateSyncKeyId { key_id: Some(key_id) }),
        key_data: MessageField::some(AppStateSyncKeyData {
            key_data: Some(key),
            fingerprint: MessageField::some(AppStateSyncKeyFingerprint {
                raw_id: Some(raw_id),
                current_index: Some(0),
                device_indexes: vec![0],
            }),
            timestamp: i64::try_from(unix_millis()).ok(),
        }),
    };
    let protocol = ProtocolMessage {
        r#type: Some(Type::APP_STATE_SYNC_KEY_SHARE),
        app_state_sync_key_share: MessageField::some(AppStateSyncKeyShare { keys: vec![key] }),
        ..Default::default()
    };
    Message { protocol_message: MessageField::some(protocol), ..Default::default() }
}
