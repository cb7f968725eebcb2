//! `POST /message/sendLocation/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::{Content, Location};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A place to send.
#[derive(ToSchema)]
pub struct SendLocation {
    /// Its fields stand beside the place.
    #[schema(ignore)]
    options: Common,
    /// Degrees, -90 to 90; in old requests the place is in `locationMessage`.
    latitude: f64,
    /// Degrees, -180 to 180.
    longitude: f64,
    /// What the place is called.
    name: String,
    /// Where it is, in words.
    address: String,
}

impl Input for SendLocation {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("locationMessage").filter(|_| !fields.has("latitude"));
        let place = old.as_ref().unwrap_or(fields);
        let (latitude, longitude) = (place.degrees("latitude", 90.0), place.degrees("longitude", 180.0));
        let (name, address) = (place.required_text("name"), place.required_text("address"));
        Some(Self {
            options: options?,
            latitude: latitude?,
            longitude: longitude?,
            name: name?,
            address: address?,
        })
    }
}

/// Sends a place.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendLocation { options, latitude, longitude, name, address }): Valid<SendLocation>,
) -> Result<HttpResponse, Error> {
    let place = Content::Location(Location { latitude, longitude, name, address });
    send((&instance, &state), options, place, key).await
}
