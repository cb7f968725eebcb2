//! Meta's Cloud API.

use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Meta Cloud API",
    variables: &[
        Variable::text(
            "WA_BUSINESS_TOKEN_WEBHOOK",
            "evolution",
            "token by which Meta verifies GET /webhook/meta; not used yet",
        )
        .secret(),
        Variable::url("WA_BUSINESS_URL", "https://graph.facebook.com", "base of the Graph API; not used yet"),
        Variable::text("WA_BUSINESS_VERSION", "v18.0", "version of the Graph API; not used yet"),
        Variable::text("WA_BUSINESS_LANGUAGE", "en", "language of templates that name none; not used yet"),
        Variable::text("FACEBOOK_APP_ID", "", "answered by POST /verify-creds, for embedded signup"),
        Variable::text("FACEBOOK_CONFIG_ID", "", "answered by POST /verify-creds"),
        Variable::text("FACEBOOK_USER_TOKEN", "", "answered by POST /verify-creds").secret(),
    ],
    switches: None,
};

/// Meta's Cloud API.
#[derive(Debug, Clone)]
pub struct Business {
    /// Token by which Meta verifies our webhook.
    pub webhook_token: Secret,
    /// Base of the Graph API, without a slash at its end.
    pub url: String,
    /// Version of the Graph API, such as `v18.0`.
    pub version: String,
    /// Language of templates that name none.
    pub language: String,
    /// App id for embedded signup.
    pub facebook_app_id: Option<String>,
    /// Config id for embedded signup.
    pub facebook_config_id: Option<String>,
    /// User token for embedded signup.
    pub facebook_user_token: Option<Secret>,
}

impl Business {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            webhook_token: reader.secret("WA_BUSINESS_TOKEN_WEBHOOK").unwrap_or_default(),
            url: reader.http_url("WA_BUSINESS_URL").unwrap_or_default(),
            version: reader.string("WA_BUSINESS_VERSION"),
            language: reader.string("WA_BUSINESS_LANGUAGE"),
            facebook_app_id: reader.text("FACEBOOK_APP_ID"),
            facebook_config_id: reader.text("FACEBOOK_CONFIG_ID"),
            facebook_user_token: reader.secret("FACEBOOK_USER_TOKEN"),
        }
    }
}
