//! Pairing by an eight-character code (whatsapp-rust 0.7.0, `wacore::pair_code`).

use std::sync::Arc;

use wacore::{crypto::hkdf_sha256_into, pair_code::PairCodeUtils};
use wacore_binary::{Node, NodeRef};
use wacore_libsignal::{
    crypto::aes_256_gcm_decrypt,
    protocol::{KeyPair, PrivateKey, PublicKey},
};

use super::{
    desk::{CodeRequest, Slot},
    qr::{Paired, accept, digits},
};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    wire::nodes::{SERVER, child_bytes, el, error, leaf, result, text},
    world::World,
};

const STAGE: &str = "link_code_companion_reg";

/// Handles an IQ of the pair-code flow and returns its answer.
pub(crate) fn handle(world: &World, slot: &Arc<Slot>, request: &NodeRef<'_>) -> Node {
    let Some(stage) = request.get_optional_child(STAGE) else { return error(request, 400, "bad-request") };
    match text(stage, "stage").as_deref() {
        Some("companion_hello") => hello(world, slot, request, stage),
        Some("companion_finish") => match finish(world, slot, stage) {
            Ok(_) => result(request).build(),
            Err(cause) => {
                tracing::warn!(%cause, "pair code: finish refused");
                error(request, 400, "bad-request")
            }
        },
        _ => error(request, 400, "bad-request"),
    }
}

fn hello(world: &World, slot: &Arc<Slot>, request: &NodeRef<'_>, stage: &NodeRef<'_>) -> Node {
    let Some(phone) = crate::wire::nodes::jid(stage, "jid").map(|jid| jid.user.to_string()) else {
        return error(request, 400, "bad-request");
    };
    let reference = rand::random::<[u8; 16]>().to_vec();
    slot.progress().code = Some(CodeRequest {
        phone: phone.clone(),
        reference: reference.clone(),
        wrapped: child_bytes(stage, "link_code_pairing_wrapped_companion_ephemeral_pub"),
        exchange: None,
    });
    world.desk.codes.insert(phone, slot.clone());
    result(request).children([el(STAGE).children([leaf("link_code_pairing_ref", reference)]).build()]).build()
}

/// The user types the code of a client into the phone `phone`. Costs one key derivation of tens of milliseconds.
pub(crate) fn enter(world: &World, phone: &str, code: &str) -> Result<Paired> {
    let phone = digits(phone)?;
    let code = code.replace('-', "").to_ascii_uppercase();
    let slot = world.desk.codes.get(&phone).map(|slot| slot.value().clone());
    let slot = slot.ok_or_else(|| Error::NotFound(format!("no client asked for a code for {phone}")))?;
    let request = slot.progress().code.clone();
    let request = request.ok_or_else(|| Error::NotFound("code request".into()))?;
    let client = PairCodeUtils::decrypt_primary_ephemeral_pub(&request.wrapped, &code)
        .map_err(|cause| Error::Invalid(cause.to_string()))?;
    let (account, _) = world.directory.ensure(&phone, slot.push_name.as_deref().unwrap_or_default())?;
    let ephemeral = KeyPair::generate(&mut rand::rng());
    let public: [u8; 32] = fixed(ephemeral.public_key.public_key_bytes())?;
    let wrapped = PairCodeUtils::encrypt_ephemeral_pub(&public, &code);
    if let Some(code) = &mut slot.progress().code {
        code.exchange = Some((*ephemeral.private_key.serialize(), client));
    }
    let hello = el(STAGE)
        .attr("stage", "primary_hello")
        .children([
            leaf("link_code_pairing_wrapped_primary_ephemeral_pub", wrapped.to_vec()),
            leaf("primary_identity_pub", account.identity()),
            leaf("link_code_pairing_ref", request.reference),
        ])
        .build();
    let node = el("notification")
        .attr("from", SERVER)
        .attr("type", STAGE)
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([hello])
        .build();
    slot.link.send(vec![Arc::new(node)], world.latency.due());
    let device = account.state().next_device;
    let (jid, lid) = (account.pn().with_device(device), account.lid().with_device(device));
    Ok(Paired { phone, jid: jid.to_string(), lid: lid.to_string(), device })
}

/// Opens the client's key bundle, derives the secret and accepts the client.
fn finish(world: &World, slot: &Arc<Slot>, stage: &NodeRef<'_>) -> Result<Paired> {
    let request = slot.progress().code.take().ok_or_else(|| Error::NotFound("code request".into()))?;
    let (private, client) = request.exchange.ok_or_else(|| Error::Invalid("no code entered yet".into()))?;
    let account =
        world.directory.phone(&request.phone).ok_or_else(|| Error::NotFound(request.phone.clone()))?;
    let shared = PrivateKey::deserialize(&private)?
        .calculate_agreement(&PublicKey::from_djb_public_key_bytes(&client)?)?;
    let bundle = open_bundle(&shared, &child_bytes(stage, "link_code_pairing_wrapped_key_bundle"))?;
    let companion = bundle.get(..32).unwrap_or_default();
    if companion != slot.keys.identity {
        return Err(Error::Invalid("identity differs from the registration".into()));
    }
    let identity_shared = account
        .signal()
        .identity
        .keys
        .private_key()
        .calculate_agreement(&PublicKey::from_djb_public_key_bytes(companion)?)?;
    let material = [&shared[..], &identity_shared[..], bundle.get(64..96).unwrap_or_default()].concat();
    let mut secret = [0; 32];
    hkdf_sha256_into(&material, None, b"adv_secret", &mut secret)
        .map_err(|cause| Error::Crypto(cause.to_string()))?;
    world.desk.codes.remove(&request.phone);
    accept(world, slot, &account, &secret)
}

fn open_bundle(shared: &[u8], wrapped: &[u8]) -> Result<Vec<u8>> {
    let (salt, rest) = wrapped.split_at_checked(32).ok_or_else(|| Error::Invalid("key bundle".into()))?;
    let (iv, sealed) = rest.split_at_checked(12).ok_or_else(|| Error::Invalid("key bundle".into()))?;
    let mut key = [0; 32];
    hkdf_sha256_into(shared, Some(salt), b"link_code_pairing_key_bundle_encryption_key", &mut key)
        .map_err(|cause| Error::Crypto(cause.to_string()))?;
    let mut bundle = Vec::new();
    aes_256_gcm_decrypt(&key, &fixed(iv)?, b"", sealed, &mut bundle)
        .map_err(|cause| Error::Crypto(cause.to_string()))?;
    Ok(bundle)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::Invalid("length of a key".into()))
}
