//! What the protocol library's errors mean to those who asked: each operation has an error type of its
//! own, and below all of them may be WhatsApp's own answer.

use std::time::Duration;

use whatsapp_rust::{ClientError, ServerRejection};

use crate::channel::Error;

/// How long to wait when WhatsApp is asked too often and does not say for how long.
const CALM: Duration = Duration::from_secs(60);

/// An error to which the library gives no type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untyped(#[source] anyhow::Error);

impl From<anyhow::Error> for Untyped {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

/// Why WhatsApp did not do it: by its answer where there is one, else by what became of the question.
pub fn explained(error: &(dyn std::error::Error + 'static)) -> Error {
    // Its names are those that the derives of errors use too.
    use whatsapp_rust::ErrorChainExt;

    let logged_out = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<ClientError>(),
            Some(ClientError::NotLoggedIn | ClientError::NotConnected)
        )
    };
    match error.server_rejection() {
        Some(rejection) => rejected(&rejection),
        None if error.is_timeout() => Error::Timeout,
        None if error.is_transport_unavailable() || ErrorChainExt::sources(error).any(logged_out) => {
            Error::NotConnected
        }
        None => Error::Protocol(error.to_string()),
    }
}

fn rejected(rejection: &ServerRejection<'_>) -> Error {
    let ServerRejection { code, text, backoff, .. } = rejection;
    match code {
        400 | 406 => {
            Error::Invalid { field: "The request", reason: format!("was refused by WhatsApp: {text}") }
        }
        429 => Error::TooMany(backoff.map_or(CALM, |seconds| Duration::from_secs(seconds.into()))),
        code => Error::Refused(format!("{code} {text}").trim_end().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::IqError;

    use super::*;

    fn refused(code: u16, backoff: Option<u32>) -> IqError {
        IqError::ServerError { code, text: "no".to_owned(), error_type: None, backoff }
    }

    #[test]
    fn an_answer_is_found_below_the_error_of_an_operation() {
        let wrapped = Untyped::from(anyhow::Error::from(refused(503, None)));
        assert!(matches!(explained(&wrapped), Error::Refused(reason) if reason == "503 no"));
        for code in [400, 406] {
            assert!(matches!(explained(&refused(code, None)), Error::Invalid { .. }), "{code}");
        }
        for (backoff, wait) in [(Some(7), Duration::from_secs(7)), (None, CALM)] {
            let told = explained(&refused(429, backoff));
            assert!(matches!(told, Error::TooMany(told) if told == wait), "{backoff:?}");
        }
    }

    #[test]
    fn without_an_answer_it_counts_what_became_of_the_question() {
        assert!(matches!(explained(&IqError::Timeout), Error::Timeout));
        assert!(matches!(explained(&IqError::NotConnected), Error::NotConnected));
        assert!(matches!(explained(&ClientError::NotLoggedIn), Error::NotConnected));
        let other = Untyped::from(anyhow::anyhow!("a key is missing"));
        assert!(matches!(explained(&other), Error::Protocol(reason) if reason == "a key is missing"));
    }
}
