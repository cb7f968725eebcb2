//! Faults on demand, and scenarios of them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::Handle;
use crate::{
    error::{Error, Result},
    relay,
    wire::nodes::el,
    world::{
        account::Account,
        faults::{
            LoginFailure, StandingFaults,
            conditions::Conditions,
            order::{Fault, FaultOrder, Scope, Step},
            queries::QueryFailure,
        },
        outbox::Link,
    },
};

impl Handle {
    /// Lets a fault happen, and returns how many connections it struck at once. Standing faults (delays,
    /// login failures, ...) strike later: see [`Handle::faults`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the account, device or contact in scope does not exist;
    /// [`Error::Invalid`] when the fault needs a narrower scope.
    pub fn inject(&self, order: FaultOrder) -> Result<usize> {
        let FaultOrder { scope, fault } = order;
        let kind = fault.kind();
        let struck = self.strike(&scope, fault)?;
        self.world.faults.used(kind, struck as u64);
        tracing::debug!(kind, ?scope, struck, "fault");
        Ok(struck)
    }

    /// Faults that stand, and how often each kind has struck.
    pub fn faults(&self) -> StandingFaults {
        self.world.faults.standing(self.orders())
    }

    /// Runs the steps of a scenario by the clock, beside whatever else happens, until the simulator stops.
    /// A step that fails is logged and does not end the scenario.
    pub fn run_scenario(&self, steps: Vec<Step>) {
        let (handle, start) = (self.clone(), Instant::now());
        let mut events = Vec::new();
        for step in steps {
            for n in 0..u64::from(step.times.min(MAX_TIMES)) {
                let after = step.after_ms.saturating_add(n.saturating_mul(step.every_ms));
                events.push((after, step.fault.clone()));
            }
        }
        events.sort_by_key(|(after, _)| *after);
        let stop = self.world.tasks.stop().clone();
        self.world.tasks.spawn(async move {
            for (after, order) in events {
                let Some(at) = start.checked_add(Duration::from_millis(after)) else { return };
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = stop.cancelled() => return,
                }
                let kind = order.fault.kind();
                match handle.inject(order) {
                    Ok(struck) => tracing::info!(kind, struck, "scenario step"),
                    Err(error) => tracing::warn!(kind, %error, "scenario step failed"),
                }
            }
        });
    }

    fn orders(&self) -> Vec<FaultOrder> {
        let order = |phone: Option<&str>, device, fault| FaultOrder {
            scope: Scope { phone: phone.map(str::to_owned), device, share: None },
            fault,
        };
        let mut orders: Vec<_> =
            self.world.conditions.standing().map(|fault| order(None, None, fault)).collect();
        let global = self.world.latency.get().filter(|delay| *delay != (0, 0));
        orders.extend(
            global.map(|(latency_ms, jitter_ms)| order(None, None, Fault::Latency { latency_ms, jitter_ms })),
        );
        for account in self.world.directory.all() {
            let phone = Some(account.phone.as_str());
            orders.extend(account.conditions.standing().map(|fault| order(phone, None, fault)));
            let (deaf, corrupt) = {
                let agent = account.agent();
                (agent.deaf, agent.corrupt)
            };
            if deaf > 0 {
                orders.push(order(phone, None, Fault::AskRetry { next: deaf }));
            }
            if corrupt > 0 {
                orders.push(order(phone, None, Fault::Corrupt { next: corrupt }));
            }
            for device in account.state().devices.values() {
                let id = Some(device.id);
                orders.extend(device.conditions.standing().map(|fault| order(phone, id, fault)));
                if device.outbox.link.as_ref().is_some_and(|link| link.silence.on()) {
                    orders.push(order(phone, id, Fault::HalfOpen));
                }
            }
        }
        orders
    }

    fn strike(&self, scope: &Scope, fault: Fault) -> Result<usize> {
        let world = &self.world;
        match fault {
            Fault::Drop => self.each_link(scope, |link| link.cut.cancel()),
            Fault::HalfOpen => self.each_link(scope, |link| link.silence.set(true)),
            Fault::Resume => self.each_link(scope, |link| link.silence.set(false)),
            Fault::Replaced => self.each_link(scope, |link| relay::conflict(link, "replaced")),
            Fault::StreamError { code } => self.each_link(scope, |link| {
                link.send(vec![Arc::new(el("stream:error").attr("code", code).build())], None);
                link.close.cancel();
            }),
            Fault::RemoveDevice => {
                let (Some(phone), Some(device)) = (&scope.phone, scope.device) else {
                    return Err(Error::Invalid("removeDevice needs phone and device".into()));
                };
                self.remove_device(phone, device)?;
                Ok(1)
            }
            Fault::Latency { latency_ms, jitter_ms } => {
                match scope.phone {
                    None => world.latency.set(latency_ms, jitter_ms),
                    Some(_) => {
                        self.conditions(scope, |conditions| conditions.latency.set(latency_ms, jitter_ms))?;
                    }
                }
                Ok(0)
            }
            Fault::Reorder { probability, next } => {
                self.conditions(scope, |conditions| conditions.reorder.set(probability, next))
            }
            Fault::Duplicate { probability, next } => {
                self.conditions(scope, |conditions| conditions.duplicate.set(probability, next))
            }
            Fault::FailLogins { reason, count, code, expire } => {
                if scope.device.is_some() {
                    return Err(Error::Invalid("logins fail per account, not per device".into()));
                }
                let phone = self.scoped(scope)?.map(|account| account.phone.clone());
                world.faults.add(LoginFailure { reason, count, phone, code, expire });
                Ok(0)
            }
            Fault::FailQueries(refused) => {
                if scope.device.is_some() {
                    return Err(Error::Invalid("queries fail per account, not per device".into()));
                }
                let phone = self.scoped(scope)?.map(|account| account.phone.clone());
                world.faults.refuse_queries(QueryFailure { refused, phone });
                Ok(0)
            }
            Fault::RefuseConnections(refusal) => {
                world.faults.refuse_connections(refusal);
                Ok(0)
            }
            Fault::Media(fault) => {
                world.faults.fail_media(fault);
                Ok(0)
            }
            Fault::AskRetry { next } => self.contact(scope, |account| account.agent().deaf = next),
            Fault::Corrupt { next } => self.contact(scope, |account| account.agent().corrupt = next),
            Fault::Lift => self.lift(scope),
        }
    }

    /// The account in scope; nothing when all are.
    fn scoped(&self, scope: &Scope) -> Result<Option<Arc<Account>>> {
        if scope.phone.is_none() && scope.device.is_some() {
            return Err(Error::Invalid("a device needs its phone".into()));
        }
        scope.phone.as_deref().map(|phone| self.account(phone)).transpose()
    }

    fn contact(&self, scope: &Scope, change: impl FnOnce(&Account)) -> Result<usize> {
        let account = self
            .scoped(scope)?
            .ok_or_else(|| Error::Invalid("this fault needs the phone of a contact".into()))?;
        change(&account);
        Ok(0)
    }

    fn conditions(&self, scope: &Scope, change: impl FnOnce(&Conditions)) -> Result<usize> {
        match (self.scoped(scope)?, scope.device) {
            (None, _) => change(&self.world.conditions),
            (Some(account), None) => change(&account.conditions),
            (Some(account), Some(id)) => {
                let device = account.state().devices.get(&id).map(|device| device.conditions.clone());
                change(&*device.ok_or_else(|| Error::NotFound(format!("device {id} of {}", account.phone)))?);
            }
        }
        Ok(0)
    }

    /// Acts on the live connections in scope; those of unpaired clients belong to the scope of all.
    fn each_link(&self, scope: &Scope, act: impl Fn(&Link)) -> Result<usize> {
        let account = self.scoped(scope)?;
        let all = account.is_none();
        let accounts = account.map_or_else(|| self.world.directory.all(), |account| vec![account]);
        let mut links: Vec<Link> = Vec::new();
        for account in accounts {
            let state = account.state();
            let devices =
                state.devices.values().filter(|device| scope.device.is_none_or(|only| only == device.id));
            links.extend(devices.filter_map(|device| device.outbox.link.clone()));
        }
        if all {
            let mut known = HashSet::new();
            let slots = self.world.desk.refs.iter();
            links.extend(slots.map(|slot| slot.link.clone()).filter(|link| known.insert(link.id)));
        }
        if let Some(share) = scope.share {
            links.retain(|_| rand::random::<f64>() < share);
        }
        links.iter().for_each(act);
        Ok(links.len())
    }

    fn lift(&self, scope: &Scope) -> Result<usize> {
        let options = &self.world.options;
        if let Some(account) = self.scoped(scope)? {
            if let Some(only) = scope.device {
                if let Some(device) = account.state().devices.get(&only) {
                    device.conditions.lift();
                }
            } else {
                self.world.faults.lift(Some(&account.phone));
                lift_account(&account);
            }
        } else {
            self.world.faults.lift(None);
            self.world.conditions.lift();
            self.world.latency.set(options.latency_ms, options.jitter_ms);
            self.world.directory.all().iter().for_each(|account| lift_account(account));
        }
        self.each_link(&Scope { share: None, ..scope.clone() }, |link| link.silence.set(false))?;
        Ok(0)
    }
}

/// Most repetitions of a scenario's step.
const MAX_TIMES: u32 = 100_000;

fn lift_account(account: &Account) {
    account.conditions.lift();
    {
        let mut agent = account.agent();
        agent.deaf = 0;
        agent.corrupt = 0;
    }
    account.state().devices.values().for_each(|device| device.conditions.lift());
}
