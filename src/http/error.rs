//! ONE table of what can go wrong, and the envelope it is told in:
//! `{status, error, response: {message}}`.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::auth::Denied;
use crate::{channel, cluster, db, events, instance, media};

/// How soon a client should come back when a dependency is down.
const COME_BACK: Duration = Duration::from_secs(5);
/// Longest part of a caller's text that an answer repeats.
const REPEATED: usize = 200;

/// Why a request is refused or has failed. To add one: a variant, and its line in
/// [`Error::code`] and [`Error::message`].
#[derive(Clone, PartialEq, Debug)]
pub enum Error {
    /// No key, or one that nobody has.
    Unauthorized,
    /// A key of something else.
    Forbidden,
    /// A browser's page of an origin that may not call.
    WrongOrigin,
    /// No such route.
    NoRoute(String),
    /// No such instance.
    NoInstance(String),
    /// Something else does not exist; the text says what.
    NotFound(String),
    /// The account may not do it; the text says what.
    NotAllowed(String),
    /// Missing or wrong fields, all of them.
    Schema(Vec<String>),
    /// A parameter that every request of a kind needs; the texts say which and how.
    Needed(&'static [&'static str]),
    /// The request is wrong in another way.
    Invalid(String),
    /// Numbers that are not on WhatsApp.
    NotOnWhatsApp(Vec<Value>),
    /// The instance has no connection to WhatsApp.
    NotConnected(String),
    /// As [`Error::NotConnected`], where the contract answers 400.
    NothingToEnd(String),
    /// The name of an instance is taken; the status depends on the dialect.
    NameTaken(String, StatusCode),
    /// Taken by somebody else already.
    Conflict(String),
    /// The body is larger than the limit.
    TooLarge,
    /// Come back later: too much in too little time.
    TooMany(Duration),
    /// The provider has no notion of it.
    Unsupported(String),
    /// No instance can do it, whatever its provider.
    NotImplemented(String),
    /// WhatsApp refused.
    Refused(String),
    /// WhatsApp did not answer.
    Timeout,
    /// The node that has the instance went away in the middle: whether it was done is not known.
    Interrupted,
    /// Something that is needed is down, or not up yet.
    Unavailable,
    /// As [`Error::Unavailable`], and it is known for how long.
    Later(Duration),
    /// Not the caller's fault; logged, and not explained.
    Internal,
}

