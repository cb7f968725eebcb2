//! The server against clients that are broken or hostile, or many: below the level of a real client.

mod broken;
mod client;
mod mutation;
mod scale;

use std::{net::SocketAddr, sync::Arc};

use wacore_libsignal::protocol::KeyPair;

use crate::{
    options::Options,
    world::{
        World,
        account::Account,
        device::{Device, Keys},
    },
};

/// A world without a socket.
fn world() -> Arc<World> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1)).to_string();
    Arc::new(World::new(Options::default(), KeyPair::generate(&mut rand::rng()), address))
}

/// An account with a paired device 1 that logs in with the returned key.
fn paired(world: &World, phone: &str) -> (Arc<Account>, KeyPair) {
    let key = KeyPair::generate(&mut rand::rng());
    let (account, _) = world.directory.ensure(phone, "Somebody").expect("account");
    let signed = KeyPair::generate(&mut rand::rng());
    let keys = Keys {
        noise: key.public_key.public_key_bytes().to_vec(),
        identity: KeyPair::generate(&mut rand::rng()).public_key.public_key_bytes().to_vec(),
        registration_id: 7,
        signed_id: 1,
        signed_public: signed.public_key.public_key_bytes().to_vec(),
        signed_signature: vec![0; 64],
        full_history: false,
    };
    let mut device = Device::new(1, 1, keys, vec![1, 2, 3]);
    device.one_time.push_back((1, signed.public_key.public_key_bytes().to_vec()));
    let mut state = account.state();
    state.devices.insert(1, device);
    state.next_device = 2;
    state.next_key_index = 2;
    drop(state);
    (account, key)
}
