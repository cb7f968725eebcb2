//! Errors of the library.

use std::{io, net::SocketAddr};

/// What can fail when the simulator starts or when an operation is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not a loopback address and [`crate::Options::allow_remote`] is off.
    #[error(
        "refusing to listen on {0}: the admin interface has no authentication (allow remote access to override)"
    )]
    RemoteAddress(SocketAddr),
    /// The address could not be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why binding failed.
        source: io::Error,
    },
    /// The state file could not be read or written.
    #[error("state file: {0}")]
    State(#[from] crate::world::persist::StateError),
    /// No such account, device, contact, group or pairing.
    #[error("not found: {0}")]
    NotFound(String),
    /// The request makes no sense.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// A Signal or Noise operation failed.
    #[error("cryptography: {0}")]
    Crypto(String),
}

/// Result of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<wacore_libsignal::protocol::SignalProtocolError> for Error {
    fn from(error: wacore_libsignal::protocol::SignalProtocolError) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl From<wacore_libsignal::protocol::CurveError> for Error {
    fn from(error: wacore_libsignal::protocol::CurveError) -> Self {
        Self::Crypto(error.to_string())
    }
}
