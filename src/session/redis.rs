//! Records in Redis: one hash per instance and kind, the fence beside them. A batch is one script,
//! so it is applied whole or not at all. How durable that is, is Redis's own matter (`appendonly`);
//! [`Mirrored`](super::mirrored::Mirrored) keeps the same records in the database too.
//!
//! Keys share a hash tag, so that an instance is in one slot of a cluster:
//! `PREFIX:session:{INSTANCE}:k:KIND` (hash), `:fence`, `:kinds` (set), `:expiry` (sorted by time, of
//! what has an end) and `:mark`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use redis::{RedisError, Script, ScriptInvocation};

use super::{Batch, Change, Error, Kind, Owner, Store};
use crate::redis_link::Link;

/// How long one command of this store should be let take.
pub const ANSWER: Duration = Duration::from_secs(2);
/// Most records of a seed that are written together.
const TOGETHER: usize = 256;

/// `KEYS`: the base of the instance's keys. `ARGV`: fence, now, whether a mark must be there, the
/// mark to set or nothing, then the changes: `P` kind key end value, `D` kind key, `C` kind.
/// Answers what [`Answer`] says.
static APPLY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/apply.lua")));

/// `KEYS`: the base. `ARGV`: fence. Removes everything but the fence.
static DESTROY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/destroy.lua")));

/// What a script answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Done.
    Done,
    /// There is a newer fence.
    Fenced,
    /// The mark that had to be there is gone, and so may be all records.
    Unmarked,
}

/// What a batch says about the mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark<'a> {
    /// Nothing.
    Ignored,
    /// It must be there, and stays.
    Kept,
    /// It must be there, and becomes this.
    Moved(&'a str),
    /// It becomes this.
    Set(&'a str),
}

/// What was read, with the mark of the same moment.
type Marked<T> = (Option<String>, T);

/// A record with its kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Key space.
    pub kind: String,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Bytes,
    /// When it may be forgotten, in unix milliseconds.
    pub expires_at: Option<i64>,
}

