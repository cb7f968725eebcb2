//! This node's part in the cluster: alone without Redis, a member with it.

use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::cluster::{self, Me, Member, Peers, Reconciler, Roll, Solo};
use crate::config::{Config, Secret};
use crate::db::Database;
use crate::domain::NodeId;
use crate::instance::{Lease, Registry};
use crate::redis_link::Link;

/// Name of this node: the configured one, or the host's with the port, which is stable as long as
/// both are.
pub fn node_id(config: &Config) -> NodeId {
    NodeId(config.node.id.clone().unwrap_or_else(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let host: String = host.trim().chars().filter(|c| allowed(*c)).take(80).collect();
        let host = if host.is_empty() { "node" } else { &host };
        format!("{host}-{}", config.server.port)
    }))
}

/// Leave to connect instances: without others for ever, with others for as long as it is renewed.
pub fn lease(config: &Config) -> Lease {
    if config.cache.redis.is_some() { Lease::new() } else { Lease::endless() }
}

/// Joins the cluster.
pub fn join(
    config: &Config,
    key: &Secret,
    address: SocketAddr,
    parts: (&Registry, &Database, &Lease),
) -> anyhow::Result<(Member, Reconciler, cluster::Handle)> {
    let section = &config.cluster;
    let me = Me {
        id: node_id(config),
        client_name: config.database.client_name.clone(),
        url: match &section.advertised_url {
            Some(url) => url.clone(),
            None => own_url(config, address)?,
        },
        weight: section.weight,
    };
    let options = cluster::Options {
        me: me.clone(),
        ttl: section.node_ttl,
        heartbeat: section.heartbeat,
        moves_per_second: section.moves_per_second,
        regions: section.peers.clone(),
    };
    let (roll, peers): (Arc<dyn Roll>, Option<Peers>) = match &config.cache.redis {
        None => (Arc::new(Solo::new(me)), None),
        Some(redis) => {
            let link = Link::new(&redis.address, section.heartbeat).context("CACHE_REDIS_URI")?;
            let roll = cluster::Redis::new(link, &redis.prefix, me, section.node_ttl);
            (Arc::new(roll), Some(Peers::new(&secret(config, key))?))
        }
    };
    Ok(cluster::join(options, roll, peers, parts))
}

/// What nodes prove to each other.
fn secret(config: &Config, key: &Secret) -> String {
    match &config.cluster.secret {
        Some(secret) => secret.expose().to_owned(),
        None => {
            let mut hash = Sha256::new();
            hash.update("what nodes prove to each other: ");
            hash.update(key.expose());
            hex::encode(hash.finalize())
        }
    }
}

/// The address by which Redis sees this node; others most likely see it so too.
fn own_url(config: &Config, address: SocketAddr) -> anyhow::Result<String> {
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let towards = config.cache.redis.as_ref().and_then(|redis| {
        let (host, port) = redis.address.hosts.first()?;
        let target = (host.as_str(), *port).to_socket_addrs().ok()?.next()?;
        let socket = UdpSocket::bind(if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).ok()?;
        socket.connect(target).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    let ip = towards.unwrap_or(address.ip());
    let host = SocketAddr::new(ip, address.port());
    Ok(format!("{scheme}://{host}"))
}
