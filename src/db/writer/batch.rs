//! One transaction over the units of many instances.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use tokio::time::timeout;
use uuid::Uuid;

use super::flush::Flush;
use super::state::State;
use super::{Outcome, Unit, apply, preload};
use crate::db::entity::instance::{Column, Entity};
use crate::db::error::Cause;
use crate::db::pools::Pools;
use crate::db::{Error, OutboxRow};
use crate::domain::InstanceId;

/// A server that keeps a statement for this long is as good as gone; without a bound a silent one
/// would stop every instance of the node.
const STUCK: Duration = Duration::from_secs(15);

/// What a transaction did, one outcome per unit.
pub struct Committed {
    pub outcomes: Vec<Result<Outcome, Error>>,
    pub rows: Vec<OutboxRow>,
    /// Of the instances with events: the claim, and where their numbers stand now.
    sequences: Vec<(Uuid, i64, i64)>,
}

/// Why a transaction failed.
pub struct Broken {
    pub error: Error,
    /// Set when the answer to the commit was lost: it may have happened.
    pub in_doubt: Option<Committed>,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self { error, in_doubt: None }
    }
}

/// Writes the units, all of them or none, except for those that are fenced.
pub async fn write(pools: &Pools, units: &[&Unit]) -> Result<Committed, Broken> {
    let body = timeout(STUCK, async {
        let transaction = pools.begin_commit().await?;
        let committed = fill(&transaction, pools.now(), units).await?;
        Ok::<_, Error>((transaction, committed))
    });
    let (transaction, committed) = body.await.map_err(stuck)??;
    let outcome = match timeout(STUCK, transaction.commit()).await {
        Ok(outcome) => outcome.map_err(Error::from),
        Err(elapsed) => Err(stuck(elapsed)),
    };
    match outcome {
        Ok(()) => Ok(committed),
        Err(error) if error.is_unavailable() => Err(Broken { error, in_doubt: Some(committed) }),
        Err(error) => Err(error.into()),
    }
}

/// Whether a commit in doubt happened: then the instances' numbers stand where it left them, unless
/// somebody else has claimed the instance since; then writing again is refused, which is safe.
/// Without an event there is nothing to tell by, and writing again does no harm.
pub async fn landed(pools: &Pools, doubt: &Committed) -> Result<bool, Error> {
    let Some((id, fence, sequence)) = doubt.sequences.first() else { return Ok(false) };
    let stored: Option<(i64, i64)> = Entity::find()
        .select_only()
        .columns([Column::Fence, Column::EventSequence])
        .filter(Column::Id.eq(*id))
        .into_tuple()
        .one(pools.commit())
        .await?;
    Ok(stored == Some((*fence, *sequence)))
}

async fn fill(transaction: &DatabaseTransaction, now: i64, units: &[&Unit]) -> Result<Committed, Error> {
    let ids: BTreeSet<Uuid> = units.iter().map(|unit| unit.instance.0).collect();
    let mut state =
        State { now, instances: preload::instances(transaction, &ids).await?, ..State::default() };
    let admitted: Vec<bool> = units.iter().map(|unit| is_admitted(&state, unit)).collect();
    let allowed = units.iter().zip(&admitted).filter(|(_, admitted)| **admitted).map(|(unit, _)| *unit);
    preload::rows(transaction, allowed, &mut state).await?;
    let outcomes = units
        .iter()
        .zip(&admitted)
        .map(|(unit, admitted)| {
            if !admitted {
                return Err(Error::Fenced);
            }
            Ok(Outcome { inserted: apply::unit(&mut state, unit) })
        })
        .collect();
    Flush { transaction }.all(&mut state).await?;
    let told = state.instances.iter().filter(|(_, life)| life.told);
    let sequences = told.map(|(InstanceId(id), life)| (*id, life.fence, life.sequence)).collect();
    Ok(Committed { outcomes, rows: state.outbox, sequences })
}

fn is_admitted(state: &State, unit: &Unit) -> bool {
    let life = state.instances.get(&unit.instance);
    life.is_some_and(|life| !life.deleted && unit.fence.0 >= life.fence)
}

fn stuck(elapsed: tokio::time::error::Elapsed) -> Error {
    Error::Unavailable(Cause::new(elapsed))
}
