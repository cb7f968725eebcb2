//! The phone uploads a file again when a device could not download it (whatsapp-rust 0.7.0,
//! `wacore::media_retry`): for messages and for blobs of the history.

use buffa::Message as _;
use wacore::{crypto::hkdf_sha256_into, media_retry::decrypt_media_retry_notification as open_receipt};
use wacore_binary::{Node, NodeRef};
use wacore_libsignal::crypto::aes_256_gcm_encrypt;
use waproto::whatsapp::{MediaRetryNotification, media_retry_notification::ResultType};

use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    relay::deliver,
    session::device::Session,
    wire::nodes::{child_bytes, el, leaf, text},
    world::ledger::Entry,
};

/// `error` codes of the notification.
const NOT_FOUND: u16 = 2;
const DECRYPTION_ERROR: u16 = 3;

const KEY_INFO: &[u8] = b"WhatsApp Media Retry Notification";

/// Answers a receipt of type `server-error` to the device that sent it.
pub(crate) fn answer(session: &Session, receipt: &NodeRef<'_>) {
    let id = text(receipt, "id").unwrap_or_default().into_owned();
    let mut children = match upload(session, &id, receipt) {
        Ok(sealed) => vec![sealed],
        Err(code) => vec![el("error").attr("code", code).build()],
    };
    children.extend(receipt.get_optional_child("rmr").map(NodeRef::to_owned));
    let node = el("notification")
        .attr("from", session.account.pn())
        .attr("type", "mediaretry")
        .attr("id", &id)
        .attr("t", unix_seconds())
        .children(children)
        .build();
    deliver::to_device(&session.world, &session.account, session.device, node);
}

/// The sealed new path, or the code of the refusal.
fn upload(session: &Session, id: &str, receipt: &NodeRef<'_>) -> Result<Node, u16> {
    let entry = session.world.ledger.find(id).ok_or(NOT_FOUND)?;
    let encrypted = receipt.get_optional_child("encrypt").ok_or(DECRYPTION_ERROR)?;
    let (sealed, iv) = (child_bytes(encrypted, "enc_p"), child_bytes(encrypted, "enc_iv"));
    open_receipt(&entry.key, id, &iv, &sealed).map_err(|_| DECRYPTION_ERROR)?;
    let path = session.world.media.again(&entry.path).ok_or(NOT_FOUND)?;
    session.world.ledger.remember(id, Entry { path: path.clone(), key: entry.key.clone() });
    seal(&entry.key, id, path).map_err(|_| DECRYPTION_ERROR)
}

fn seal(media_key: &[u8], id: &str, path: String) -> Result<Node> {
    let notification = MediaRetryNotification {
        stanza_id: Some(id.to_owned()),
        direct_path: Some(path),
        result: Some(ResultType::SUCCESS),
        ..Default::default()
    };
    let mut key = [0; 32];
    hkdf_sha256_into(media_key, None, KEY_INFO, &mut key)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    let iv = rand::random::<[u8; 12]>();
    let mut sealed = Vec::new();
    aes_256_gcm_encrypt(&key, &iv, id.as_bytes(), &notification.encode_to_vec(), &mut sealed)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    Ok(el("encrypt").children([leaf("enc_p", sealed), leaf("enc_iv", iv)]).build())
}
