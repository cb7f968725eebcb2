//! `GET|POST /instance/connect/{instance}`: a QR, a pairing code, or the state when it is open.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::{Jid, address::JidKind};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Query, Valid};
use crate::http::fields::Fields;
use crate::instance::{Connecting, Handle};

/// How long a client waits for a QR before it is told that there is none yet.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How to link the account.
#[derive(ToSchema)]
pub struct Connect {
    /// The phone's number: asks for a code to type on the phone, beside the QR.
    number: Option<String>,
}

impl Input for Connect {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { number: fields.text("number").filter(|number| !number.trim().is_empty()) })
    }
}

/// Connects.
pub async fn handle(
    instance: LocalInstance,
    query: Query,
    Valid(body): Valid<Connect>,
) -> Result<HttpResponse, Error> {
    let number = query.get("number").map(str::to_owned).or(body.number);
    let phone = number.as_deref().map(digits).transpose()?;
    let connecting = instance.connect(phone, PATIENCE).await.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Ok().json(shown(&instance, &connecting)))
}

/// The digits of a phone number.
pub(super) fn digits(number: &str) -> Result<String, Error> {
    match Jid::parse(number) {
        Ok(jid) if jid.kind() == JidKind::Phone => Ok(jid.user().to_owned()),
        _ => Err(Error::Schema(vec!["number is not a phone number".to_owned()])),
    }
}

/// What a request to connect has come to, as clients read it.
pub(super) fn shown(instance: &Handle, connecting: &Connecting) -> Value {
    let state = |state: &str| json!({"instanceName": instance.name(), "state": state});
    match connecting {
        Connecting::Open => json!({"instance": state("open")}),
        Connecting::Pending if instance.view().paired => {
            json!({"instance": state(instance.state().as_str())})
        }
        Connecting::Pending | Connecting::Qr(_) => qrcode(connecting),
    }
}

/// The part about the QR.
pub(super) fn qrcode(connecting: &Connecting) -> Value {
    match connecting {
        Connecting::Qr(qr) => json!({
            "pairingCode": qr.pairing_code,
            "code": qr.code,
            "base64": qr.base64,
            "count": qr.count,
        }),
        Connecting::Open | Connecting::Pending => {
            json!({"pairingCode": null, "code": null, "base64": null, "count": 0})
        }
    }
}
