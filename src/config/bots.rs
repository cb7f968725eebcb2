//! Which bots are enabled.

use super::parse;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Bots",
    variables: &[
        Variable::flag("TYPEBOT_ENABLED", "false", "enables Typebot"),
        Variable::choice("TYPEBOT_API_VERSION", "old", &["old", "latest"], "version of Typebot's API"),
        Variable::flag("TYPEBOT_SEND_MEDIA_BASE64", "false", "passes media to Typebot as base64"),
        Variable::flag("OPENAI_ENABLED", "false", "enables OpenAI"),
        Variable::text("OPENAI_API_KEY_GLOBAL", "", "key for instances that have none").secret(),
        Variable::flag("DIFY_ENABLED", "false", "enables Dify"),
        Variable::flag("N8N_ENABLED", "false", "enables n8n"),
        Variable::flag("EVOAI_ENABLED", "false", "enables EvoAI"),
        Variable::flag("FLOWISE_ENABLED", "false", "enables Flowise"),
    ],
    switches: None,
};

/// Which bots are enabled.
#[derive(Debug, Clone)]
pub struct Bots {
    /// Typebot.
    pub typebot: bool,
    /// Use the latest API of Typebot in place of the old one.
    pub typebot_latest: bool,
    /// Pass media to Typebot as base64.
    pub typebot_media_base64: bool,
    /// OpenAI.
    pub openai: bool,
    /// OpenAI key for instances that have none.
    pub openai_key: Option<Secret>,
    /// Dify.
    pub dify: bool,
    /// n8n.
    pub n8n: bool,
    /// EvoAI.
    pub evoai: bool,
    /// Flowise.
    pub flowise: bool,
}

impl Bots {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            typebot: reader.flag("TYPEBOT_ENABLED"),
            typebot_latest: reader
                .parse("TYPEBOT_API_VERSION", |value| {
                    parse::choice(value, &[("old", false), ("latest", true)])
                })
                .unwrap_or_default(),
            typebot_media_base64: reader.flag("TYPEBOT_SEND_MEDIA_BASE64"),
            openai: reader.flag("OPENAI_ENABLED"),
            openai_key: reader.secret("OPENAI_API_KEY_GLOBAL"),
            dify: reader.flag("DIFY_ENABLED"),
            n8n: reader.flag("N8N_ENABLED"),
            evoai: reader.flag("EVOAI_ENABLED"),
            flowise: reader.flag("FLOWISE_ENABLED"),
        }
    }
}
