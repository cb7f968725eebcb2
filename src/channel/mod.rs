//! Owns the providers of WhatsApp accounts, one folder each, behind capability traits;
//! must not know HTTP, the cluster or the database. To add a provider: implement [`Factory`] and
//! [`Channel`]; to add a capability: one trait here and one file per provider that has it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use crate::domain::{Fence, InstanceId, InstanceName, Jid, Settings};
use crate::events::{self, Journal};
/// Where outgoing connections go through.
pub use crate::net::Proxy;
use crate::telemetry::tally::Tally;

pub mod calls;
pub mod catalogue;
pub mod chats;
pub mod files;
pub mod groups;
pub mod kinds;
pub mod labels;
pub mod low_level;
pub mod messages;
pub mod privacy;
pub mod profile;
pub mod whatsapp_web;

pub use calls::Calls;
pub use catalogue::Catalogue;
pub use chats::{Anchor, Chats, Mute};
pub use files::{Files, Opened};
pub use groups::Groups;
pub use labels::Labels;
pub use low_level::LowLevel;
pub use messages::{
    Content, Edit, Location, Media, Messages, Outgoing, Prepared, Quoted, Status, StatusContent,
};
pub use privacy::Privacy;
pub use profile::{About, Profiles};

/// Why a channel could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection to WhatsApp now.
    #[error("not connected")]
    NotConnected,
    /// This provider cannot do it at all.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The caller's input; names the field of the request.
    #[error("{field} {reason}")]
    Invalid {
        /// The field of the request.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something at WhatsApp that does not exist; the text says what.
    #[error("{0}")]
    NotFound(String),
    /// Something that the account may not do; the text says what.
    #[error("{0}")]
    NotAllowed(String),
    /// WhatsApp answered with an error.
    #[error("WhatsApp refused: {0}")]
    Refused(String),
    /// WhatsApp was asked too often; it says, or we guess, how long to wait.
    #[error("WhatsApp was asked too often")]
    TooMany(Duration),
    /// WhatsApp did not answer in time. Whether it acted is unknown.
    #[error("WhatsApp did not answer in time")]
    Timeout,
    /// A newer claim of the instance exists; this node must stop it.
    #[error("the instance has a newer owner")]
    Fenced,
    /// The session store, the database or something else that is needed cannot be reached or is too busy. It
    /// was not done, and can be tried again.
    #[error("something that is needed is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else; not the caller's fault.
    #[error("the protocol failed: {0}")]
    Protocol(String),
}

/// What a provider has no notion of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not supported by {integration}")]
pub struct Unsupported {
    /// The capability, for example `groups`.
    pub what: &'static str,
    /// The provider as clients name it.
    pub integration: &'static str,
}

/// Everything a channel is given of its instance.
#[derive(Clone)]
pub struct Seat {
    /// Whose account it is.
    pub instance: InstanceId,
    /// For logs.
    pub name: InstanceName,
    /// The claim under which everything is written.
    pub fence: Fence,
    /// The tenant's settings, as they change.
    pub settings: watch::Receiver<Settings>,
    /// Where outgoing connections go through; `None` is direct.
    pub proxy: Option<Proxy>,
    /// Where what happens is recorded.
    pub journal: Journal,
    /// What is known of its groups; recorded through the journal.
    pub groups: events::Groups,
    /// Parts of its history that are not recorded yet; recorded through the journal.
    pub spool: events::HistorySpool,
    /// Where what happens is counted.
    pub tally: Arc<Tally>,
    /// Where the life of the connection is reported. Bounded; a channel that finds it full waits.
    pub signals: mpsc::Sender<Signal>,
}

/// What a channel reports of its connection while [`Channel::run`] runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A QR to be scanned; it replaces the one before.
    Qr(String),
    /// The account is linked to this device; the connection restarts by itself.
    Paired {
        /// The account's address.
        jid: Jid,
        /// Its hidden identity.
        lid: Option<Jid>,
    },
    /// Logged in, and ready to send.
    Open {
        /// The account's address.
        jid: Jid,
        /// Its hidden identity.
        lid: Option<Jid>,
        /// Its own name, if known.
        name: Option<String>,
    },
    /// A part of the account's history is on record.
    History {
        /// How much of it, in percent, as the phone counts.
        progress: u32,
    },
    /// The account's own name or picture is known now or has changed.
    Profile {
        /// Its own name.
        name: Option<String>,
        /// Address of its picture; `Some(None)` is that it has none any more.
        picture: Option<Option<String>>,
    },
}

/// Why one connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// We asked for it.
    Stopped,
    /// The connection restarts as part of the protocol (after pairing, or when the server asks).
    Restart,
    /// No QR was scanned in time.
    PairingTimeout,
    /// The network or the server dropped it, or it could not be made.
    Lost(String),
    /// The account was unlinked, by us or on the phone: the session is of no use any more.
    LoggedOut,
    /// Another connection of the same device took over.
    Replaced,
    /// WhatsApp banned the account for some time.
    Banned {
        /// How long.
        expires_seconds: u64,
        /// WhatsApp's reason.
        reason: String,
    },
    /// WhatsApp does not accept this version of the client any more.
    Outdated,
    /// WhatsApp refused the login for another reason (its number).
    Refused(i32),
    /// A newer claim of the instance exists: nothing may be written any more.
    Fenced,
}

