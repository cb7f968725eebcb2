//! The global key.

use super::database::Provider;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Authentication",
    variables: &[
        Variable::text("AUTHENTICATION_API_KEY", "", "global key, sent in the header apikey; unset, the embedded database makes its own at first start, and any other database refuses to start").secret(),
        Variable::flag("AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES", "false", "puts the token of an instance into fetchInstances and into every event"),
        Variable::flag("WAGGLE_ALLOW_WEAK_KEY", "false", "accepts a global key that is short or published in example files"),
    ],
    switches: None,
};

/// Keys that example files ship: whoever scans the internet tries them first.
const WELL_KNOWN: &[&str] = &["BQYHJGJHJ", "429683C4C977415CAAFCCE10F7D57E11"];

/// Fewest characters of a global key.
const SHORTEST: usize = 16;

/// The global key.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The global key. `None` only on the embedded database, where the node makes and keeps one itself.
    pub global_key: Option<Secret>,
    /// Show instance tokens in fetchInstances and in events.
    pub expose_in_fetch_instances: bool,
    /// Accept a weak global key.
    pub allow_weak_key: bool,
}

impl Auth {
    pub(super) fn read(reader: &mut Reader<'_>, provider: Provider) -> Self {
        let auth = Self {
            global_key: reader.secret("AUTHENTICATION_API_KEY"),
            expose_in_fetch_instances: reader.flag("AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES"),
            allow_weak_key: reader.flag("WAGGLE_ALLOW_WEAK_KEY"),
        };
        match &auth.global_key {
            None if provider != Provider::Sqlite => reader.missing(
                "AUTHENTICATION_API_KEY",
                "nodes that share a database must share a key; only the embedded database makes its own",
            ),
            Some(key) => {
                if let Some(weakness) = weakness(key.expose()) {
                    if auth.allow_weak_key {
                        reader.risky("AUTHENTICATION_API_KEY", weakness);
                    } else {
                        let why =
                            format!("{weakness}; WAGGLE_ALLOW_WEAK_KEY=true accepts it for development");
                        reader.refuse("AUTHENTICATION_API_KEY", why);
                    }
                }
            }
            None => {}
        }
        auth
    }
}

fn weakness(key: &str) -> Option<String> {
    if WELL_KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key)) {
        Some("this key is published in example files".to_owned())
    } else if key.chars().count() < SHORTEST {
        Some(format!("a key shorter than {SHORTEST} characters can be guessed"))
    } else {
        None
    }
}
