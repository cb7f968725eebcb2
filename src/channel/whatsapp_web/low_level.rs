//! The protocol itself: addresses with their devices, stanzas as JSON.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeContent, Server};
use waproto::whatsapp as wa;

use super::connection::Connection;
use super::json::from_value;
use crate::channel::{Error, LowLevel};

/// Deepest nesting of a stanza that is sent.
const DEEPEST: usize = 16;

#[async_trait]
impl LowLevel for Connection {
    async fn picture_url(&self, jid: &str, preview: bool) -> Result<Option<String>, Error> {
        let jid = parsed(jid)?;
        let picture = self.consent(self.client()?.contacts().get_profile_picture(&jid, preview)).await?;
        Ok(picture.map(|picture| picture.url))
    }

    async fn assert_sessions(&self, jids: &[String]) -> Result<bool, Error> {
        let (jids, client) = (all(jids)?, self.client()?);
        let mut missing = false;
        for jid in &jids {
            missing |= self.consent(client.signal().session_info(jid)).await?.is_none();
        }
        if missing {
            self.consent(client.signal().assert_sessions(&jids)).await?;
        }
        Ok(missing)
    }

    async fn participant_nodes(&self, jids: &[String], message: &str) -> Result<(Vec<Value>, bool), Error> {
        let wrong = |reason: String| Error::Invalid { field: "message", reason };
        let message: Value = serde_json::from_str(message).map_err(|error| wrong(error.to_string()))?;
        let message: wa::Message = from_value(&message).map_err(|error| wrong(error.to_string()))?;
        let jids = all(jids)?;
        let signal = self.client()?.signal();
        let encrypting = signal.create_participant_nodes(&jids, &message);
        let (nodes, identity) = self.consent(self.context.barrier.sending(encrypting)).await?;
        Ok((nodes.iter().map(shown).collect(), identity))
    }

    async fn devices(&self, jids: &[String]) -> Result<Vec<Value>, Error> {
        let jids = all(jids)?;
        let devices = self.consent(self.client()?.signal().get_user_devices(&jids)).await?;
        let device = |jid: &Jid| {
            json!({
                "user": jid.user.to_string(),
                "device": jid.device,
                "domainType": u8::from(jid.is_lid()),
                "server": if jid.is_lid() { Server::Lid.as_str() } else { Server::Pn.as_str() },
                "jid": jid.to_string(),
            })
        };
        Ok(devices.iter().map(device).collect())
    }

    fn message_tag(&self) -> Result<String, Error> {
        Ok(self.client()?.generate_message_id())
    }

    async fn send_node(&self, stanza: &Value) -> Result<(), Error> {
        let node = node(stanza, DEEPEST)?;
        let sending = self.client()?.send_node(node);
        self.consent(self.context.barrier.sending(sending)).await
    }

    fn identity(&self) -> Result<Value, Error> {
        let client = self.client()?;
        let text = |jid: Option<Jid>| jid.map(|jid| jid.to_string());
        let name = Some(client.push_name()).filter(|name| !name.is_empty());
        Ok(json!({
            "me": {"id": text(client.pn()), "lid": text(client.lid()), "name": name},
            "account": {"name": name},
        }))
    }
}

fn parsed(jid: &str) -> Result<Jid, Error> {
    let wrong = || Error::Invalid { field: "jid", reason: "is not an address".to_owned() };
    let jid: Jid = jid.parse().map_err(|_| wrong())?;
    if jid.user.is_empty() { Err(wrong()) } else { Ok(jid) }
}

fn all(jids: &[String]) -> Result<Vec<Jid>, Error> {
    jids.iter().map(|jid| parsed(jid)).collect()
}

/// A stanza as JSON.
fn shown(node: &Node) -> Value {
    let attributes: Map<String, Value> = node
        .attrs
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(value.as_str().into_owned())))
        .collect();
    let content = match &node.content {
        None => Value::Null,
        Some(NodeContent::Nodes(nodes)) => nodes.iter().map(shown).collect(),
        Some(NodeContent::String(text)) => Value::from(text.as_str()),
        Some(NodeContent::Bytes(bytes)) => json!({"type": "Buffer", "data": STANDARD.encode(bytes)}),
    };
    json!({"tag": node.tag, "attrs": attributes, "content": content})
}

fn node(stanza: &Value, depth: usize) -> Result<Node, Error> {
    let wrong = |reason: &str| Error::Invalid { field: "stanza", reason: reason.to_owned() };
    let tag = stanza["tag"].as_str().filter(|tag| !tag.is_empty()).ok_or_else(|| wrong("needs a tag"))?;
    let mut node = NodeBuilder::new_dynamic(tag.to_owned()).build();
    for (name, value) in stanza["attrs"].as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null => continue,
            _ => return Err(wrong("has an attribute that is no text")),
        };
        node.attrs.insert(name.clone(), value);
    }
    node.content = match &stanza["content"] {
        Value::Null => None,
        Value::String(text) => Some(NodeContent::String(text.as_str().into())),
        Value::Array(nodes) if depth > 0 => Some(NodeContent::Nodes(
            nodes.iter().map(|inner| self::node(inner, depth - 1)).collect::<Result<_, _>>()?,
        )),
        buffer => {
            Some(NodeContent::Bytes(bytes(buffer).ok_or_else(|| wrong("has a content of no known form"))?))
        }
    };
    Ok(node)
}

/// Bytes as JavaScript writes them, or in base64.
fn bytes(buffer: &Value) -> Option<Vec<u8>> {
    match &buffer["data"] {
        Value::String(text) => STANDARD.decode(text).ok(),
        Value::Array(bytes) => {
            bytes.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect()
        }
        _ => None,
    }
}
