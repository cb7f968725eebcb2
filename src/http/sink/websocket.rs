//! `/websocket/{set,find}/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::{Feed, row, store};
use crate::domain::SinkKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// The WebSocket feed of an instance.
#[derive(ToSchema)]
pub struct SetWebsocket {
    /// The feed; its fields may stand beside it too.
    websocket: Feed,
}

impl Input for SetWebsocket {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Feed::of_body(fields, "websocket").map(|websocket| Self { websocket })
    }
}

/// Stores the feed.
pub async fn set(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SetWebsocket>,
) -> Result<HttpResponse, Error> {
    let sink = row(SinkKind::Websocket, &body.websocket, instance.journal().now());
    store(&instance, &state, sink).await
}

/// The feed, or `null`.
pub async fn find(instance: LocalInstance) -> HttpResponse {
    super::find(&instance, SinkKind::Websocket)
}
