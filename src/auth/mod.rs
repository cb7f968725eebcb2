//! Owns who a caller is and what that allows: keys, their hashes and the rule over instances.
//! Must not know HTTP, nor where instances are kept. To add a kind of caller: a variant of
//! [`Principal`] and its line in [`over_instance`].

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::InstanceId;

/// SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// Hashes a presented key, once per request: hashes are compared, never the keys.
#[must_use]
pub fn hash(key: &[u8]) -> KeyHash {
    Sha256::digest(key).into()
}

/// Whether two texts are the same, in a time that says nothing about where they differ.
#[must_use]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    hash(left).ct_eq(&hash(right)).into()
}

/// Whether two hashes are the same, in constant time.
#[must_use]
pub fn same_hash(left: &KeyHash, right: &KeyHash) -> bool {
    left.ct_eq(right).into()
}

/// Who a caller is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Principal {
    /// The holder of the global key: everything.
    Global,
    /// The holder of one instance's token: that instance.
    Instance(InstanceId),
}

/// The keys that are no instance's.
#[derive(Clone)]
pub struct Keys {
    global: KeyHash,
}

impl Keys {
    /// Keeps the hash of the global key, not the key.
    #[must_use]
    pub fn new(global: &str) -> Self {
        Self { global: hash(global.as_bytes()) }
    }

    /// Whether this is the hash of the global key.
    #[must_use]
    pub fn is_global(&self, presented: &KeyHash) -> bool {
        self.global.ct_eq(presented).into()
    }
}

/// Why a caller is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// No key, or a key that nobody has.
    Unauthorized,
    /// A key of something else.
    Forbidden,
    /// Allowed, but there is no such instance.
    Absent,
}

/// Whether a caller may use the instance that a request names. The key is judged before existence:
/// only the global key learns that something does not exist.
///
/// # Errors
/// [`Denied`] says why not.
pub fn over_instance(
    caller: Option<Principal>,
    named: Option<InstanceId>,
) -> Result<(Principal, InstanceId), Denied> {
    match (caller, named) {
        (None, _) => Err(Denied::Unauthorized),
        (Some(Principal::Instance(own)), named) if named != Some(own) => Err(Denied::Forbidden),
        (Some(_), None) => Err(Denied::Absent),
        (Some(principal), Some(id)) => Ok((principal, id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_judged_before_existence() {
        let (own, other) = (InstanceId::random(), InstanceId::random());
        for named in [None, Some(own), Some(other)] {
            assert_eq!(over_instance(None, named), Err(Denied::Unauthorized));
        }
        let token = Principal::Instance(own);
        assert_eq!(over_instance(Some(token), Some(own)), Ok((token, own)));
        assert_eq!(over_instance(Some(token), Some(other)), Err(Denied::Forbidden));
        assert_eq!(over_instance(Some(token), None), Err(Denied::Forbidden));
        assert_eq!(over_instance(Some(Principal::Global), None), Err(Denied::Absent));
        assert_eq!(over_instance(Some(Principal::Global), Some(own)), Ok((Principal::Global, own)));
    }

    #[test]
    fn the_global_key_is_known_by_its_hash() {
        let keys = Keys::new("a-long-global-key");
        assert!(keys.is_global(&hash(b"a-long-global-key")));
        assert!(!keys.is_global(&hash(b"a-long-global-kez")));
        assert!(same(b"a", b"a") && !same(b"a", b"ab"));
    }
}
