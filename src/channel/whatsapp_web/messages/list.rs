//! Lists to choose from. WhatsApp takes them from accounts of consumers, but most applications do
//! not show them.

use buffa::MessageField;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{ListMessage, list_message};

use crate::channel::kinds::{List, Section};

pub(super) fn message(list: List) -> wa::Message {
    let list = ListMessage {
        title: Some(list.title),
        description: list.description,
        button_text: Some(list.button_text),
        footer_text: list.footer_text,
        list_type: Some(list_message::ListType::SINGLE_SELECT),
        sections: list.sections.into_iter().map(section).collect(),
        ..Default::default()
    };
    wa::Message { list_message: MessageField::some(list), ..Default::default() }
}

fn section(section: Section) -> list_message::Section {
    let row = |row: crate::channel::kinds::Row| list_message::Row {
        title: Some(row.title),
        description: row.description,
        row_id: Some(row.row_id),
    };
    list_message::Section { title: Some(section.title), rows: section.rows.into_iter().map(row).collect() }
}
