//! The phone (device 0) of an account: its identity, its Signal sessions and what it does with messages.
//!
//! A *contact* is an account whose phone is active and that has no companion devices.

pub(crate) mod agent;
pub(crate) mod attach;
pub(crate) mod broadcast;
pub(crate) mod call;
pub(crate) mod companion;
pub(crate) mod compose;
pub(crate) mod content;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod keyshare;
pub(crate) mod kinds;
pub(crate) mod past;
pub(crate) mod peer;
pub(crate) mod publish;
pub(crate) mod receive;
pub(crate) mod recognise;
pub(crate) mod retry;
pub(crate) mod reupload;
pub(crate) mod secrets;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod signal;
pub(crate) mod stores;
