//! The device: the account's identity and its long-lived keys, one durable record.

use async_trait::async_trait;
use wacore::store::Device;
use wacore::store::error::Result;
use wacore::store::traits::DeviceStore;

use super::keys::DEVICE;
use super::{Backend, from_json, put, to_json};

/// An instance has one device.
const ONLY: &[u8] = b"0";

#[async_trait]
impl DeviceStore for Backend {
    async fn save(&self, device: &Device) -> Result<()> {
        self.durable(vec![put(DEVICE, ONLY.to_vec(), to_json(device)?)]).await
    }

    async fn load(&self) -> Result<Option<Device>> {
        self.get(DEVICE, ONLY).await?.map(|value| from_json(&value)).transpose()
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.get(DEVICE, ONLY).await?.is_some())
    }

    async fn create(&self) -> Result<i32> {
        if !self.exists().await? {
            self.save(&Device::new()).await?;
        }
        Ok(1)
    }
}