/// A store in Redis.
#[derive(Clone)]
pub struct Redis {
    link: Link,
    prefix: Arc<str>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Redis {
    /// Records behind a link; `clock` tells wall time in unix milliseconds, all keys begin with
    /// `prefix`.
    #[must_use]
    pub fn new(link: Link, prefix: &str, clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self { link, prefix: prefix.into(), clock }
    }

    fn base(&self, owner: Owner) -> String {
        format!("{}:session:{{{}}}", self.prefix, owner.instance)
    }

    async fn run(&self, invocation: &ScriptInvocation<'_>) -> Result<Answer, Error> {
        let mut link = self.link.clone();
        match invocation.invoke_async::<i64>(&mut link).await.map_err(failed)? {
            0 => Ok(Answer::Done),
            1 => Ok(Answer::Fenced),
            _ => Ok(Answer::Unmarked),
        }
    }

    /// Applies changes if fence and mark allow it.
    pub(super) async fn change(
        &self,
        owner: Owner,
        changes: &[Change],
        mark: Mark<'_>,
    ) -> Result<Answer, Error> {
        let mut script = APPLY.prepare_invoke();
        let (must, mark) = match mark {
            Mark::Ignored => (0, ""),
            Mark::Kept => (1, ""),
            Mark::Moved(mark) => (1, mark),
            Mark::Set(mark) => (0, mark),
        };
        script.key(self.base(owner)).arg(owner.fence.0).arg((self.clock)()).arg(must).arg(mark);
        for change in changes {
            match change {
                Change::Put { kind, key, value, expires_at } => {
                    script.arg("P").arg(*kind).arg(key).arg(expires_at.unwrap_or(0));
                    script.arg(encode(value, *expires_at));
                }
                Change::Delete { kind, key } => drop(script.arg("D").arg(*kind).arg(key)),
                Change::Clear { kind } => drop(script.arg("C").arg(*kind)),
            }
        }
        self.run(&script).await
    }

    /// Values with the mark, as of one moment.
    pub(super) async fn marked(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Marked<Vec<Option<Bytes>>>, Error> {
        if keys.is_empty() {
            return Ok((self.mark(owner).await?, Vec::new()));
        }
        let base = self.base(owner);
        let mut both = redis::pipe();
        both.atomic().get(format!("{base}:mark"));
        both.cmd("HMGET").arg(format!("{base}:k:{kind}")).arg(keys);
        let mut link = self.link.clone();
        let (mark, values): (Option<String>, Vec<Option<Vec<u8>>>) =
            both.query_async(&mut link).await.map_err(failed)?;
        let now = (self.clock)();
        let live = |value: Option<Vec<u8>>| value.map(|value| decode(value, now)).transpose();
        let values: Result<Vec<_>, _> = values.into_iter().map(live).collect();
        Ok((mark, values?.into_iter().map(Option::flatten).collect()))
    }

    /// Records of a kind with the mark, as of one moment.
    pub(super) async fn marked_scan(
        &self,
        owner: Owner,
        kind: Kind,
        prefix: &[u8],
    ) -> Result<Marked<Vec<(Vec<u8>, Bytes)>>, Error> {
        let base = self.base(owner);
        let mut both = redis::pipe();
        both.atomic().get(format!("{base}:mark")).hgetall(format!("{base}:k:{kind}"));
        let mut link = self.link.clone();
        let (mark, rows): (_, Vec<(Vec<u8>, Vec<u8>)>) = both.query_async(&mut link).await.map_err(failed)?;
        let now = (self.clock)();
        let mut found = Vec::new();
        for (key, value) in rows.into_iter().filter(|(key, _)| key.starts_with(prefix)) {
            if let Some(value) = decode(value, now)? {
                found.push((key, value));
            }
        }
        found.sort_unstable();
        Ok((mark, found))
    }

    /// The mark.
    pub(super) async fn mark(&self, owner: Owner) -> Result<Option<String>, Error> {
        let mut link = self.link.clone();
        let key = format!("{}:mark", self.base(owner));
        redis::cmd("GET").arg(key).query_async(&mut link).await.map_err(failed)
    }

    /// Replaces everything by these records; the mark comes last.
    pub(super) async fn seed(&self, owner: Owner, records: &[Record], mark: &str) -> Result<Answer, Error> {
        let cleared = self.run(DESTROY.key(self.base(owner)).arg(owner.fence.0)).await?;
        if cleared != Answer::Done {
            return Ok(cleared);
        }
        for some in records.chunks(TOGETHER) {
            let mut script = APPLY.prepare_invoke();
            script.key(self.base(owner)).arg(owner.fence.0).arg(0).arg(0).arg("");
            for record in some {
                script.arg("P").arg(&record.kind).arg(&record.key).arg(record.expires_at.unwrap_or(0));
                script.arg(encode(&record.value, record.expires_at));
            }
            let answer = self.run(&script).await?;
            if answer != Answer::Done {
                return Ok(answer);
            }
        }
        self.change(owner, &[], Mark::Set(mark)).await
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.marked(owner, kind, &[key.to_vec()]).await?.1.pop().flatten())
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        Ok(self.marked(owner, kind, keys).await?.1)
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        Ok(self.marked_scan(owner, kind, prefix).await?.1)
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        match self.change(owner, &batch.changes, Mark::Ignored).await? {
            Answer::Fenced => Err(Error::Fenced),
            _ => Ok(()),
        }
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        match self.run(DESTROY.key(self.base(owner)).arg(owner.fence.0)).await? {
            Answer::Fenced => Err(Error::Fenced),
            _ => Ok(()),
        }
    }
}

/// The end (8 bytes, 0 is never), then the value.
fn encode(value: &Bytes, expires_at: Option<i64>) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(8 + value.len());
    encoded.extend_from_slice(&expires_at.unwrap_or(0).to_be_bytes());
    encoded.extend_from_slice(value);
    encoded
}

fn decode(encoded: Vec<u8>, now: i64) -> Result<Option<Bytes>, Error> {
    let mut value = Bytes::from(encoded);
    let end = value.try_get_i64().map_err(|_| Error::Corrupt("a record without its end".to_owned()))?;
    Ok((end == 0 || end > now).then_some(value))
}

fn failed(error: RedisError) -> Error {
    Error::Unavailable(Box::new(error))
}
