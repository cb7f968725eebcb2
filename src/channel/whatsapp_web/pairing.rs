//! Linking by a code typed on the phone.

use std::time::Duration;

use async_trait::async_trait;
use whatsapp_rust::pair_code::PairCodeOptions;

use super::connection::Connection;
use crate::channel::{Error, Pairing};

/// How long the socket may take to come up before a code can be asked for.
const SOCKET: Duration = Duration::from_secs(20);

#[async_trait]
impl Pairing for Connection {
    async fn code(&self, phone: &str) -> Result<String, Error> {
        let client = self.client()?;
        client.wait_for_socket(SOCKET).await.map_err(|_| Error::NotConnected)?;
        let options = PairCodeOptions { phone_number: phone.to_owned(), ..PairCodeOptions::default() };
        client.pair_with_code(options).await.map_err(|error| Error::Refused(error.to_string()))
    }
}
