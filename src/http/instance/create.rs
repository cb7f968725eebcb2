//! `POST /instance/create`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connect::{PATIENCE, digits};
use super::created::shown;
use crate::auth;
use crate::domain::{InstanceName, SinkKind};
use crate::http::cluster::checked;
use crate::http::extract::{GlobalKey, Input, Valid};
use crate::http::fields::Fields;
use crate::http::settings::SetSettings;
use crate::http::sink::{Feed, row};
use crate::http::webhook::Webhook;
use crate::http::{Error, State};
use crate::instance::New;

/// What `integration` is when nobody says.
const WHATSAPP_WEB: &str = "WHATSAPP-BAILEYS";
/// Fewest and most characters of a token.
const TOKEN: std::ops::RangeInclusive<usize> = 8..=255;

/// An instance to create. The fields of `SetSettings` may stand beside these; all are optional here.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Create {
    /// 1 to 100 characters: letters and digits of any script, space and `- _ . @ +`.
    instance_name: String,
    /// Whose nodes load it; those of the node that is asked, when absent.
    client_name: Option<String>,
    /// The provider; `WHATSAPP-BAILEYS` when absent.
    integration: Option<String>,
    /// The instance's key, 8 characters or more; made when absent.
    token: Option<String>,
    /// The phone's number: with `qrcode`, a pairing code is asked for too.
    number: Option<String>,
    /// Meta's business id.
    business_id: Option<String>,
    /// Connect at once, and answer with the first QR.
    qrcode: Option<bool>,
    /// Behaviour; its fields stand beside the others.
    #[schema(ignore)]
    settings: SetSettings,
    /// Where events are posted.
    webhook: Option<Webhook>,
    /// The instance's RabbitMQ feed.
    rabbitmq: Option<Feed>,
    /// The instance's WebSocket feed.
    websocket: Option<Feed>,
}

impl Input for Create {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let filled = |name: &str| fields.text(name).filter(|text| !text.is_empty());
        let webhook = match fields.value("webhook") {
            Some(serde_json::Value::String(url)) if url.is_empty() => None,
            // The shape of version 1: an address, with its options beside it.
            Some(serde_json::Value::String(_)) => Webhook::read_flat(fields, "webhook"),
            _ => fields.object("webhook").filter(Webhook::is_given).and_then(|inner| Webhook::read(&inner)),
        };
        let feed = |name: &str| fields.object(name).and_then(|inner| Feed::read_lenient(&inner));
        let create = Self {
            integration: filled("integration"),
            token: filled("token"),
            number: filled("number"),
            business_id: filled("businessId"),
            qrcode: fields.flag("qrcode"),
            settings: SetSettings::among(fields),
            webhook,
            rabbitmq: feed("rabbitmq"),
            websocket: feed("websocket"),
            client_name: filled("clientName"),
            instance_name: fields.required_text("instanceName")?,
        };
        Some(create)
    }
}

impl Create {
    fn token(&self, state: &State) -> Result<String, Error> {
        let Some(token) = &self.token else { return Ok(Uuid::new_v4().to_string().to_ascii_uppercase()) };
        if !TOKEN.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Invalid("token must be 8 to 255 visible ASCII characters".to_owned()));
        }
        if state.keys.is_global(&auth::hash(token.as_bytes())) {
            return Err(Error::Invalid("token must not be the global key".to_owned()));
        }
        Ok(token.clone())
    }

    fn into_new(self, state: &State) -> Result<New, Error> {
        let name: InstanceName =
            self.instance_name.parse().map_err(|error| Error::Invalid(format!("{error}")))?;
        self.client_name.as_deref().map_or(Ok(()), |name| checked("clientName", name))?;
        // Of another client name, a node of that one is asked before this is reached.
        if self.client_name.as_ref().is_some_and(|name| *name != state.public.client_name) {
            return Err(Error::Invalid("clientName is not that of this node".to_owned()));
        }
        let now = state.clock.now_ms();
        let sinks = [
            self.webhook.as_ref().map(|webhook| webhook.row(now)),
            self.rabbitmq.as_ref().map(|feed| row(SinkKind::Rabbitmq, feed, now)),
            self.websocket.as_ref().map(|feed| row(SinkKind::Websocket, feed, now)),
        ];
        Ok(New {
            name,
            token: self.token(state)?,
            client_name: self.client_name,
            integration: self.integration.unwrap_or_else(|| WHATSAPP_WEB.to_owned()),
            number: self.number.as_deref().map(digits).transpose()?,
            business_id: self.business_id,
            settings: self.settings.into(),
            sinks: sinks.into_iter().flatten().collect(),
        })
    }
}

/// Creates an instance, and connects it when asked to.
pub async fn handle(
    _: GlobalKey,
    state: web::Data<State>,
    Valid(body): Valid<Create>,
) -> Result<HttpResponse, Error> {
    let qrcode = body.qrcode.unwrap_or_default();
    let name = body.instance_name.clone();
    let new = body.into_new(&state)?;
    let explain = |error| match Error::of_instance(error, &name) {
        Error::NameTaken(name, _) if state.is_evolution() => Error::NameTaken(name, StatusCode::FORBIDDEN),
        error => error,
    };
    let registry = state.registry.clone();
    let handle = state.finish(async move { registry.create(new).await }).await?.map_err(explain)?;
    let connecting = if qrcode {
        let phone = handle.number().map(str::to_owned);
        Some(handle.connect(phone, PATIENCE).await.map_err(explain)?)
    } else {
        None
    };
    Ok(HttpResponse::Created().json(shown(&handle, connecting.as_ref(), state.server.dialect)))
}
