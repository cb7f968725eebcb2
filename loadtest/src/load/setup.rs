//! What a run needs.

use std::net::{Ipv4Addr, SocketAddr};

use tokio_util::sync::CancellationToken;

use super::api::Endpoint;
use super::cluster::Own;
use super::objective::Objective;
use super::progress::Progress;
use super::world::Options;

/// Where the simulated WhatsApp is.
#[derive(Debug, Clone)]
pub enum SimulatorAt {
    /// In this process, at this address.
    Here(SocketAddr),
    /// Another process.
    There(Endpoint),
}

/// Where the nodes are.
#[derive(Debug, Clone)]
pub enum NodesAt {
    /// They run already.
    Running {
        /// Their addresses.
        endpoints: Vec<Endpoint>,
        /// The global key.
        key: String,
        /// Those of them that are on this machine.
        pids: Vec<u32>,
    },
    /// Nodes of the run's own.
    Own(Own),
}

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The simulator.
    pub simulator: SimulatorAt,
    /// The nodes.
    pub nodes: NodesAt,
    /// Where webhooks are received.
    pub webhook_listen: SocketAddr,
    /// Where nodes send them, when that is not the address above.
    pub webhook_url: Option<String>,
    /// The broker whose queues are consumed, as `amqp://USER:PASSWORD@HOST:PORT`.
    pub rabbitmq: Option<String>,
    /// Options.
    pub options: Options,
    /// What should be reached, beside that nothing is lost, doubled or out of order.
    pub objectives: Vec<Objective>,
    /// The command line, for the report.
    pub command: String,
    /// Ends the run early.
    pub interrupt: CancellationToken,
    /// What is shown meanwhile.
    pub progress: Progress,
}

impl Setup {
    /// A simulator in this process, webhooks on loopback, nothing shown.
    pub fn new(nodes: NodesAt, options: Options) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            simulator: SimulatorAt::Here(loopback),
            nodes,
            webhook_listen: loopback,
            webhook_url: None,
            rabbitmq: None,
            options,
            objectives: Vec::new(),
            command: String::new(),
            interrupt: CancellationToken::new(),
            progress: Progress::new(true),
        }
    }
}
