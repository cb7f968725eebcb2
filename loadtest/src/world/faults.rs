//! Failures that the admin interface asked for.

use std::{collections::VecDeque, sync::Mutex};

use serde::{Deserialize, Serialize};

use super::lock;

/// A refusal of logins: `<failure reason="..."/>` instead of `<success/>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginFailure {
    /// Reason code: 401, 402, 403, 405, 429, 500, 503, ...
    pub reason: u16,
    /// Number of logins that fail.
    #[serde(default = "one")]
    pub count: u32,
    /// Only logins of this phone number; any login when absent.
    #[serde(default)]
    pub phone: Option<String>,
    /// Detail code of a ban (reason 402).
    #[serde(default)]
    pub code: Option<u32>,
    /// Length of a ban in seconds (reason 402).
    #[serde(default)]
    pub expire: Option<u64>,
}

fn one() -> u32 {
    1
}

/// Login failures not yet used up.
#[derive(Default)]
pub(crate) struct Faults {
    logins: Mutex<VecDeque<LoginFailure>>,
}

impl Faults {
    /// Adds a failure; a count of zero clears all failures.
    pub(crate) fn add(&self, failure: LoginFailure) {
        let mut logins = lock(&self.logins);
        if failure.count == 0 {
            logins.clear();
        } else {
            logins.push_back(failure);
        }
    }

    /// Takes the failure that applies to a login of `phone`.
    pub(crate) fn take(&self, phone: &str) -> Option<LoginFailure> {
        let mut logins = lock(&self.logins);
        let index =
            logins.iter().position(|fault| fault.phone.as_deref().is_none_or(|wanted| wanted == phone))?;
        let fault = logins.get_mut(index)?;
        fault.count -= 1;
        let taken = fault.clone();
        if taken.count == 0 {
            logins.remove(index);
        }
        Some(taken)
    }
}
