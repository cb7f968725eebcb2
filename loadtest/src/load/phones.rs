//! The simulated WhatsApp: in this process, or another one by its admin interface.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::api::{Call, Endpoint};
use super::client::{Client, Servers};
use super::kinds::Kind;
use crate::sequence::StreamCheck;
use crate::{Behaviour, Handle, History, NewContact, Outages, Send};

/// Operates the phones of a simulator.
#[derive(Clone)]
pub enum Phones {
    /// One in this process.
    Here {
        /// Its operations.
        handle: Handle,
        /// Its chat socket.
        chat_url: String,
    },
    /// Another process.
    There(Arc<Remote>),
}

/// The admin interface of a simulator.
pub struct Remote {
    endpoint: Endpoint,
    servers: Servers,
    idle: Mutex<Vec<Client>>,
}

impl Remote {
    async fn call(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut client = idle.unwrap_or_else(|| Client::new(self.servers.clone(), 0));
        let answer = client.call(Call { method, path, key: "", idempotency_key: "", body }).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(answer)
    }
}

impl Phones {
    /// A simulator in another process.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn there(endpoint: Endpoint) -> anyhow::Result<Self> {
        let servers = std::iter::once(endpoint.clone()).collect();
        let remote = Remote { endpoint: endpoint.clone(), servers, idle: Mutex::default() };
        let stats = remote.call("GET", "/admin/stats", "").await;
        stats
            .with_context(|| format!("the simulator's admin interface at {endpoint}/admin does not work"))?;
        Ok(Self::There(Arc::new(remote)))
    }

    /// URL of the chat socket.
    pub fn chat_url(&self) -> String {
        match self {
            Self::Here { chat_url, .. } => chat_url.clone(),
            Self::There(remote) => format!("ws://{}/ws/chat", remote.endpoint.authority()),
        }
    }

    /// A phone scans a QR; answers its number.
    ///
    /// # Errors
    /// When nobody shows this code, or not any more.
    pub async fn scan(&self, code: &str) -> anyhow::Result<String> {
        match self {
            Self::Here { handle, .. } => Ok(handle.scan_qr(code, None).await?.phone),
            Self::There(remote) => {
                let paired = remote.call("POST", "/admin/mock-phone/scan-qr", code).await?;
                text(&paired["phone"], "phone")
            }
        }
    }

    /// What phones hand over to devices that are linked from now on.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn set_history(&self, history: Option<&History>) -> anyhow::Result<()> {
        match self {
            Self::Here { handle, .. } => handle.set_history(history.cloned()),
            Self::There(remote) => {
                remote.call("POST", "/admin/history", &serde_json::to_string(&history)?).await?;
            }
        }
        Ok(())
    }

    /// Creates a contact; answers its number.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn contact(&self) -> anyhow::Result<String> {
        match self {
            Self::Here { handle, .. } => {
                let behaviour = Behaviour { auto_receipt: false, ..Behaviour::default() };
                Ok(handle.create_contact(NewContact { behaviour, ..NewContact::default() })?.phone)
            }
            Self::There(remote) => {
                let body = json!({"autoReceipt": false}).to_string();
                text(&remote.call("POST", "/admin/contacts", &body).await?["phone"], "phone")
            }
        }
    }

    /// A contact writes a message that says `words`.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn write(&self, from: &str, to: &str, kind: Kind, words: String) -> anyhow::Result<()> {
        match self {
            // The same as below without the detour, which most messages need not take.
            Self::Here { handle, .. } if kind == Kind::Text => {
                handle.send(from, Send { to: to.to_owned(), text: words, ..Send::default() }).await?;
            }
            Self::Here { handle, .. } => {
                handle.compose(from, serde_json::from_value(kind.order(to, &words))?).await?;
            }
            Self::There(remote) => {
                let path = format!("/admin/contacts/{from}/compose");
                remote.call("POST", &path, &kind.order(to, &words).to_string()).await?;
            }
        }
        Ok(())
    }

    /// Numbers of the accounts that have a device that is connected and has logged in.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn online(&self) -> anyhow::Result<HashSet<String>> {
        match self {
            Self::Here { handle, .. } => {
                let accounts = handle.accounts().into_iter();
                let online =
                    accounts.filter(|one| one.devices.iter().any(|device| device.online && device.live));
                Ok(online.map(|account| account.phone).collect())
            }
            Self::There(remote) => {
                let accounts = remote.call("GET", "/admin/accounts", "").await?;
                let is_live = |device: &Value| device["online"] == true && device["live"] == true;
                let all = accounts.as_array().map(Vec::as_slice).unwrap_or_default();
                let online = all
                    .iter()
                    .filter(|one| one["devices"].as_array().is_some_and(|all| all.iter().any(is_live)));
                Ok(online.filter_map(|account| account["phone"].as_str().map(str::to_owned)).collect())
            }
        }
    }

    /// How long devices were without a connection, apart from the first `after` times.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn outages(&self, after: u64) -> anyhow::Result<Outages> {
        match self {
            Self::Here { handle, .. } => Ok(handle.outages(after)),
            Self::There(remote) => {
                let told = remote.call("GET", &format!("/admin/outages?after={after}"), "").await?;
                Ok(serde_json::from_value(told)?)
            }
        }
    }

    /// How often a device connected that had a connection still.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn replaced(&self) -> anyhow::Result<u64> {
        match self {
            Self::Here { handle, .. } => Ok(handle.stats().replaced),
            Self::There(remote) => {
                let stats = remote.call("GET", "/admin/stats", "").await?;
                stats["replaced"].as_u64().context("the simulator does not count replaced connections")
            }
        }
    }

    /// How many stanzas are kept until a device confirms them.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn pending(&self) -> anyhow::Result<u64> {
        match self {
            Self::Here { handle, .. } => Ok(handle.stats().pending),
            Self::There(remote) => {
                let stats = remote.call("GET", "/admin/stats", "").await?;
                stats["pending"].as_u64().context("the simulator does not count what it keeps")
            }
        }
    }

    /// Cuts all connections; answers how many there were.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn drop_all(&self) -> anyhow::Result<u64> {
        match self {
            Self::Here { handle, .. } => Ok(handle.drop_all() as u64),
            Self::There(remote) => {
                let told = remote.call("POST", "/admin/devices/drop-all", "").await?;
                told["dropped"].as_u64().context("the simulator tells no number")
            }
        }
    }

    /// What contacts received of the streams of a run.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn sequences(&self, run: u32) -> anyhow::Result<Vec<StreamCheck>> {
        match self {
            Self::Here { handle, .. } => Ok(handle.sequences(run)),
            Self::There(remote) => {
                let told = remote.call("GET", &format!("/admin/sequences?run={run}"), "").await?;
                Ok(serde_json::from_value(told)?)
            }
        }
    }
}

fn text(value: &Value, what: &str) -> anyhow::Result<String> {
    let text = value.as_str().unwrap_or_default();
    ensure!(!text.is_empty(), "the simulator tells no {what}");
    Ok(text.to_owned())
}
