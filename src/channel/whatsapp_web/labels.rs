//! Labels: written as app state.

use async_trait::async_trait;

use super::address::to_wire;
use super::connection::Connection;
use crate::channel::{Error, Labels};
use crate::domain::Jid;

#[async_trait]
impl Labels for Connection {
    async fn edit(&self, label_id: &str, name: &str, color: i32) -> Result<(), Error> {
        self.shared(self.client()?.labels().create_label(label_id, name, color)).await
    }

    async fn delete(&self, label_id: &str) -> Result<(), Error> {
        self.shared(self.client()?.labels().delete_label(label_id)).await
    }

    async fn put(&self, label_id: &str, chat: &Jid, labeled: bool) -> Result<(), Error> {
        let (client, chat) = (self.client()?, to_wire(chat)?);
        let labels = client.labels();
        if labeled {
            self.shared(labels.add_chat_label(label_id, &chat)).await
        } else {
            self.shared(labels.remove_chat_label(label_id, &chat)).await
        }
    }
}
