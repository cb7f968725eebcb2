//! The roll in Redis: one sorted set of signs of life for all client names, in Redis' own time, so
//! that no two clocks are compared.
//!
//! The keys share a hash tag, so that they are in one slot of a cluster: `PREFIX:{nodes}:says`,
//! `:beats`, `:lives` and `:since`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::{FromRedisValue, RedisError, Script, Value};

use super::Error;
use super::roll::{Beat, Roll};
use super::view::{Me, Node, NodeState, View};
use crate::redis_link::Link;

static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/beat.lua")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/leave.lua")));

/// The roll in Redis.
pub struct Redis {
    link: Link,
    keys: [String; 4],
    me: Me,
    field: String,
    ttl: Duration,
    /// Number of this life; 0 before the first sign of it.
    life: AtomicI64,
}

impl Redis {
    /// The roll behind a link, with keys that begin with `prefix`. A node counts as dead after `ttl`.
    #[must_use]
    pub fn new(link: Link, prefix: &str, me: Me, ttl: Duration) -> Self {
        let keys = ["says", "beats", "lives", "since"].map(|key| format!("{prefix}:{{nodes}}:{key}"));
        let field = format!("{}/{}", me.client_name, me.id);
        Self { link, keys, me, field, ttl, life: AtomicI64::new(0) }
    }
}

#[async_trait]
impl Roll for Redis {
    async fn beat(&self, state: NodeState) -> Result<Beat, Error> {
        let own = Node { me: self.me.clone(), state, age: Duration::ZERO };
        let says = serde_json::to_string(&own).map_err(|error| Error::Unreachable(Box::new(error)))?;
        let mut script = BEAT.prepare_invoke();
        for key in &self.keys {
            script.key(key);
        }
        let life = self.life.load(Ordering::Relaxed);
        script.arg(&self.field).arg(says).arg(life).arg(millis(self.ttl));
        let mut link = self.link.clone();
        let answer: Vec<Value> = script.invoke_async(&mut link).await.map_err(failed)?;
        let mut answer = answer.into_iter();
        let life: i64 = number(answer.next())?;
        if life < 0 {
            return Ok(Beat::Replaced);
        }
        self.life.store(life, Ordering::Relaxed);
        let settled = number(answer.next())? == 1;
        let mut nodes = Vec::new();
        while let (Some(says), Some(age)) = (answer.next(), answer.next()) {
            let says = String::from_redis_value(says).map_err(|error| failed(error.into()))?;
            let age = Duration::from_millis(number(Some(age))?.unsigned_abs());
            // A newer build may say what this one does not understand: it counts as absent here only
            // for placement, and that build knows better.
            match serde_json::from_str::<Node>(&says) {
                Ok(node) => nodes.push(Node { age, ..node }),
                Err(error) => tracing::warn!(%error, "a node that cannot be understood"),
            }
        }
        nodes.sort_by(|a, b| (&a.me.client_name, &a.me.id.0).cmp(&(&b.me.client_name, &b.me.id.0)));
        Ok(Beat::Seen(View { nodes, settled }))
    }

    async fn leave(&self) -> Result<(), Error> {
        let mut script = LEAVE.prepare_invoke();
        for key in &self.keys[..3] {
            script.key(key);
        }
        script.arg(&self.field).arg(self.life.load(Ordering::Relaxed));
        let mut link = self.link.clone();
        script.invoke_async::<i64>(&mut link).await.map(drop).map_err(failed)
    }
}

fn number(value: Option<Value>) -> Result<i64, Error> {
    i64::from_redis_value(value.unwrap_or(Value::Nil)).map_err(|error| failed(error.into()))
}

fn failed(error: RedisError) -> Error {
    Error::Unreachable(Box::new(error))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
