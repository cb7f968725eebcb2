//! Signed device identities (whatsapp-rust 0.7.0, `wacore::pair` and `wacore::adv`).

use buffa::Message as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wacore_libsignal::protocol::IdentityKeyPair;
use waproto::whatsapp::{
    ADVDeviceIdentity, ADVKeyIndexList, ADVSignedDeviceIdentity, ADVSignedDeviceIdentityHMAC,
    ADVSignedKeyIndexList,
};

use crate::{clock::unix_seconds, error::Result, world::account::Account};

/// Prefix of what the account signs for a device.
const ACCOUNT_SIGNATURE: &[u8] = &[6, 0];
/// Prefix of what the account signs for its list of key indexes.
const KEY_INDEX_SIGNATURE: &[u8] = &[6, 2];

/// Prefix of what a device signs for itself.
const DEVICE_SIGNATURE: &[u8] = &[6, 1];

/// The signed device identity of a companion that is simulated here.
pub(crate) fn companion(account: &Account, key_index: u32, device: &IdentityKeyPair) -> Result<Vec<u8>> {
    let identity = device.public_key().public_key_bytes();
    let details = details(account, key_index);
    let account_key = account.identity();
    let device_signature = device.private_key().calculate_signature_for_multipart_message(
        &[DEVICE_SIGNATURE, &details, identity, &account_key],
        &mut rand::rng(),
    )?;
    Ok(ADVSignedDeviceIdentity {
        account_signature: Some(account.sign(&[ACCOUNT_SIGNATURE, &details, identity])?),
        account_signature_key: Some(account_key),
        device_signature: Some(device_signature.to_vec()),
        details: Some(details),
    }
    .encode_to_vec())
}

fn details(account: &Account, key_index: u32) -> Vec<u8> {
    ADVDeviceIdentity {
        raw_id: Some(account.raw_id()),
        timestamp: Some(unix_seconds()),
        key_index: Some(key_index),
        ..Default::default()
    }
    .encode_to_vec()
}

/// The device identity that `pair-success` carries, authenticated with the secret of the QR or pair code.
pub(crate) fn identity(account: &Account, key_index: u32, identity: &[u8], secret: &[u8]) -> Result<Vec<u8>> {
    let details = details(account, key_index);
    let signature = account.sign(&[ACCOUNT_SIGNATURE, &details, identity])?;
    let signed = ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(account.identity()),
        account_signature: Some(signature),
        ..Default::default()
    }
    .encode_to_vec();
    let mut hmac =
        Hmac::<Sha256>::new_from_slice(secret).map_err(|error| crate::Error::Crypto(error.to_string()))?;
    hmac.update(&signed);
    Ok(ADVSignedDeviceIdentityHMAC {
        hmac: Some(hmac.finalize().into_bytes().to_vec()),
        details: Some(signed),
        ..Default::default()
    }
    .encode_to_vec())
}

/// The signed list of valid key indexes that device lists carry.
pub(crate) fn key_index_list(account: &Account, indexes: &[u32]) -> Result<Vec<u8>> {
    let details = ADVKeyIndexList {
        raw_id: Some(account.raw_id()),
        timestamp: Some(unix_seconds()),
        current_index: Some(indexes.iter().copied().max().unwrap_or(0)),
        valid_indexes: [&[0], indexes].concat(),
        ..Default::default()
    }
    .encode_to_vec();
    let signature = account.sign(&[KEY_INDEX_SIGNATURE, &details])?;
    Ok(ADVSignedKeyIndexList {
        details: Some(details),
        account_signature: Some(signature),
        account_signature_key: Some(account.identity()),
    }
    .encode_to_vec())
}
