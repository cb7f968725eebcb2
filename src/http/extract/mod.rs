//! Owns what a handler may ask of a request: who calls, on which instance, and a valid body; must
//! not know what is done with it. To add an extractor: one file, and an argument of the handler
//! that needs it. Principals come first among the arguments: the first refusal is the answer.

mod idempotency;
mod instance;
mod key;
mod parameters;
mod query;
mod upload;
mod valid;

pub use idempotency::IdempotencyKey;
pub(super) use instance::Charged;
pub use instance::LocalInstance;
pub use key::{AnyKey, GlobalKey, PeerKey};
pub(super) use key::{presented, state};
pub use parameters::Parameters;
pub use query::Query;
pub use upload::{FILE, Upload};
pub use valid::{Input, Valid};
