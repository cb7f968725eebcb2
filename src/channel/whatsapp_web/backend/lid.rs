//! Which hidden identity (LID) has which phone number. Two kinds of records: the entry by its LID,
//! and the LID by the phone number.

use std::collections::HashMap;

use wacore::store::error::Result;
use wacore::store::traits::LidPnMappingEntry;

use super::keys::{self, LID, PN};
use super::{Backend, delete, from_json, put, to_json};

impl Backend {
    pub(super) async fn by_lid(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.get(LID, &keys::text(lid)).await?.map(|value| from_json(&value)).transpose()
    }

    pub(super) async fn by_phone(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        match self.get(PN, &keys::text(phone)).await? {
            Some(lid) => self.by_lid(&String::from_utf8_lossy(&lid)).await,
            None => Ok(None),
        }
    }

    pub(super) async fn all_lids(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.scan(LID, &[]).await?.into_iter().map(|(_, value)| from_json(&value)).collect()
    }

    /// Stores pairs in their order. A phone number that its LID has left is forgotten, unless it
    /// belongs to another LID by then.
    pub(super) async fn put_lids(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        let _merging = self.merging.lids.lock().await;
        let lids: Vec<_> = entries.iter().map(|entry| keys::text(&entry.lid)).collect();
        let mut phone_of: HashMap<String, String> = HashMap::new();
        for value in self.get_many(LID, &lids).await?.into_iter().flatten() {
            let entry: LidPnMappingEntry = from_json(&value)?;
            phone_of.insert(entry.lid, entry.phone_number);
        }
        let phones: Vec<_> = phone_of.values().cloned().collect();
        let wanted: Vec<_> = phones.iter().map(|phone| keys::text(phone)).collect();
        let found = self.get_many(PN, &wanted).await?;
        let mut lid_of: HashMap<String, Vec<u8>> =
            phones.into_iter().zip(found).filter_map(|(phone, lid)| Some((phone, lid?.into()))).collect();

        let mut changes = Vec::with_capacity(entries.len() * 2);
        let mut news = Vec::new();
        for entry in entries {
            let (lid, phone) = (&entry.lid, &entry.phone_number);
            let old = phone_of.insert(lid.clone(), phone.clone());
            if old.as_ref() != Some(phone) {
                news.push((lid.clone(), phone.clone()));
            }
            if let Some(old) = old
                && old != *phone
                && lid_of.get(&old).is_some_and(|holder| holder == lid.as_bytes())
            {
                lid_of.remove(&old);
                changes.push(delete(PN, keys::text(&old)));
            }
            lid_of.insert(phone.clone(), lid.clone().into_bytes());
            changes.push(put(PN, keys::text(phone), lid.clone().into_bytes()));
            changes.push(put(LID, keys::text(lid), to_json(entry)?));
        }
        self.relaxed(changes).await?;
        if !news.is_empty() {
            (self.on_pairs)(news);
        }
        Ok(())
    }
}
