//! The state file: JSON, replaced atomically.
//!
//! It holds what clients would miss after a restart: the server's static key (a client caches it for
//! Noise IK), accounts, devices, Signal sessions of phones, app state, unconfirmed stanzas, groups and
//! newsletters. Not kept: media, presence subscriptions, message secrets, and the sent messages with which
//! contacts answer retry receipts.

mod account;
mod app_state;
mod bytes;
mod device;

use std::{
    fs, io,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};
use wacore_libsignal::protocol::{CurveError, KeyPair, PrivateKey, SignalProtocolError};

use self::{account::AccountRecord, bytes::Base64};
use super::{
    World,
    account::path as account_path,
    groups::{Group, Info},
    lock,
    newsletters::Newsletter,
};
use crate::options::Options;

/// Version of the file's layout.
const VERSION: u32 = 1;

/// Failure of the state file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading, writing or renaming failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not JSON of the expected shape.
    #[error("content: {0}")]
    Json(#[from] serde_json::Error),
    /// A key or session in the file is not valid.
    #[error("content: {0}")]
    Content(String),
}

impl From<SignalProtocolError> for StateError {
    fn from(error: SignalProtocolError) -> Self {
        Self::Content(error.to_string())
    }
}

impl From<CurveError> for StateError {
    fn from(error: CurveError) -> Self {
        Self::Content(error.to_string())
    }
}

#[derive(Serialize, Deserialize)]
struct StateFile {
    version: u32,
    server_key: Base64,
    accounts: Vec<AccountRecord>,
    groups: Vec<GroupRecord>,
    /// Push names and the numbers that registrations with them get.
    names: Vec<(String, String)>,
    existence: Vec<(String, bool)>,
    group_pictures: Vec<(String, String)>,
    /// Pictures of groups by path.
    #[serde(default)]
    pictures: Vec<(String, Base64)>,
    #[serde(default)]
    newsletters: Vec<Newsletter>,
}

#[derive(Serialize, Deserialize)]
struct GroupRecord {
    id: String,
    info: Info,
}

/// The world in the state file, or a new one when there is no file yet.
pub(crate) fn load(options: Options, addr: SocketAddr) -> Result<World, StateError> {
    let content = match options.state_file.as_deref().map(fs::read) {
        None => None,
        Some(Ok(content)) => Some(content),
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Some(Err(error)) => return Err(error.into()),
    };
    let Some(content) = content else {
        return Ok(World::new(options, KeyPair::generate(&mut rand::rng()), addr.to_string()));
    };
    let file: StateFile = serde_json::from_slice(&content)?;
    if file.version != VERSION {
        return Err(StateError::Content(format!("version {}", file.version)));
    }
    let private = PrivateKey::deserialize(&file.server_key.0)?;
    let world = World::new(options, KeyPair::new(private.public_key()?, private), addr.to_string());
    for account in file.accounts {
        let account = account.restore()?;
        if let Some(picture) = &account.state().picture {
            world.media.put(picture.path(), picture.jpeg.clone().into());
        }
        world.directory.restore(Arc::new(account));
    }
    for group in file.groups {
        world.groups.insert(group.id.clone(), Arc::new(Group::new(group.id, group.info)));
    }
    for (name, phone) in file.names {
        world.directory.bind_name(name, phone);
    }
    for (phone, exists) in file.existence {
        world.directory.set_exists(&phone, exists);
    }
    for (path, jpeg) in file.pictures {
        world.media.put(path, jpeg.0.into());
    }
    for (group, picture) in file.group_pictures {
        world.group_pictures.insert(group, picture);
    }
    world.newsletters.lock().extend(file.newsletters.into_iter().map(|found| (found.id.clone(), found)));
    Ok(world)
}

/// Writes the state file, if there is one. Concurrent calls wait for each other.
pub(crate) fn save(world: &World) -> Result<(), StateError> {
    static WRITER: Mutex<()> = Mutex::new(());
    let Some(path) = world.options.state_file.as_deref() else { return Ok(()) };
    let _writer = lock(&WRITER);
    let accounts = world.directory.all();
    let pictures = world.group_pictures.iter().filter_map(|entry| {
        let path = account_path(entry.value());
        Some((path.clone(), Base64(world.media.get(&path).ok()?.to_vec())))
    });
    let pictures = pictures.collect();
    let file = StateFile {
        version: VERSION,
        server_key: Base64(world.server_key.private_key.serialize().to_vec()),
        accounts: accounts.iter().map(|account| AccountRecord::of(account)).collect::<Result<_, _>>()?,
        groups: world
            .groups
            .iter()
            .map(|group| GroupRecord { id: group.id.clone(), info: group.info().clone() })
            .collect(),
        names: world.directory.names(),
        existence: world.directory.existence(),
        newsletters: world.newsletters.lock().values().cloned().collect(),
        group_pictures: world
            .group_pictures
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().clone()))
            .collect(),
        pictures,
    };
    Ok(replace(path, &serde_json::to_vec(&file)?)?)
}

/// Writes beside the file and renames, so that a crash leaves the old or the new content.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut file = fs::File::create(&name)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&name, path)
}
