//! What a message says, in the form in which clients read it.

use serde_json::{Map, Value, json};
use waproto::whatsapp as wa;

use super::json::to_value;
use crate::domain::poll;

/// What goes along with a message of any kind: keys and bookkeeping of the protocol.
pub const BOOKKEEPING: &str = "messageContextInfo";
/// Fields that never leave the node; of [`BOOKKEEPING`] only what the votes of a poll are read with.
const INTERNAL: [&str; 2] = [BOOKKEEPING, "senderKeyDistributionMessage"];
/// Quoted message, mentions and so on, within a content.
const CONTEXT: &str = "contextInfo";

/// A content as it is recorded and shown.
pub struct Content {
    /// The name of the field that says what it is, for example `conversation`.
    pub message_type: String,
    /// WhatsApp's message: camelCase fields, bytes as base64, longs as numbers.
    pub fields: Map<String, Value>,
    /// Quoted message, mentions and so on, as JSON text.
    pub context_info: Option<String>,
}

impl Content {
    /// The content of a message; `None` when it has none, as one that only distributes keys. What an
    /// application may send in several forms is in one, as Evolution API has it: any text is a
    /// `conversation`, and a document has no wrapper for its caption.
    pub fn of(message: &wa::Message) -> Option<Self> {
        let Ok(Value::Object(mut fields)) = to_value(message) else { return None };
        let secret = fields.get(BOOKKEEPING).and_then(|context| context.get("messageSecret")).cloned();
        fields.retain(|field, _| !INTERNAL.contains(&field.as_str()));
        let mut context_info = None;
        if let Some(context) = fields.values_mut().next().and_then(context_of) {
            if let Some(Value::Object(quoted)) = context.get_mut("quotedMessage") {
                *quoted = plain(std::mem::take(quoted));
            }
            context_info = Some(context.to_string());
        }
        let mut fields = plain(fields);
        let message_type = fields.keys().next()?.clone();
        if let Some(secret) = secret.filter(|_| poll::is_poll(&message_type)) {
            fields.insert(BOOKKEEPING.to_owned(), json!({"messageSecret": secret}));
        }
        Some(Self { message_type, fields, context_info })
    }
}

/// The context of a part, which may be in wrappers: those of messages that disappear or are seen once.
fn context_of(part: &mut Value) -> Option<&mut Value> {
    let part = part.as_object_mut()?;
    if part.contains_key(CONTEXT) {
        return part.get_mut(CONTEXT);
    }
    part.get_mut("message")?.as_object_mut()?.values_mut().find_map(context_of)
}

fn plain(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().map(|(name, part)| plain_part(name, part)).collect()
}

fn plain_part(name: String, mut part: Value) -> (String, Value) {
    match name.as_str() {
        "extendedTextMessage" => {
            let text = part.get_mut("text").map_or_else(|| Value::from(""), Value::take);
            ("conversation".to_owned(), text)
        }
        "documentWithCaptionMessage" => match part.pointer_mut("/message/documentMessage") {
            Some(document) => ("documentMessage".to_owned(), document.take()),
            None => (name, part),
        },
        _ => (name, part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::whatsapp_web::json::from_value;

    fn of(message: &Value) -> Content {
        Content::of(&from_value(message).unwrap()).unwrap()
    }

    #[test]
    fn a_text_and_what_it_quotes_have_the_short_form() {
        let context = json!({"stanzaId": "A", "quotedMessage": {"extendedTextMessage": {"text": "orig"}}});
        let text = json!({"extendedTextMessage": {"text": "reply", "title": "x", "contextInfo": context}});
        let content = of(&text);
        assert_eq!(content.message_type, "conversation");
        assert_eq!(Value::Object(content.fields), json!({"conversation": "reply"}));
        let shown: Value = serde_json::from_str(&content.context_info.unwrap()).unwrap();
        let quoted = json!({"conversation": "orig"});
        assert_eq!(
            shown,
            json!({"stanzaId": "A", "quotedMessage": quoted, "mentionedJid": [], "groupMentions": []})
        );
    }

    #[test]
    fn a_context_is_found_in_every_wrapper() {
        let context = json!({"stanzaId": "A"});
        let image = json!({"imageMessage": {"caption": "c", "contextInfo": context}});
        let document = json!({"documentMessage": {"caption": "c", "contextInfo": context}});
        for (message, message_type) in [
            (image.clone(), "imageMessage"),
            (json!({"viewOnceMessageV2": {"message": image}}), "viewOnceMessageV2"),
            (
                json!({"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": image}}}}),
                "ephemeralMessage",
            ),
            (json!({"documentWithCaptionMessage": {"message": document}}), "documentMessage"),
        ] {
            let content = of(&message);
            assert_eq!(content.message_type, message_type);
            let context = content.context_info.unwrap_or_default();
            assert!(context.contains(r#""stanzaId":"A""#), "{message_type}: {context}");
        }
        let content = of(&json!({"documentWithCaptionMessage": {"message": document}}));
        assert_eq!(content.fields["documentMessage"]["caption"], "c");
    }

    #[test]
    fn nothing_of_the_protocol_is_a_content() {
        let keys = json!({"senderKeyDistributionMessage": {"groupId": "g"}});
        assert!(Content::of(&from_value(&keys).unwrap()).is_none());
        let secret = json!({"messageSecret": "AQID"});
        let poll = json!({"pollCreationMessageV3": {"name": "q?"}, "messageContextInfo": secret});
        let content = of(&poll);
        assert_eq!(content.message_type, "pollCreationMessageV3");
        assert_eq!(content.fields["messageContextInfo"], secret);
        let text = json!({"conversation": "hi", "messageContextInfo": secret});
        assert_eq!(Value::Object(of(&text).fields), json!({"conversation": "hi"}));
    }
}
