//! The metrics page.

use std::net::IpAddr;

use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Metrics",
    variables: &[
        Variable::flag("PROMETHEUS_METRICS", "false", "serves /metrics"),
        Variable::flag(
            "METRICS_AUTH_REQUIRED",
            "false",
            "asks for METRICS_USER and METRICS_PASSWORD (Basic)",
        ),
        Variable::text("METRICS_USER", "", "user of /metrics"),
        Variable::text("METRICS_PASSWORD", "", "password of /metrics").secret(),
        Variable::list("METRICS_ALLOWED_IPS", "", "client addresses that may read /metrics; unset is any"),
        Variable::number(
            "WAGGLE_METRICS_PER_INSTANCE",
            "0",
            "count",
            "most instances of a node with series of their own (waggle_instance_*); the rest is summed; 0 is no such series",
        ),
    ],
    switches: None,
};

/// The metrics page.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Serve the page.
    pub enabled: bool,
    /// User and password, when asked for.
    pub credentials: Option<Credentials>,
    /// Addresses that may read it; `None` is any.
    pub allowed_addresses: Option<Vec<IpAddr>>,
    /// Most instances with series of their own; 0 is none, and no sum of the rest.
    pub per_instance: usize,
}

/// Basic credentials of the metrics page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

impl Metrics {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let enabled = reader.flag("PROMETHEUS_METRICS");
        let required = reader.flag("METRICS_AUTH_REQUIRED");
        let user = reader.text("METRICS_USER");
        let password = reader.secret("METRICS_PASSWORD");
        if enabled && required {
            reader.require("METRICS_USER", &user, "METRICS_AUTH_REQUIRED=true needs it");
            reader.require("METRICS_PASSWORD", &password, "METRICS_AUTH_REQUIRED=true needs it");
        }
        let credentials = match (required, user, password) {
            (true, Some(user), Some(password)) => Some(Credentials { user, password }),
            _ => None,
        };
        let addresses = reader.list_of("METRICS_ALLOWED_IPS", |part| {
            part.parse::<IpAddr>()
                .map(|address| address.to_canonical())
                .map_err(|_| "a list of IP addresses".to_owned())
        });
        Self {
            enabled,
            credentials,
            allowed_addresses: Some(addresses).filter(|list| !list.is_empty()),
            per_instance: reader.number("WAGGLE_METRICS_PER_INSTANCE", 0..=100_000),
        }
    }
}
