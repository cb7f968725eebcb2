//! Owns every outbound connection: the one HTTP [`Client`], the guard on resolved addresses
//! ([`Egress`]), proxies and TLS; must not know who calls, nor what a webhook or a media file is.
//! To add a transport option: a field of [`Options`], applied in `client.rs`.

mod body;
mod client;
mod dial;
mod egress;
mod error;
pub mod proxy;
mod ranges;
mod resolve;
#[cfg(test)]
pub mod tests;
pub mod tls;

pub use body::{Body, Download};
pub use client::{Client, Options, Request, Response, SLOWEST};
pub use dial::{Stream, dial};
pub use egress::{Egress, InvalidRule, Refused};
pub use error::Error;
pub use proxy::{Protocol, Proxy};
pub use reqwest::{Method, StatusCode, header};
pub use resolve::{Lookup, system_lookup};
pub use tls::{Trust, install_crypto};
pub use url::Url;
