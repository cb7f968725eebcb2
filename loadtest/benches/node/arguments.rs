//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// A group of measures that share a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// Memory, pairing and restart of many instances
    Fleet,
    /// The cheapest authenticated request against a bare handler
    Lookup,
    /// Texts sent over the API
    Send,
    /// Two instances that text each other
    Talk,
    /// Texts received and told by webhook
    Inbound,
}

impl Suite {
    /// In the order in which they run.
    pub const ALL: [Self; 5] = [Self::Fleet, Self::Lookup, Self::Send, Self::Talk, Self::Inbound];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Lookup => "lookup",
            Self::Send => "send",
            Self::Talk => "talk",
            Self::Inbound => "inbound",
        }
    }
}

/// Measures a node against a simulated WhatsApp, everything on loopback.
///
/// The node is the binary `waggle` in the build folder of this benchmark, built with the feature
/// `simulator`, or the one that WAGGLE_BIN names.
#[derive(Parser, Clone, Debug)]
#[command(name = "node")]
pub struct Arguments {
    /// Run this suite only; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub only: Vec<Suite>,
    /// Small numbers: shows that everything works, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Write the measures to this file too
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,
    /// Set a variable of the node, such as WAGGLE_SQLITE_SYNCHRONOUS=normal; may be given more than once
    #[arg(long = "node-env", value_name = "NAME=VALUE", value_parser = variable)]
    pub node_env: Vec<(String, String)>,
    /// Instances of the fleet
    #[arg(long, value_name = "COUNT")]
    pub instances: Option<usize>,
    /// Binary of the node
    #[arg(long, env = "WAGGLE_BIN", value_name = "PATH")]
    pub waggle: Option<PathBuf>,
    /// Be a process of this many bare WhatsApp clients, paired with the simulator at URL
    #[arg(long, value_name = "COUNT", requires = "url", hide = true)]
    pub baseline_clients: Option<usize>,
    /// Chat socket of the simulator
    #[arg(hide = true)]
    pub url: Option<String>,
    /// Be a bare HTTP handler
    #[arg(long, hide = true)]
    pub bare_http: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Arguments {
    /// Whether a suite is asked for.
    pub fn runs(&self, suite: Suite) -> bool {
        self.only.is_empty() || self.only.contains(&suite)
    }

    /// A number that is smaller in a quick run.
    pub fn scaled<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Size of the fleet.
    pub fn fleet(&self) -> usize {
        self.instances.unwrap_or_else(|| self.scaled(500, 24))
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
