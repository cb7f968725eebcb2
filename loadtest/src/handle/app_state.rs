//! The app state of an account, as its phone sees and changes it.

use serde::Serialize;
use serde_json::Value;
use wacore::appstate::schemas::COLLECTIONS;

use super::Handle;
use crate::{
    error::{Error, Result},
    phone::settings::{self, Change},
    relay::sync,
};

/// A record of an account's app state.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRecord {
    /// The collection that it is in.
    pub collection: String,
    /// What it is about: the name of the action, then its arguments.
    pub index: Vec<String>,
    /// Its value: the protobuf message `SyncActionValue` without absent fields.
    pub value: Value,
}

impl Handle {
    /// Changes a setting on an account's phone; all its devices learn of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn change(&self, phone: &str, change: &Change) -> Result<()> {
        let account = self.account(phone)?;
        settings::apply(&self.world, &account, change);
        Ok(())
    }

    /// Tells all devices of an account the versions of all collections once more. A client that is just
    /// reading a collection ignores what it is told about it, and may miss a change until the next time
    /// (whatsapp-rust 0.7.0).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn announce_app_state(&self, phone: &str) -> Result<()> {
        let account = self.account(phone)?;
        let versions: Vec<(String, u64)> = {
            let state = account.state();
            let collections = state.app_state.collections.iter();
            collections.map(|(name, collection)| (name.clone(), collection.now.version)).collect()
        };
        for (name, version) in versions {
            sync::notify(&self.world, &account, None, &name, version);
        }
        Ok(())
    }

    /// All records of an account's app state, by collection, whoever wrote them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account, [`Error::Invalid`] when a value is no JSON.
    pub fn app_state(&self, phone: &str) -> Result<Vec<StateRecord>> {
        let account = self.account(phone)?;
        let state = account.state();
        let mut records = Vec::new();
        for collection in COLLECTIONS {
            for record in state.app_state.decoded(collection.as_str()) {
                let mut value = serde_json::to_value(&record.action_value)
                    .map_err(|error| Error::Invalid(error.to_string()))?;
                prune(&mut value);
                records.push(StateRecord {
                    collection: collection.as_str().to_owned(),
                    index: record.index,
                    value,
                });
            }
        }
        Ok(records)
    }
}

/// Drops absent fields.
fn prune(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| !field.is_null());
        fields.values_mut().for_each(prune);
    }
}
