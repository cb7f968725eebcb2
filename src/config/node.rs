//! The process: its name, its data directory, its shutdown.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Node",
    variables: &[
        Variable::text(
            "WAGGLE_DATA_DIR",
            "data",
            "directory of the embedded database and of the generated key",
        ),
        Variable::text(
            "WAGGLE_NODE_ID",
            "",
            "name of this node, unique and stable; unset, the host name and SERVER_PORT",
        ),
        Variable::number(
            "WAGGLE_DRAIN_TIMEOUT_SECONDS",
            "25",
            "seconds",
            "how long a shutdown waits for work in progress before it cuts it off",
        ),
    ],
    switches: None,
};

/// The process: its name, its data directory, its shutdown.
#[derive(Debug, Clone)]
pub struct Node {
    /// Directory of everything the node keeps on disk. It may not exist yet.
    pub data_dir: PathBuf,
    /// Name of this node; `None` leaves the choice to the composition root.
    pub id: Option<String>,
    /// How long a shutdown waits before it cuts off; zero cuts off at once.
    pub drain_timeout: Duration,
}

impl Node {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            data_dir: reader.string("WAGGLE_DATA_DIR").into(),
            id: reader.parse("WAGGLE_NODE_ID", id),
            drain_timeout: reader.seconds("WAGGLE_DRAIN_TIMEOUT_SECONDS", 0..=3_600),
        }
    }
}

/// Node names appear in keys and addresses, so they are kept to what both allow.
fn id(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if value.len() <= 100 && value.chars().all(allowed) {
        Ok(value.to_owned())
    } else {
        Err("at most 100 letters, digits, dots, dashes and underscores".to_owned())
    }
}
