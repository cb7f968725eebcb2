//! The state of an instance in memory, as of an entry of its log.

use bytes::Bytes;
use uuid::Uuid;

use super::entry::{Entry, HEADER};
use super::log::{Listed, Log};
use crate::domain::Fence;
use crate::session::records::Records;
use crate::session::{Change, Error, Owner};

/// Attempts to read a log that changes meanwhile.
const TRIES: usize = 4;
/// Entries behind a whole state before the next one is written.
const MOST: u64 = 256;
/// Bytes of such entries; or twice the state, if that is more.
const MOST_BYTES: usize = 256 << 10;
/// How long the first entry of a claim is kept after it is superseded.
const MONTH: i64 = 30 * 24 * 60 * 60 * 1000;

/// The state after entry `tip`.
pub(super) struct Image {
    /// The claim under which it was loaded.
    pub(super) fence: Fence,
    pub(super) records: Records,
    /// The newest entry, and the newest with a whole state.
    pub(super) tip: u64,
    pub(super) base: u64,
    /// The bytes of the base, and of the entries behind it; and what the records weigh.
    whole: usize,
    log: usize,
    weight: usize,
    /// Which entries were read.
    ids: Vec<Uuid>,
    /// The entries that the next whole state supersedes.
    needed: Vec<u64>,
    /// Those that are superseded.
    superseded: Vec<u64>,
}

/// Loads the image and makes the claim known; or says which newer claim there is.
pub(super) async fn load(log: &Log, owner: Owner, now: i64) -> Result<Result<Image, Fence>, Error> {
    for _ in 0..TRIES {
        let listed = log.list(owner.instance).await?;
        let (mut image, newest) = match listed.last() {
            None => (Image::empty(), None),
            Some(last) => {
                let Some(newest) = log.read(owner.instance, last.number).await? else { continue };
                if newest.fence > owner.fence {
                    return Ok(Err(newest.fence));
                }
                let numbers = newest.base..last.number;
                let Some(mut entries) = log.range(owner.instance, numbers).await? else { continue };
                let (base, fence) = (newest.base, newest.fence);
                entries.push(newest);
                (Image::of(&entries, base, &listed, now)?, Some(fence))
            }
        };
        image.fence = owner.fence;
        if newest == Some(owner.fence) || image.claim(log, owner).await? {
            return Ok(Ok(image));
        }
    }
    Err(Error::Unavailable("the log of the session changes all the time, or entries are missing".into()))
}

impl Image {
    fn empty() -> Self {
        Self {
            fence: Fence(0),
            records: Records::default(),
            tip: 0,
            base: 1,
            whole: 0,
            log: 0,
            weight: 0,
            ids: Vec::new(),
            needed: Vec::new(),
            superseded: Vec::new(),
        }
    }

    /// From the entries `base` to the newest.
    fn of(entries: &[Entry], base: u64, listed: &[Listed], now: i64) -> Result<Self, Error> {
        let mut image = Self::empty();
        for entry in entries {
            entry.replay(&mut image.records)?;
            image.ids.push(entry.id);
        }
        image.whole = entries.first().map_or(0, |entry| entry.body.len());
        image.log = entries.iter().skip(1).map(|entry| entry.body.len()).sum();
        image.weight = image.records.weight();
        image.base = base;
        image.tip = base + entries.len() as u64 - 1;
        for one in listed {
            // Without changes: the first of a claim, or what is left of an instance.
            let guards = one.size == HEADER as u64;
            if one.number < base && (!guards || now - one.made > MONTH) {
                image.superseded.push(one.number);
            } else if one.number >= base && !guards {
                image.needed.push(one.number);
            }
        }
        Ok(image)
    }

    /// Begins a claim; `false` when another entry came first.
    async fn claim(&mut self, log: &Log, owner: Owner) -> Result<bool, Error> {
        let (number, id) = (self.tip + 1, Uuid::new_v4());
        let entry = Entry { fence: owner.fence, base: self.base, id, body: Bytes::new() };
        let claimed = log.create(owner.instance, number, entry.encode()).await?;
        self.tip = number;
        Ok(claimed)
    }

    /// Whether an entry was found in the log.
    pub(super) fn has(&self, id: Uuid) -> bool {
        self.ids.contains(&id)
    }

    /// Whether it is time for a whole state.
    pub(super) fn is_long(&self) -> bool {
        self.tip - self.base >= MOST || self.log > MOST_BYTES.max(2 * self.whole)
    }

    /// An entry with changes was written.
    pub(super) fn changed(&mut self, number: u64, changes: &[Change], bytes: usize, now: i64) {
        changes.iter().cloned().for_each(|change| self.records.change(change));
        self.records.sweep(now);
        self.tip = number;
        self.log += bytes;
        self.weight += bytes;
        self.needed.push(number);
    }

    /// An entry with the whole state was written.
    pub(super) fn replaced(&mut self, number: u64, records: Records, bytes: usize) {
        self.whole = bytes;
        self.weight = records.weight();
        self.records = records;
        (self.tip, self.base, self.log) = (number, number, 0);
        self.superseded.append(&mut self.needed);
        self.needed.push(number);
    }

    /// Takes the entries that are to be removed, after a whole state was written.
    pub(super) fn take_superseded(&mut self) -> Vec<u64> {
        if self.tip == self.base { std::mem::take(&mut self.superseded) } else { Vec::new() }
    }

    /// Entries could not be removed.
    pub(super) fn give_back(&mut self, superseded: Vec<u64>) {
        self.superseded.extend(superseded);
    }

    /// The memory that it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}
