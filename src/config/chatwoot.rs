//! Chatwoot.

use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Chatwoot and left-overs",
    variables: &[
        Variable::flag("CHATWOOT_ENABLED", "false", "enables Chatwoot"),
        Variable::flag(
            "CHATWOOT_MESSAGE_READ",
            "false",
            "marks the client's last message as read when an agent answers",
        ),
        Variable::flag(
            "CHATWOOT_MESSAGE_DELETE",
            "false",
            "deletes in Chatwoot what is deleted for everyone",
        ),
        Variable::flag("CHATWOOT_BOT_CONTACT", "true", "creates the contact that shows QR code and state"),
        Variable::url(
            "CHATWOOT_IMPORT_DATABASE_CONNECTION_URI",
            "",
            "Chatwoot's PostgreSQL, for importing history",
        )
        .secret(),
        Variable::flag(
            "CHATWOOT_IMPORT_PLACEHOLDER_MEDIA_MESSAGE",
            "false",
            "imports placeholders for media",
        ),
        Variable::dropped(
            "PROVIDER_ENABLED",
            "sessions are not kept on a file server; see WAGGLE_SESSION_STORE",
        ),
        Variable::ignored("PROVIDER_HOST", "see PROVIDER_ENABLED"),
        Variable::ignored("PROVIDER_PORT", "see PROVIDER_ENABLED"),
        Variable::ignored("PROVIDER_PREFIX", "see PROVIDER_ENABLED"),
    ],
    switches: None,
};

/// Chatwoot.
#[derive(Debug, Clone)]
pub struct Chatwoot {
    /// Enable it.
    pub enabled: bool,
    /// Mark the client's last message as read when an agent answers.
    pub message_read: bool,
    /// Delete in Chatwoot what is deleted for everyone.
    pub message_delete: bool,
    /// Create the contact that shows QR code and state.
    pub bot_contact: bool,
    /// Chatwoot's PostgreSQL, for importing history.
    pub import_uri: Option<Secret>,
    /// Import placeholders for media.
    pub import_placeholders: bool,
}

impl Chatwoot {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        for name in ["PROVIDER_ENABLED", "PROVIDER_HOST", "PROVIDER_PORT", "PROVIDER_PREFIX"] {
            reader.ignore(name);
        }
        Self {
            enabled: reader.flag("CHATWOOT_ENABLED"),
            message_read: reader.flag("CHATWOOT_MESSAGE_READ"),
            message_delete: reader.flag("CHATWOOT_MESSAGE_DELETE"),
            bot_contact: reader.flag("CHATWOOT_BOT_CONTACT"),
            import_uri: reader
                .secret_url("CHATWOOT_IMPORT_DATABASE_CONNECTION_URI", &["postgresql", "postgres"]),
            import_placeholders: reader.flag("CHATWOOT_IMPORT_PLACEHOLDER_MEDIA_MESSAGE"),
        }
    }
}
