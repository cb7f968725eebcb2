//! `/rabbitmq/{set,find}/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::{Feed, row, store};
use crate::domain::SinkKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// The RabbitMQ feed of an instance.
#[derive(ToSchema)]
pub struct SetRabbitmq {
    /// The feed; its fields may stand beside it too.
    rabbitmq: Feed,
}

impl Input for SetRabbitmq {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Feed::of_body(fields, "rabbitmq").map(|rabbitmq| Self { rabbitmq })
    }
}

/// Stores the feed.
pub async fn set(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SetRabbitmq>,
) -> Result<HttpResponse, Error> {
    let sink = row(SinkKind::Rabbitmq, &body.rabbitmq, instance.journal().now());
    store(&instance, &state, sink).await
}

/// The feed, or `null`.
pub async fn find(instance: LocalInstance) -> HttpResponse {
    super::find(&instance, SinkKind::Rabbitmq)
}
