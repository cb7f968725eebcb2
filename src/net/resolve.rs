//! Names to addresses, through the guard.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Egress, Refused};

/// Looks up a host name; the ports of the answer do not matter.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's resolver.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }))
}

/// Resolves and refuses the whole name when *any* of its addresses is refused: a name that mixes
/// public and inner addresses is an attack, and which one gets connected is not ours to say.
pub(super) struct Guarded {
    pub(super) lookup: Lookup,
    pub(super) egress: Egress,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, egress) = (Arc::clone(&self.lookup), self.egress.clone());
        Box::pin(async move {
            let addresses = lookup(name.as_str().to_owned()).await?;
            check_all(&egress, name.as_str(), &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

pub(super) fn check_all(egress: &Egress, host: &str, addresses: &[SocketAddr]) -> Result<(), Refused> {
    addresses.iter().try_for_each(|address| egress.check(host, address.ip()))
}