impl Error {
    /// The status of each.
    #[must_use]
    pub const fn code(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::WrongOrigin | Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::NoRoute(_) | Self::NoInstance(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Schema(_) | Self::Invalid(_) | Self::NotOnWhatsApp(_) => StatusCode::BAD_REQUEST,
            Self::NothingToEnd(_) | Self::Unsupported(_) | Self::Needed(_) => StatusCode::BAD_REQUEST,
            Self::NotConnected(_) | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::NameTaken(_, status) => *status,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Refused(_) | Self::Interrupted => StatusCode::BAD_GATEWAY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable | Self::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `response.message` of each.
    pub(super) fn message(&self) -> Value {
        let one = |text: String| json!([text]);
        match self {
            Self::Unauthorized => json!("Unauthorized"),
            Self::Forbidden => one("The key belongs to another instance".into()),
            Self::WrongOrigin => one("Not allowed by CORS".into()),
            Self::NoRoute(what) => one(format!("Cannot {what}")),
            Self::NoInstance(name) => one(format!("The \"{name}\" instance does not exist")),
            Self::NotFound(text) | Self::Invalid(text) | Self::Conflict(text) => one(text.clone()),
            Self::NotAllowed(text) => one(text.clone()),
            Self::Needed(texts) => json!(texts),
            Self::Schema(problems) => json!([problems]),
            Self::NotOnWhatsApp(numbers) => json!(numbers),
            Self::NotConnected(name) | Self::NothingToEnd(name) => {
                one(format!("The \"{name}\" instance is not connected"))
            }
            Self::NameTaken(name, _) => one(format!("This name \"{name}\" is already in use.")),
            Self::TooLarge => one("The body is too large".into()),
            Self::TooMany(_) => one("Too many requests".into()),
            Self::Unsupported(text) | Self::NotImplemented(text) | Self::Refused(text) => one(text.clone()),
            Self::Timeout => one("WhatsApp did not answer in time".into()),
            Self::Interrupted => one("The connection broke; it is not known whether this was done".into()),
            Self::Unavailable => one("Try again in a moment".into()),
            Self::Later(_) => one("Try again later".into()),
            Self::Internal => one("Internal Server Error".into()),
        }
    }

    /// The body of the answer.
    pub(super) fn envelope(&self) -> Value {
        let status = self.code();
        json!({
            "status": status.as_u16(),
            "error": status.canonical_reason(),
            "response": {"message": self.message()},
        })
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany(wait) | Self::Later(wait) => Some(*wait),
            Self::Unavailable => Some(COME_BACK),
            _ => None,
        }
    }

    /// The refusal of a caller, where the request names this instance.
    #[must_use]
    pub fn denied(denied: Denied, named: &str) -> Self {
        match denied {
            Denied::Unauthorized => Self::Unauthorized,
            Denied::Forbidden => Self::Forbidden,
            Denied::Absent => Self::NoInstance(shortened(named)),
        }
    }

    /// What became of work for the instance of this name.
    #[must_use]
    pub fn of_instance(error: instance::Error, name: &str) -> Self {
        match error {
            instance::Error::NotConnected => Self::NotConnected(name.to_owned()),
            instance::Error::Stopping => Self::Unavailable,
            instance::Error::NameTaken => Self::NameTaken(name.to_owned(), StatusCode::CONFLICT),
            instance::Error::TokenTaken => Self::Conflict("The token is already in use".to_owned()),
            instance::Error::UnknownIntegration(_) => Self::Invalid("Invalid integration".to_owned()),
            error @ instance::Error::IdempotencyMismatch => Self::Conflict(error.to_string()),
            instance::Error::Channel(error) => Self::of_channel(error, name),
            instance::Error::Record(events::Error::Fenced | events::Error::Unavailable(_)) => {
                Self::Unavailable
            }
            instance::Error::Record(error) => Self::internal(&error),
            instance::Error::Database(error) => error.into(),
        }
    }

    /// What is wrong with a file, where the request has it in this field.
    #[must_use]
    pub fn of_media(error: &media::Error, field: &str) -> Self {
        match error {
            media::Error::Invalid(_) | media::Error::TooLarge(_) => {
                Self::Schema(vec![format!("{field} {error}")])
            }
            media::Error::Unsupported(_) => Self::Unsupported(format!("{field} {error}")),
            media::Error::Busy => Self::Unavailable,
            media::Error::Unavailable(_) => {
                tracing::warn!(%error, "a file has to wait");
                Self::Unavailable
            }
            media::Error::Failed(_) => Self::internal(error),
        }
    }

    /// What became of a request to the cluster.
    #[must_use]
    pub fn of_cluster(error: &cluster::Error) -> Self {
        match error {
            cluster::Error::Database(db::Error::NotFound) => Self::NotFound("Not found".to_owned()),
            cluster::Error::Database(error) if !error.is_unavailable() => Self::internal(error),
            _ => Self::Unavailable,
        }
    }

    fn of_channel(error: channel::Error, name: &str) -> Self {
        match error {
            channel::Error::NotConnected => Self::NotConnected(name.to_owned()),
            channel::Error::Unsupported(error) => error.into(),
            channel::Error::Invalid { field, reason } => Self::Invalid(format!("{field} {reason}")),
            channel::Error::NotFound(text) => Self::NotFound(text),
            channel::Error::NotAllowed(text) => Self::NotAllowed(text),
            error @ channel::Error::Refused(_) => Self::Refused(error.to_string()),
            channel::Error::TooMany(wait) => Self::TooMany(wait),
            channel::Error::Timeout => Self::Timeout,
            channel::Error::Fenced | channel::Error::Unavailable(_) => Self::Unavailable,
            error @ channel::Error::Protocol(_) => Self::internal(&error),
        }
    }

    /// Logs what nobody can be told, once, where it is answered.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        let cause = error.source().map(tracing::field::display);
        tracing::error!(%error, cause, "a request failed");
        Self::Internal
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            error if error.is_unavailable() => Self::Unavailable,
            db::Error::Fenced => Self::Unavailable,
            db::Error::NotFound => Self::NotFound("Not found".to_owned()),
            db::Error::Invalid(text) => Self::Invalid(text),
            error => Self::internal(&error),
        }
    }
}

impl From<channel::Unsupported> for Error {
    fn from(error: channel::Unsupported) -> Self {
        Self::Unsupported(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.code()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.code();
        let mut response = HttpResponse::build(status).json(self.envelope());
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// A caller's text, as far as an answer repeats it.
#[must_use]
pub fn shortened(text: &str) -> String {
    text.chars().take(REPEATED).collect()
}
