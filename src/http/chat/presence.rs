//! `POST /chat/sendPresence/{instance}` and `POST /chat/subscribePresence/{instance}`.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::ToSchema;

use super::found;
use crate::channel::ChatState;
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::message::{LONGEST_DELAY, address, show};
use crate::http::{Error, State};

/// What a chat sees of us.
#[derive(ToSchema)]
pub struct SendPresence {
    /// The chat.
    #[schema(value_type = String)]
    number: Jid,
    /// For how many milliseconds, up to 300000.
    delay: u64,
    /// `composing`, `recording`, `paused`, `available` or `unavailable`.
    presence: String,
}

const KINDS: [&str; 5] = ["unavailable", "available", "composing", "recording", "paused"];

impl Input for SendPresence {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        // Old requests have the two in `options`.
        let options = fields.object("options").filter(|_| !fields.has("presence"));
        let holder = options.as_ref().unwrap_or(fields);
        let number = address(fields, "number");
        let presence = holder.required_text("presence");
        let delay = holder.required_integer("delay");
        if presence.as_deref().is_some_and(|presence| !KINDS.contains(&presence)) {
            holder.wrong("presence", &format!("is not one of enum values: {}", KINDS.join(",")));
        }
        if delay.is_some_and(|delay| delay > LONGEST_DELAY) {
            holder.wrong("delay", &format!("must be less than or equal to {LONGEST_DELAY}"));
        }
        Some(Self { number: number?, delay: delay?, presence: presence? })
    }
}

/// Shows a chat what we are doing, for some time.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SendPresence>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let chat = found(&instance, &state, &working, &body.number).await?;
    let presence = working.presence()?;
    let delay = Duration::from_millis(body.delay);
    // Who shows itself wants to see the other side too, as the contract has it.
    if matches!(chat.kind(), JidKind::Phone | JidKind::Lid) && presence.subscribe(&chat).await.is_err() {
        tracing::debug!("the presence could not be subscribed to");
    }
    let told = match body.presence.as_str() {
        "available" => presence.online(true).await,
        "unavailable" => presence.online(false).await,
        "paused" => presence.chat_state(&chat, ChatState::Paused).await,
        "recording" => show(&working, &chat, ChatState::Recording, delay).await,
        _ => show(&working, &chat, ChatState::Composing, delay).await,
    };
    told.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"presence": body.presence})))
}

/// Whose comings and goings are told.
#[derive(ToSchema)]
pub struct Subscribe {
    /// A phone number, a JID or a LID.
    #[schema(value_type = String)]
    number: Jid,
}

impl Input for Subscribe {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { number: address(fields, "number")? })
    }
}

/// Asks to be told when a contact comes and goes: as `presence.update`, until the connection ends.
pub async fn subscribe(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Subscribe>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let contact = found(&instance, &state, &working, &body.number).await?;
    let subscribed = working.presence()?.subscribe(&contact).await;
    subscribed.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"subscribed": contact})))
}
