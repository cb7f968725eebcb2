//! `POST /message/sendPoll/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::channel::kinds::Poll;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Answers of a poll that WhatsApp takes.
const VALUES: std::ops::RangeInclusive<usize> = 2..=12;

/// A poll to send.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendPoll {
    /// Its fields stand beside the poll.
    #[schema(ignore)]
    options: Common,
    /// The question; in old requests the poll is in `pollMessage`.
    name: String,
    /// How many answers one may choose; 0 is any number.
    selectable_count: u32,
    /// 2 to 12 answers, all different.
    values: Vec<String>,
}

impl Input for SendPoll {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("pollMessage").filter(|_| !fields.has("values"));
        let poll = old.as_ref().unwrap_or(fields);
        let name = poll.filled_text("name");
        let selectable = poll.required_integer("selectableCount");
        let values = if poll.has("values") {
            poll.texts("values")
        } else {
            poll.missing("values");
            None
        };
        if let Some(values) = &values {
            let mut different: Vec<&String> = values.iter().filter(|text| !text.trim().is_empty()).collect();
            different.sort();
            different.dedup();
            if !VALUES.contains(&values.len()) {
                poll.wrong("values", "must have 2 to 12 items");
            } else if different.len() != values.len() {
                poll.wrong("values", "contains duplicate or empty items");
            }
        }
        let most = values.as_ref().map_or(*VALUES.end(), Vec::len);
        let fits = selectable.and_then(|count| u32::try_from(count).ok().filter(|_| count <= most as u64));
        if selectable.is_some() && fits.is_none() {
            poll.wrong("selectableCount", &format!("must be from 0 to {most}"));
        }
        Some(Self { options: options?, name: name?, selectable_count: fits?, values: values? })
    }
}

/// Sends a poll.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendPoll { options, name, selectable_count, values }): Valid<SendPoll>,
) -> Result<HttpResponse, Error> {
    let poll = Content::Poll(Poll { name, selectable: selectable_count, values });
    send((&instance, &state), options, poll, key).await
}
