//! Bytes on the chat socket: Noise handshake, frames, binary nodes.

pub(crate) mod certificate;
pub(crate) mod channel;
pub(crate) mod handshake;
pub(crate) mod nodes;
