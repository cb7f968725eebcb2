//! A simulated WhatsApp server that speaks the real wire protocol, for tests and load.
//!
//! One TCP port serves the chat socket (`/ws/chat`), the media host (`/mms/...`, `/v/...`) and the admin
//! interface (`/admin/...`, listed by `GET /admin`). Clients are whatsapp-rust 0.7.0 built with
//! `danger-skip-cert-chain-verify`. "Works" means "that client accepts it": the real server was never asked.
//!
//! ```no_run
//! # async fn demo() -> wa_sim::Result<()> {
//! let simulator = wa_sim::Simulator::start(wa_sim::Options::default()).await?;
//! println!("{} {}", simulator.chat_url(), simulator.admin_url());
//! let contact = simulator.handle().create_contact(wa_sim::NewContact::default())?;
//! println!("contact {}", contact.phone);
//! simulator.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! An account is a phone number with a phone (device 0) and companion devices. A *contact* is an account
//! whose phone acts: it has Signal sessions, decrypts, confirms, and sends what [`Handle`] asks for. Messages
//! of all kinds are [`Compose`]d; [`Received`] tells what a client sent, with the digest of the decrypted file.
//!
//! A client asks for media at `https://HOST` always, and this port is plain HTTP: its HTTP client has to rewrite
//! the scheme for loopback hosts.

mod clock;
mod error;
mod group;
mod handle;
mod http;
mod iq;
#[cfg(feature = "load")]
pub mod load;
mod options;
mod pairing;
mod phone;
pub mod receiver;
mod relay;
pub mod sequence;
mod session;
mod simulator;
mod task;
mod wire;
#[cfg(test)]
mod wire_tests;
mod world;

pub use error::{Error, Result};
pub use group::members::MemberAction;
pub use handle::{
    Handle,
    app_state::StateRecord,
    contacts::{ContactInfo, NewContact, Send, SendReport, Sent},
    devices::{AccountInfo, DeviceInfo},
    groups::{GroupInfo, GroupMember, GroupSettings, MemberOutcome, NewGroup},
    newsletters::NewsletterInfo,
    profile::ProfileChange,
};
pub use http::routes::ROUTES;
pub use options::Options;
pub use pairing::qr::Paired;
pub use phone::{
    agent::{Behaviour, Received, Signalled},
    attach::ReceivedMedia,
    call::CallStep,
    content::Quoted,
    kinds::{Card, Compose, File, Kind},
    past::History,
    settings::Change,
};
pub use simulator::Simulator;
pub use world::{
    faults::{
        ConnectRefusal, LoginFailure, MediaFault, StandingFaults,
        order::{Fault, FaultOrder, Scope, Step},
        queries::{QueryFailure, RefusedQueries},
    },
    media::MediaStats,
    outages::{Outage, Outages},
    persist::StateError,
    record::{Direction, RecordedStanza},
    social::{Business, Collection, Product},
    stats::Stats,
};
