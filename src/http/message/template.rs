//! `POST /message/sendTemplate/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::channel::kinds::Template;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A template to send. Only Meta's platform has templates.
#[derive(ToSchema)]
pub struct SendTemplate {
    /// Its fields stand beside the template.
    #[schema(ignore)]
    options: Common,
    /// The template's name.
    name: String,
    /// Its language, for example `en_US`.
    language: String,
    /// What fills its places.
    #[schema(value_type = Option<Vec<Object>>)]
    components: Option<String>,
}

impl Input for SendTemplate {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let (name, language) = (fields.filled_text("name"), fields.filled_text("language"));
        let components = if fields.has("components") { fields.required_objects("components") } else { None };
        let components = components.and(fields.list("components"));
        let components = components.and_then(|components| serde_json::to_string(components).ok());
        Some(Self { options: options?, name: name?, language: language?, components })
    }
}

/// Sends a template.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendTemplate { options, name, language, components }): Valid<SendTemplate>,
) -> Result<HttpResponse, Error> {
    let template = Content::Template(Template { name, language, components });
    send((&instance, &state), options, template, key).await
}
