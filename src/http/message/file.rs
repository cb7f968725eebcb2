//! What messages with a file have in common.

use actix_web::HttpResponse;

use super::common::{Common, deliver};
use crate::channel::Content;
use crate::http::extract::{FILE, LocalInstance};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::Working;
use crate::media::{Fetched, Kind, Ready, Request, Source};

/// Where a request has its file.
pub(super) enum Place {
    /// In the part `file` of the form.
    Part,
    /// In a field: base64 or an address.
    Field(&'static str, Source),
}

impl Place {
    /// Reads the field that a file is in, unless the form has it as a part.
    pub(super) fn read(fields: &Fields<'_>, whole: &Fields<'_>, name: &'static str) -> Option<Self> {
        if whole.flag(FILE) == Some(true) { Some(Self::Part) } else { Self::in_field(fields, name) }
    }

    /// Reads a field that a file is in, which has to be there.
    pub(super) fn in_field(fields: &Fields<'_>, name: &'static str) -> Option<Self> {
        fields.source(name).map(|source| Self::Field(name, source))
    }

    const fn field(&self) -> &'static str {
        match self {
            Self::Part => FILE,
            Self::Field(name, _) => name,
        }
    }

    /// Gets the file and makes it ready.
    pub(super) async fn ready(
        self,
        working: &Working,
        part: Option<Fetched>,
        kind: Kind,
        request: Request,
    ) -> Result<Ready, Error> {
        let field = self.field();
        let refused = |error| Error::of_media(&error, field);
        let files = working.files()?.handle();
        let fetched = match (self, part) {
            (Self::Part, Some(part)) => part,
            (Self::Part, None) => {
                return Err(Error::Schema(vec![format!("{FILE} must be a part of a form")]));
            }
            (Self::Field(_, source), _) => files.fetch(source).await.map_err(refused)?,
        };
        files.ready(kind, fetched, request).await.map_err(refused)
    }
}

/// Sends a file as a message of any kind.
pub(super) async fn send(
    (instance, state): (&LocalInstance, &State),
    options: Common,
    (place, part): (Place, Option<Fetched>),
    (kind, request): (Kind, Request),
    content: impl FnOnce(Ready) -> Content,
    idempotency_key: Option<String>,
) -> Result<HttpResponse, Error> {
    let begun = options.begin(instance, state).await?;
    let ready = place.ready(&begun.0, part, kind, request).await?;
    deliver((instance, state), options, begun, content(ready), idempotency_key).await
}
