//! Redis and the in-process cache.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::redis_address::Address;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Cache and Redis",
    variables: &[
        Variable::flag(
            "CACHE_REDIS_ENABLED",
            "false",
            "uses Redis: for sessions, for membership and as a cache",
        ),
        Variable::url(
            "CACHE_REDIS_URI",
            "",
            "redis://USER:PASSWORD@HOST:PORT/DATABASE, redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DATABASE or redis+cluster://HOST:PORT,HOST:PORT; with rediss over TLS",
        )
        .secret(),
        Variable::text(
            "WAGGLE_REDIS_CA",
            "",
            "PEM file of the certificates that TLS to Redis trusts in place of the public ones",
        ),
        Variable::text(
            "CACHE_REDIS_PREFIX_KEY",
            "evolution-cache",
            "what the keys of this installation begin with",
        ),
        Variable::number("CACHE_REDIS_TTL", "604800", "seconds", "not used: what is cached has a life of its own"),
        Variable::flag(
            "CACHE_REDIS_SAVE_INSTANCES",
            "false",
            "kept for its name: WAGGLE_SESSION_STORE says where sessions live",
        ),
        Variable::flag("CACHE_LOCAL_ENABLED", "false", "not used: what is cached in the process is bounded anyway"),
        Variable::number(
            "CACHE_LOCAL_TTL",
            "86400",
            "seconds",
            "not used, as CACHE_LOCAL_ENABLED",
        ),
    ],
    switches: None,
};

/// Redis and the in-process cache.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Redis, when enabled.
    pub redis: Option<Redis>,
    /// Whether values are cached in the process where Redis is not used.
    pub local_enabled: bool,
    /// How long a value cached in the process lives.
    pub local_ttl: Duration,
}

/// An enabled Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub address: Address,
    /// What keys begin with.
    pub prefix: String,
    /// How long a cached value lives.
    pub ttl: Duration,
    /// Evolution API's switch for sessions in Redis.
    pub save_instances: bool,
}

impl Cache {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            redis: Redis::read(reader),
            local_enabled: reader.flag("CACHE_LOCAL_ENABLED"),
            local_ttl: reader.seconds("CACHE_LOCAL_TTL", 0..=315_360_000),
        }
    }
}

impl Redis {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let enabled = reader.flag("CACHE_REDIS_ENABLED");
        let address = reader.parse("CACHE_REDIS_URI", Address::parse);
        let ca = reader.text("WAGGLE_REDIS_CA").map(PathBuf::from);
        let prefix = reader.string("CACHE_REDIS_PREFIX_KEY");
        let ttl = reader.seconds("CACHE_REDIS_TTL", 0..=315_360_000);
        let save_instances = reader.flag("CACHE_REDIS_SAVE_INSTANCES");
        if enabled {
            reader.require("CACHE_REDIS_URI", &address, "CACHE_REDIS_ENABLED=true needs it");
        }
        let address = address.filter(|_| enabled).map(|address| Address { ca, ..address });
        address.map(|address| Self { address, prefix, ttl, save_instances })
    }
}
