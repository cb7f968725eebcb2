//! Finds instances of all nodes, for routing.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Handle;
use super::view::{Me, Node, NodeState};
pub use crate::db::Located;
use crate::db::{Database, Error};

/// How long a found instance is believed to be where it was. A forwarded request that does not find
/// it there looks again.
const FRESH: Duration = Duration::from_secs(1);
/// Most instances and tokens that are remembered.
const ENTRIES: u64 = 20_000;

/// How long it is known that nobody has an instance of a name which somebody without a key asked for.
const MADE_UP: Duration = Duration::from_secs(5);
/// Such names that other regions are asked about at once.
const ASKING: usize = 16;

/// Where an instance is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On this node.
    Here,
    /// On another one.
    There(Node),
    /// On none: it is being moved, or its node has died.
    Nowhere,
}

/// Finds instances by name and by token. Cheap to clone.
#[derive(Clone)]
pub struct Lookup {
    database: Database,
    names: Cache<String, Arc<Located>>,
    tokens: Cache<[u8; 32], Option<Arc<Located>>>,
    made_up: Cache<String, ()>,
    asking: Arc<Semaphore>,
}

impl Lookup {
    pub(super) fn new(database: Database) -> Self {
        let names = Cache::builder().max_capacity(ENTRIES).time_to_live(FRESH).build();
        let tokens = Cache::builder().max_capacity(ENTRIES).time_to_live(FRESH).build();
        let made_up = Cache::builder().max_capacity(ENTRIES).time_to_live(MADE_UP).build();
        Self { database, names, tokens, made_up, asking: Arc::new(Semaphore::new(ASKING)) }
    }

    /// Whether nobody had an instance of this name a moment ago, as [`Lookup::note_made_up`] was told.
    #[must_use]
    pub fn is_made_up(&self, name: &str) -> bool {
        self.made_up.contains_key(name)
    }

    /// Notes that nobody has an instance of this name.
    pub async fn note_made_up(&self, name: &str) {
        self.made_up.insert(name.to_owned(), ()).await;
    }

    /// The right to ask other regions about a name that may be made up; `None` while too many do.
    #[must_use]
    pub fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.try_acquire().ok()
    }

    /// The instance of a name, as it was a moment ago. An unknown name is asked for every time: it
    /// may be created at any moment.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<Located>>, Error> {
        if let Some(known) = self.names.get(name).await {
            return Ok(Some(known));
        }
        self.by_name_now(name).await
    }

    /// The instance of a name, as it is now.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_name_now(&self, name: &str) -> Result<Option<Arc<Located>>, Error> {
        let Ok(parsed) = name.parse() else { return Ok(None) };
        let found = self.database.instances().locate(&parsed).await?.map(Arc::new);
        match &found {
            Some(found) => self.names.insert(name.to_owned(), Arc::clone(found)).await,
            None => self.names.invalidate(name).await,
        }
        Ok(found)
    }

    /// The instance whose token has this SHA-256, as it was a moment ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_token(&self, hash: &[u8; 32]) -> Result<Option<Arc<Located>>, Error> {
        if let Some(known) = self.tokens.get(hash).await {
            return Ok(known);
        }
        let found = self.database.instances().locate_by_token(&hex::encode(hash)).await?.map(Arc::new);
        self.tokens.insert(*hash, found.clone()).await;
        Ok(found)
    }
}

impl Handle {
    /// The entry of the region that knows an instance of this name, as a node to pass requests to.
    pub async fn region_of(&self, name: &str) -> Option<Node> {
        let peers = self.peers.as_ref()?;
        for entry in &self.options.regions {
            if peers.knows(entry, name).await {
                let me = Me { url: entry.clone(), ..self.options.me.clone() };
                return Some(Node { me, state: NodeState::Active, age: Duration::ZERO });
            }
        }
        None
    }

    /// Where an instance is, as far as is known.
    #[must_use]
    pub fn place(&self, located: &Located) -> Place {
        if self.registry.by_id(located.id).is_some_and(|handle| !handle.is_leaving()) {
            return Place::Here;
        }
        let view = self.view.borrow();
        let owner = located.owner.as_ref().filter(|owner| {
            **owner != self.options.me.id || located.client_name != self.options.me.client_name
        });
        match owner.and_then(|owner| view.node(&located.client_name, owner)) {
            Some(node) => Place::There(node.clone()),
            None => Place::Nowhere,
        }
    }
}
