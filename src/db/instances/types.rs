//! What goes into and comes out of the table of instances.

use crate::domain::instance::Disconnection;
use crate::domain::{ConnectionState, Fence, Instance, InstanceId, InstanceName, NodeId, Settings, Sink};

/// An instance to create.
#[derive(Clone, PartialEq, Debug)]
pub struct NewInstance {
    /// Its identity, random.
    pub id: InstanceId,
    /// Its name, unique in the installation.
    pub name: InstanceName,
    /// Nodes load only the instances of their own client name.
    pub client_name: String,
    /// The provider as clients name it.
    pub integration: String,
    /// The caller's secret, as it is stored.
    pub token: String,
    /// SHA-256 of the token as 64 hexadecimal digits: how it is found.
    pub token_hash: String,
    /// The phone number given at creation.
    pub number: Option<String>,
    /// Meta's business id.
    pub business_id: Option<String>,
    /// State at first.
    pub state: ConnectionState,
    /// The node that claims it with the same step; others would take one without an owner.
    pub owner: Option<NodeId>,
    /// Behaviour chosen by the tenant.
    pub settings: Settings,
}

/// A change of an instance; what is `None` is kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InstanceUpdate {
    /// Last known state.
    pub state: Option<ConnectionState>,
    /// The account's own address.
    pub owner_jid: Option<Option<String>>,
    /// The account's hidden identity.
    pub owner_lid: Option<Option<String>>,
    /// The account's own name.
    pub profile_name: Option<Option<String>>,
    /// Address of the account's picture.
    pub profile_pic_url: Option<Option<String>>,
    /// The phone number.
    pub number: Option<Option<String>>,
    /// Whether a device is linked.
    pub paired: Option<bool>,
    /// Why the connection ended; `Some(None)` forgets it.
    pub disconnection: Option<Option<Disconnection>>,
    /// Behaviour chosen by the tenant.
    pub settings: Option<Settings>,
}

/// Which instances of all; what is `None` is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InstanceFilter {
    /// By name.
    pub name: Option<InstanceName>,
    /// By identity.
    pub id: Option<InstanceId>,
    /// By the phone number given at creation, or the account's own.
    pub number: Option<String>,
    /// By client name.
    pub client_name: Option<String>,
}

/// How much an instance has on record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Contacts.
    pub contacts: u64,
    /// Chats.
    pub chats: u64,
}

/// An instance in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// The instance.
    pub instance: Instance,
    /// How much it has on record.
    pub counts: Counts,
    /// Where its events go.
    pub sinks: Vec<Sink>,
}

/// Who has an instance, for those who place them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// The instance.
    pub id: InstanceId,
    /// Its name.
    pub name: InstanceName,
    /// Its client name.
    pub client_name: String,
    /// The node that claimed it last and did not release it.
    pub owner: Option<NodeId>,
    /// The node that an operator wants it on.
    pub pinned: Option<NodeId>,
    /// Newest claim.
    pub fence: Fence,
    /// Whether a device is linked.
    pub paired: bool,
}

/// Where an instance is and whose key opens it, for those who route to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// The instance.
    pub id: InstanceId,
    /// Its name.
    pub name: InstanceName,
    /// Its client name.
    pub client_name: String,
    /// The node that claimed it last and did not release it.
    pub owner: Option<NodeId>,
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
}

/// What is known of an instance that may be deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remains {
    /// What it is or was called.
    pub name: String,
    /// The account's own address.
    pub owner_jid: Option<String>,
}
