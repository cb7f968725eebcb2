//! Messages that are passed on. A file is not uploaded again: its address and its key go along.

use serde_json::Value;
use wacore::proto_helpers::MessageExt as _;
use waproto::whatsapp as wa;

use super::poll;
use crate::channel::Error;
use crate::channel::whatsapp_web::json::from_value;

/// From here on WhatsApp says "forwarded many times", by this number (whatsapp-rust 0.7.0).
const OFTEN: (u32, u32) = (5, 127);

/// The message without its wrappers, and the mark that it is forwarded once more.
pub(super) fn message(content: &str, context: Option<&str>) -> Result<(wa::Message, wa::ContextInfo), Error> {
    let refused = |reason: &str| Error::Invalid { field: "key", reason: reason.to_owned() };
    let content: Value = serde_json::from_str(content).map_err(|_| refused("names no message"))?;
    let stored: wa::Message =
        from_value(&content).map_err(|_| refused("names a message of a form that is not known"))?;
    if stored.is_view_once() && !stored.get_base_message().interactive_message.is_set() {
        return Err(refused("names a message that may be opened only once"));
    }
    let base = stored.get_base_message();
    let part =
        base.reaction_message.is_set() || base.poll_update_message.is_set() || base.protocol_message.is_set();
    if part {
        return Err(refused("names something that is part of another message"));
    }
    let score = context.map_or(0, score).saturating_add(1);
    let mut message = *base.prepare_for_forward();
    if poll::is_one(&message) {
        message.message_context_info = poll::secret();
    }
    let forwarding_score = Some(if score >= OFTEN.0 { OFTEN.1 } else { score });
    Ok((message, wa::ContextInfo { is_forwarded: Some(true), forwarding_score, ..Default::default() }))
}

/// How often the message on record was forwarded before.
fn score(context: &str) -> u32 {
    let context: Value = serde_json::from_str(context).unwrap_or_default();
    context["forwardingScore"].as_u64().and_then(|score| u32::try_from(score).ok()).unwrap_or_default()
}
