//! Which group a request is about.

use actix_web::{FromRequest, HttpRequest, dev};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use utoipa::ToSchema;

use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::http::Error;
use crate::http::extract::{Input, Parameters};
use crate::http::fields::Fields;

const NO_GROUP: &[&str] = &["The group id needs to be informed in the query", "ex: \"groupJid=120362@g.us\""];
const NO_CODE: &[&str] = &[
    "The group invite code id needs to be informed in the query",
    "ex: \"inviteCode=F1EX5QZxO181L3TMVP31gY\" (Obtained from group join link)",
];

/// Which group; it may stand in the address instead.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GroupJid {
    /// The group, for example `120363000000000000@g.us`.
    #[allow(dead_code, reason = "the document is made from it")]
    group_jid: String,
}

/// A request about a group, and what else it says.
pub struct OfGroup<T> {
    /// The group.
    pub group: Jid,
    /// The body.
    pub body: T,
}

/// A request that says nothing else.
#[derive(ToSchema)]
pub struct Nothing {}

impl Input for Nothing {
    fn read(_: &Fields<'_>) -> Option<Self> {
        Some(Self {})
    }
}

fn group(parameters: &Parameters) -> Result<Jid, Error> {
    let text = parameters.get("groupJid").ok_or(Error::Needed(NO_GROUP))?;
    let whole = if text.contains('@') { text } else { format!("{text}@g.us") };
    let is_group =
        |jid: &Jid| jid.kind() == JidKind::Group && jid.user().starts_with(|c: char| c.is_ascii_digit());
    let jid = Jid::parse(&whole).ok().filter(is_group);
    jid.ok_or_else(|| Error::Invalid("groupJid is not the address of a group".to_owned()))
}

impl<T: Input> FromRequest for OfGroup<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let parameters = Parameters::read(request, payload, T::FILES);
        async move {
            let parameters = parameters.await?;
            Ok(Self { group: group(&parameters)?, body: parameters.body()? })
        }
        .boxed_local()
    }
}

/// The code of an invite link, where the request has it or the whole link.
pub struct InviteCode(pub String);

/// Longest code of an invite link; WhatsApp's have 22 characters.
const LONGEST_CODE: usize = 64;
/// What a link begins with.
const LINKS: [&str; 5] = [
    "https://chat.whatsapp.com/",
    "http://chat.whatsapp.com/",
    "chat.whatsapp.com/",
    "https://web.whatsapp.com/",
    "whatsapp://",
];

/// The code, or what is none.
fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    let code = match LINKS.iter().find_map(|link| text.strip_prefix(link)) {
        Some(link) => {
            let (path, query) = link.split_once('?').unwrap_or((link, ""));
            let stated = query.split('&').find_map(|pair| pair.strip_prefix("code="));
            stated.or_else(|| path.trim_end_matches('/').rsplit('/').next())?
        }
        None => text,
    };
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    ((1..=LONGEST_CODE).contains(&code.len()) && code.chars().all(is_one)).then_some(code)
}

impl FromRequest for InviteCode {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let parameters = Parameters::from_request(request, payload);
        async move {
            let given = parameters.await?.get("inviteCode").ok_or(Error::Needed(NO_CODE))?;
            let wrong = || Error::Invalid("inviteCode is not the code of an invite link".to_owned());
            Ok(Self(code(&given).ok_or_else(wrong)?.to_owned()))
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_code_stands_alone_or_in_a_link() {
        for text in [
            "F1EX5QZxO181L3TMVP31gY",
            " F1EX5QZxO181L3TMVP31gY ",
            "https://chat.whatsapp.com/F1EX5QZxO181L3TMVP31gY",
            "http://chat.whatsapp.com/F1EX5QZxO181L3TMVP31gY/",
            "chat.whatsapp.com/F1EX5QZxO181L3TMVP31gY",
            "https://chat.whatsapp.com/invite/F1EX5QZxO181L3TMVP31gY?mode=ems_copy_t",
            "https://web.whatsapp.com/accept/?code=F1EX5QZxO181L3TMVP31gY&source=x",
            "whatsapp://chat/?code=F1EX5QZxO181L3TMVP31gY",
        ] {
            assert_eq!(code(text), Some("F1EX5QZxO181L3TMVP31gY"), "{text}");
        }
        let long = "x".repeat(65);
        let wrong = ["", "no code", "a/b", "é", "https://example.com/abc", "https://chat.whatsapp.com/"];
        for text in wrong.into_iter().chain([long.as_str()]) {
            assert_eq!(code(text), None, "{text}");
        }
    }
}
