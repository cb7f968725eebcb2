//! WhatsApp's messages as the API shows them: camelCase fields, bytes as base64, absent fields left
//! out, the field of a `oneof` beside the others. The protocol library has snake_case, `null` for
//! what is absent and lists of numbers for bytes; this turns one into the other on the way.

mod read;
mod write;

pub use read::from_value;
pub use write::to_value;

fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.extend(c.to_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// The field of a variant of a `oneof`.
fn lower_first(variant: &str) -> String {
    let mut letters = variant.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use buffa::MessageField;
    use serde_json::json;
    use waproto::whatsapp as wa;

    #[test]
    fn a_message_has_the_form_of_the_api() {
        let context = wa::ContextInfo { stanza_id: Some("A".into()), ..Default::default() };
        let text = wa::message::ExtendedTextMessage {
            text: Some("hi".into()),
            jpeg_thumbnail: Some(vec![1, 2, 3]),
            context_info: MessageField::some(context),
            ..Default::default()
        };
        let message = wa::Message { extended_text_message: MessageField::some(text), ..Default::default() };
        assert_eq!(
            to_value(&message).unwrap(),
            json!({"extendedTextMessage": {"text": "hi", "jpegThumbnail": "AQID", "contextInfo": {
                "stanzaId": "A", "mentionedJid": [], "groupMentions": [],
            }}})
        );
    }

    #[test]
    fn a_field_of_a_oneof_stands_beside_the_others() {
        let flow = json!({"interactiveMessage": {
            "body": {"text": "*t*"},
            "nativeFlowMessage": {"buttons": [{"name": "quick_reply", "buttonParamsJson": "{}"}]},
        }});
        assert_eq!(to_value(&from_value::<wa::Message>(&flow).unwrap()).unwrap(), flow);
    }

    #[test]
    fn what_was_shown_can_be_read_again() {
        let shown = json!({"imageMessage": {
            "url": "https://mmg.whatsapp.net/x", "mimetype": "image/png", "fileSha256": "AQID",
            "fileLength": 268, "height": 1, "mediaKey": "BAUG", "mediaKeyTimestamp": 1_795_224_966_i64,
            "contextInfo": {"stanzaId": "A", "mentionedJid": ["1@s.whatsapp.net"], "groupMentions": [], "isForwarded": true},
        }});
        let message: wa::Message = from_value(&shown).unwrap();
        let image = message.image_message.as_option().unwrap();
        assert_eq!((image.file_sha256.as_deref(), image.file_length), (Some(&[1, 2, 3][..]), Some(268)));
        assert_eq!(to_value(&message).unwrap(), shown);
    }

    #[test]
    fn what_has_another_form_is_refused_and_what_is_unknown_ignored() {
        assert!(from_value::<wa::Message>(&json!({"imageMessage": "no"})).is_err());
        assert!(from_value::<wa::Message>(&json!({"imageMessage": {"mediaKey": "*"}})).is_err());
        let text: wa::Message = from_value(&json!({"conversation": "hi", "somethingNew": {"a": 1}})).unwrap();
        assert_eq!(text.conversation.as_deref(), Some("hi"));
    }

    #[test]
    fn some_enums_are_numbers() {
        for shown in [
            json!({"listResponseMessage": {"title": "r", "listType": 1, "singleSelectReply": {"selectedRowId": "1"}}}),
            json!({"buttonsResponseMessage": {"selectedButtonId": "1", "selectedDisplayText": "x", "type": 1}}),
        ] {
            assert_eq!(to_value(&from_value::<wa::Message>(&shown).unwrap()).unwrap(), shown);
        }
    }

    #[test]
    fn longs_are_numbers_and_enums_are_names() {
        let protocol = wa::message::ProtocolMessage {
            r#type: Some(wa::message::protocol_message::Type::REVOKE),
            timestamp_ms: Some(12_345_678_901_234),
            ..Default::default()
        };
        assert_eq!(
            to_value(&protocol).unwrap(),
            json!({"type": "REVOKE", "timestampMs": 12_345_678_901_234_i64})
        );
    }
}
