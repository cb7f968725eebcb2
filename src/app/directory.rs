//! Tells those who deliver where the events of an instance go: from the running instances, and from
//! the database for those that do not run yet, or were deleted while events of them still wait.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::config::Config;
use crate::db::{self, Database};
use crate::domain::{InstanceId, Sink, SinkKind};
use crate::events::rabbitmq::{self, Tenant};
use crate::instance::Registry;
use crate::telemetry::tally::Count;
use crate::webhook::{self, Endpoint, Unavailable};

pub struct Directory {
    registry: Registry,
    database: Database,
    global: Option<(String, bool)>,
}

impl Directory {
    pub fn new(registry: Registry, database: Database, config: &Config) -> Self {
        let global = config.webhook.global.as_ref();
        let global = global.map(|global| (global.url.expose().to_owned(), global.by_events));
        Self { registry, database, global }
    }

    /// The endpoint without its URL, and the sinks of the instance.
    async fn about(&self, instance: InstanceId) -> Result<Option<(Endpoint, Vec<Sink>)>, Unavailable> {
        if let Some(handle) = self.registry.by_id(instance) {
            let endpoint = Endpoint {
                instance: handle.name().to_string(),
                sender: handle.view().owner.map(|jid| jid.to_string()),
                token: Some(handle.token().to_owned()),
                ..Endpoint::default()
            };
            return Ok(Some((endpoint, handle.journal().sinks().to_vec())));
        }
        let Some(endpoint) = stored(&self.database, instance).await.map_err(|_| Unavailable)? else {
            return Ok(None);
        };
        let sinks = self.database.instances().all_sinks(&[instance]).await.map_err(|_| Unavailable)?;
        Ok(Some((endpoint, sinks.into_values().flatten().collect())))
    }
}

/// What the database has on an instance that does not run here: an endpoint without its URL.
pub async fn stored(database: &Database, instance: InstanceId) -> Result<Option<Endpoint>, db::Error> {
    let instances = database.instances();
    if let Some(found) = instances.by_id(instance).await? {
        let (instance, sender) = (found.name.to_string(), found.owner_jid);
        return Ok(Some(Endpoint { instance, sender, token: Some(found.token), ..Endpoint::default() }));
    }
    let remains = instances.by_id_even_deleted(instance).await?;
    Ok(remains.map(|row| Endpoint { instance: row.name, sender: row.owner_jid, ..Endpoint::default() }))
}

#[async_trait]
impl rabbitmq::Directory for Directory {
    async fn tenant(&self, instance: InstanceId) -> Result<Option<Tenant>, rabbitmq::Unavailable> {
        let about = self.about(instance).await.map_err(|_| rabbitmq::Unavailable)?;
        Ok(about.map(|(endpoint, sinks)| Tenant {
            name: endpoint.instance,
            sender: endpoint.sender,
            token: endpoint.token,
            feed: sinks.iter().any(|sink| sink.kind == SinkKind::Rabbitmq && sink.enabled),
        }))
    }
}

#[async_trait]
impl webhook::Directory for Directory {
    async fn endpoint(
        &self,
        instance: InstanceId,
        sink: &'static str,
    ) -> Result<Option<Endpoint>, Unavailable> {
        let Some((endpoint, sinks)) = self.about(instance).await? else { return Ok(None) };
        if sink == webhook::GLOBAL {
            let global = self.global.clone();
            return Ok(global.map(|(url, by_events)| Endpoint {
                url,
                by_events,
                headers: BTreeMap::new(),
                ..endpoint
            }));
        }
        let own = sinks.into_iter().find(|sink| sink.kind == SinkKind::Webhook && sink.enabled);
        Ok(own.and_then(|sink| sink.webhook).map(|options| Endpoint {
            url: options.url,
            headers: options.headers,
            by_events: options.by_events,
            base64: options.base64,
            ..endpoint
        }))
    }

    fn failed(&self, instance: InstanceId) {
        if let Some(handle) = self.registry.by_id(instance) {
            handle.place().tally().add(Count::WebhookFailures, 1);
        }
    }
}
