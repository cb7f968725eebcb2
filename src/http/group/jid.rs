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
        let parameters = Parameters::from_request(request, payload);
        async move {
            let parameters = parameters.await?;
            Ok(Self { group: group(&parameters)?, body: parameters.body()? })
        }
        .boxed_local()
    }
}

/// The code of an invite link, or the whole link.
pub struct InviteCode(pub String);

impl FromRequest for InviteCode {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let parameters = Parameters::from_request(request, payload);
        async move { parameters.await?.get("inviteCode").map(Self).ok_or(Error::Needed(NO_CODE)) }
            .boxed_local()
    }
}
