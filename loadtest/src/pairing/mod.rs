//! Linking a client as a companion device: by QR code and by pair code.

pub(crate) mod adv;
pub(crate) mod code;
pub(crate) mod desk;
pub(crate) mod finish;
pub(crate) mod qr;
