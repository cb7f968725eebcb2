//! Contact cards.

use buffa::MessageField;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{ContactMessage, ContactsArrayMessage};

use crate::channel::kinds::Card;

pub(super) fn message(cards: Vec<Card>) -> wa::Message {
    let mut contacts: Vec<ContactMessage> = cards.iter().map(contact).collect();
    if contacts.len() == 1 {
        let only = contacts.pop().unwrap_or_default();
        return wa::Message { contact_message: MessageField::some(only), ..Default::default() };
    }
    let several = ContactsArrayMessage {
        display_name: Some(format!("{} contacts", contacts.len())),
        contacts,
        ..Default::default()
    };
    wa::Message { contacts_array_message: MessageField::some(several), ..Default::default() }
}

fn contact(card: &Card) -> ContactMessage {
    ContactMessage { display_name: Some(card.name.clone()), vcard: Some(vcard(card)), ..Default::default() }
}

/// A vCard of version 3.0, as the contract shows it. A line break in a value would begin a field.
fn vcard(card: &Card) -> String {
    let line = |text: &str| text.split(['\r', '\n']).collect::<Vec<_>>().join(" ");
    let name = line(&card.name);
    let mut lines = vec!["BEGIN:VCARD".to_owned(), "VERSION:3.0".to_owned()];
    lines.push(format!("N:{name}"));
    lines.push(format!("FN:{name}"));
    lines.extend(card.organization.as_deref().map(|text| format!("ORG:{};", line(text))));
    lines.extend(card.email.as_deref().map(|text| format!("EMAIL:{}", line(text))));
    lines.extend(card.url.as_deref().map(|text| format!("URL:{}", line(text))));
    lines.push(format!("item1.TEL;waid={}:{}", card.digits, line(&card.phone)));
    lines.push("item1.X-ABLabel:Celular".to_owned());
    lines.push("END:VCARD".to_owned());
    lines.join("\n")
}
