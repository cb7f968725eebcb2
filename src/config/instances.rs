//! Defaults, pairing and pacing of instances.

use std::time::Duration;

use super::parse;
use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Instances",
    variables: &[
        Variable::text("CONFIG_SESSION_PHONE_CLIENT", "Evolution API", "device name shown on the phone"),
        Variable::text(
            "CONFIG_SESSION_PHONE_NAME",
            "Chrome",
            "browser shown on the phone: Chrome, Firefox, Edge, Opera, Safari",
        ),
        Variable::dropped(
            "CONFIG_SESSION_PHONE_VERSION",
            "the version is looked up; WAGGLE_WHATSAPP_VERSION pins one",
        ),
        Variable::number("QRCODE_LIMIT", "30", "count", "QR codes shown before pairing gives up"),
        Variable::text("QRCODE_COLOR", "#198754", "dark colour of the QR image, as #rrggbb"),
        Variable::text(
            "DEL_INSTANCE",
            "false",
            "minutes after which an instance that is not connected is deleted; false is never",
        ),
        Variable::flag(
            "DEL_TEMP_INSTANCES",
            "true",
            "lets DEL_INSTANCE delete instances that never connected too",
        ),
        Variable::number(
            "WAGGLE_PAIRING_CONCURRENCY",
            "2",
            "count",
            "pairings and history imports that run at once on a node",
        ),
        Variable::number(
            "WAGGLE_RECONNECT_PER_SECOND",
            "50",
            "count",
            "connections that a node opens per second at start and after a failover; 0 is unpaced",
        ),
        Variable::number("WAGGLE_PREKEYS", "50", "count", "one-time keys kept at WhatsApp per instance"),
    ],
    switches: None,
};

/// Defaults, pairing and pacing of instances.
#[derive(Debug, Clone)]
pub struct Instances {
    /// Device name shown on the phone.
    pub phone_client: String,
    /// Browser name shown on the phone.
    pub phone_name: String,
    /// QR codes shown before pairing gives up.
    pub qrcode_limit: u32,
    /// Dark colour of the QR image: red, green, blue.
    pub qrcode_color: [u8; 3],
    /// How long an instance may stay unconnected before it is deleted; `None` keeps it.
    pub delete_after: Option<Duration>,
    /// Whether `delete_after` covers instances that never connected.
    pub delete_temporary: bool,
    /// Pairings and history imports at once, at least one.
    pub pairing_concurrency: usize,
    /// Connections opened per second; `None` is unpaced.
    pub reconnect_per_second: Option<u32>,
    /// One-time keys kept at WhatsApp per instance.
    pub prekeys: usize,
}

impl Instances {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.ignore("CONFIG_SESSION_PHONE_VERSION");
        Self {
            phone_client: reader.string("CONFIG_SESSION_PHONE_CLIENT"),
            phone_name: reader.string("CONFIG_SESSION_PHONE_NAME"),
            qrcode_limit: reader.number("QRCODE_LIMIT", 0..=10_000),
            qrcode_color: reader.parse("QRCODE_COLOR", parse::colour).unwrap_or_default(),
            delete_after: reader.parse("DEL_INSTANCE", delete_after).flatten(),
            delete_temporary: reader.flag("DEL_TEMP_INSTANCES"),
            pairing_concurrency: reader.number("WAGGLE_PAIRING_CONCURRENCY", 1..=1_000),
            reconnect_per_second: Some(reader.number("WAGGLE_RECONNECT_PER_SECOND", 0..=100_000))
                .filter(|rate| *rate > 0),
            prekeys: reader.number("WAGGLE_PREKEYS", 5..=812),
        }
    }
}

fn delete_after(value: &str) -> Result<Option<Duration>, String> {
    if parse::flag(value) == Ok(false) {
        return Ok(None);
    }
    parse::number(value, &(1..=5_256_000_u64))
        .map(|minutes| Some(Duration::from_secs(minutes * 60)))
        .map_err(|expected| format!("false, or {expected} (minutes)"))
}
