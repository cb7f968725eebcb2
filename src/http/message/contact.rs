//! `POST /message/sendContact/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::channel::kinds::Card;
use crate::domain::Jid;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Most cards of a message.
const MOST: usize = 257;

/// Contact cards to send.
#[derive(ToSchema)]
pub struct SendContact {
    /// Its fields stand beside the cards.
    #[schema(ignore)]
    options: Common,
    /// The cards; in old requests they are in `contactMessage`.
    #[schema(value_type = Vec<ContactCard>)]
    contact: Vec<Card>,
}

/// A contact card.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the schema of what is read into the provider's card")]
pub struct ContactCard {
    /// The contact's name.
    full_name: String,
    /// The number on WhatsApp; that of `phoneNumber` when absent.
    wuid: Option<String>,
    /// The number as people read it.
    phone_number: String,
    /// Where the contact works.
    organization: Option<String>,
    /// A mail address.
    email: Option<String>,
    /// A page.
    url: Option<String>,
}

fn card(fields: &Fields<'_>) -> Option<Card> {
    let filled = |name: &str| fields.text(name).filter(|text| !text.is_empty());
    let (name, phone) = (fields.filled_text("fullName"), fields.filled_text("phoneNumber"));
    let (organization, email, url) = (filled("organization"), filled("email"), filled("url"));
    let (field, number) = match filled("wuid") {
        Some(wuid) => ("wuid", Some(wuid)),
        None => ("phoneNumber", phone.clone()),
    };
    let digits = number.and_then(|number| {
        let jid = Jid::parse(&number);
        if jid.is_err() {
            fields.wrong(field, "is not a phone number");
        }
        jid.ok().map(|jid| jid.user().to_owned())
    });
    Some(Card { name: name?, phone: phone?, digits: digits?, organization, email, url })
}

impl Input for SendContact {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let name = fields.either(&["contact", "contactMessage"]);
        let cards = match fields.value(name) {
            Some(serde_json::Value::Object(_)) => fields.object(name).map(|one| vec![one]),
            _ => fields.required_objects(name),
        };
        let cards = cards?;
        if cards.is_empty() || cards.len() > MOST {
            fields.wrong(name, &format!("must have 1 to {MOST} items"));
        }
        let contact: Vec<Option<Card>> = cards.iter().map(card).collect();
        Some(Self { options: options?, contact: contact.into_iter().collect::<Option<_>>()? })
    }
}

/// Sends contact cards.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendContact { options, contact }): Valid<SendContact>,
) -> Result<HttpResponse, Error> {
    send((&instance, &state), options, Content::Contacts(contact), key).await
}
