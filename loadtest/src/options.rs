//! Start parameters.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use crate::phone::past::History;

/// How a [`crate::Simulator`] is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the only port (chat, admin and media). Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Allows a `listen` address that is not loopback. The admin interface has no authentication.
    pub allow_remote: bool,
    /// File that keeps accounts, devices, contacts and queues over restarts; `None` keeps them in memory.
    pub state_file: Option<PathBuf>,
    /// Delay in milliseconds of every stanza to a client.
    pub latency_ms: u64,
    /// Largest random addition to `latency_ms`, in milliseconds.
    pub jitter_ms: u64,
    /// Whether the phones (device 0) of paired accounts decrypt and record their copies.
    pub decrypt_phones: bool,
    /// Most stanzas kept for one device that is offline or does not acknowledge; more are dropped and counted.
    pub max_queue: usize,
    /// Most outgoing stanzas waiting in one connection; a client that reads slower is disconnected.
    pub connection_buffer: usize,
    /// Most bytes that the media host keeps; the oldest files go first and are 404 from then on.
    pub max_media_bytes: usize,
    /// Most recent received messages kept per contact.
    pub max_received: usize,
    /// History that devices get when they are linked.
    pub history: Option<History>,
    /// Whether pairing tells the client that its account addresses direct chats by LID.
    pub lid_migrated: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            state_file: None,
            latency_ms: 0,
            jitter_ms: 0,
            decrypt_phones: false,
            max_queue: 100_000,
            connection_buffer: 16_384,
            max_media_bytes: 512 * 1024 * 1024,
            max_received: 1_000,
            history: None,
            lid_migrated: false,
        }
    }
}