/// Makes channels of one provider.
#[async_trait]
pub trait Factory: Send + Sync + 'static {
    /// The provider as clients name it.
    fn integration(&self) -> &'static str;

    /// A channel for one connection attempt; it does not connect yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the session cannot be read.
    async fn open(&self, seat: Seat) -> Result<Arc<dyn Channel>, Error>;

    /// Forgets the session: the next connection pairs anew.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Fenced`].
    async fn wipe(&self, instance: InstanceId, fence: Fence) -> Result<(), Error>;
}

/// One connection to a provider.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// The provider as clients name it.
    fn integration(&self) -> &'static str;

    /// Connects, and returns when the connection has ended. Called once.
    async fn run(&self) -> End;

    /// Ends the connection gracefully: what is under way is flushed. [`Channel::run`] then returns.
    async fn stop(&self);

    /// Unlinks the device at WhatsApp as far as it can be reached; then as [`Channel::stop`].
    async fn logout(&self);

    /// Sending and marking messages.
    fn messages(&self) -> &dyn Messages;

    /// Linking by a code typed on the phone.
    ///
    /// # Errors
    /// [`Unsupported`] when the provider has no notion of it.
    fn pairing(&self) -> Result<&dyn Pairing, Unsupported> {
        Err(Unsupported { what: "linking by a code", integration: self.integration() })
    }

    /// Who is on WhatsApp.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn numbers(&self) -> Result<&dyn Numbers, Unsupported> {
        Err(Unsupported { what: "checking numbers", integration: self.integration() })
    }

    /// Groups.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn groups(&self) -> Result<&dyn Groups, Unsupported> {
        Err(Unsupported { what: "groups", integration: self.integration() })
    }

    /// Being online, and typing.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn presence(&self) -> Result<&dyn Presence, Unsupported> {
        Err(Unsupported { what: "presence", integration: self.integration() })
    }

    /// What the account's devices agree on about its chats.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn chats(&self) -> Result<&dyn Chats, Unsupported> {
        Err(Unsupported { what: "states of chats", integration: self.integration() })
    }

    /// Profiles: of others to read, its own to change.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn profiles(&self) -> Result<&dyn Profiles, Unsupported> {
        Err(Unsupported { what: "profiles", integration: self.integration() })
    }

    /// Who may see what, and who is blocked.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn privacy(&self) -> Result<&dyn Privacy, Unsupported> {
        Err(Unsupported { what: "privacy settings", integration: self.integration() })
    }

    /// Labels on chats.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn labels(&self) -> Result<&dyn Labels, Unsupported> {
        Err(Unsupported { what: "labels", integration: self.integration() })
    }

    /// Calls.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn calls(&self) -> Result<&dyn Calls, Unsupported> {
        Err(Unsupported { what: "calls", integration: self.integration() })
    }

    /// What businesses offer.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn catalogue(&self) -> Result<&dyn Catalogue, Unsupported> {
        Err(Unsupported { what: "catalogues", integration: self.integration() })
    }

    /// The protocol itself.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn low_level(&self) -> Result<&dyn LowLevel, Unsupported> {
        Err(Unsupported { what: "low-level access", integration: self.integration() })
    }

    /// Files of messages.
    ///
    /// # Errors
    /// As [`Channel::pairing`].
    fn files(&self) -> Result<&dyn Files, Unsupported> {
        Err(Unsupported { what: "downloading files", integration: self.integration() })
    }
}

/// Linking a device without a QR.
#[async_trait]
pub trait Pairing: Send + Sync {
    /// Asks for an eight-character code that is typed on the phone of that number (digits).
    ///
    /// # Errors
    /// [`Error::Refused`] when WhatsApp throttles, [`Error::NotConnected`].
    async fn code(&self, phone: &str) -> Result<String, Error>;
}

/// Whether an address is on WhatsApp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberCheck {
    /// The address that was asked for.
    pub asked: Jid,
    /// The address by phone number, or the asked one when there is none.
    pub jid: Jid,
    /// Its hidden identity, if known.
    pub lid: Option<Jid>,
    /// Whether it exists.
    pub exists: bool,
    /// A business's verified name.
    pub name: Option<String>,
}

/// Who is on WhatsApp.
#[async_trait]
pub trait Numbers: Send + Sync {
    /// Checks addresses, in the order of the input. Only users are on WhatsApp: other addresses are
    /// answered as absent, without being asked about.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`], [`Error::TooMany`].
    async fn check(&self, jids: &[Jid]) -> Result<Vec<NumberCheck>, Error>;

    /// Both forms of an address, by phone number and hidden, as far as the provider knows them
    /// without asking.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    async fn forms(&self, jid: &Jid) -> Result<(Option<Jid>, Option<Jid>), Error>;
}

/// What a chat sees of us while we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatState {
    /// Typing.
    Composing,
    /// Recording a voice message.
    Recording,
    /// Neither any more.
    Paused,
}

/// Being online, and typing.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Shows the account as online, or not.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    async fn online(&self, online: bool) -> Result<(), Error>;

    /// Shows a chat what we are doing.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    async fn chat_state(&self, chat: &Jid, state: ChatState) -> Result<(), Error>;

    /// Asks to be told when a contact comes and goes.
    ///
    /// # Errors
    /// [`Error::NotConnected`].
    async fn subscribe(&self, contact: &Jid) -> Result<(), Error>;
}
