//! What messages are made of that are no file.

use std::fmt::Write as _;

use crate::media::Ready;

/// A contact card.
#[derive(Clone, Debug)]
pub struct Card {
    /// The contact's name.
    pub name: String,
    /// The number as people read it.
    pub phone: String,
    /// The digits of the number on WhatsApp.
    pub digits: String,
    /// Where the contact works.
    pub organization: Option<String>,
    /// A mail address.
    pub email: Option<String>,
    /// A page.
    pub url: Option<String>,
}

/// A poll.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The question.
    pub name: String,
    /// How many answers one may choose; 0 is any number.
    pub selectable: u32,
    /// The answers, all different.
    pub values: Vec<String>,
}

/// A list to choose from.
#[derive(Clone, Debug)]
pub struct List {
    /// Above the text.
    pub title: String,
    /// The text.
    pub description: Option<String>,
    /// On the button that opens the list.
    pub button_text: String,
    /// Below the text.
    pub footer_text: Option<String>,
    /// The choices.
    pub sections: Vec<Section>,
}

/// Choices under one title.
#[derive(Clone, Debug)]
pub struct Section {
    /// The title.
    pub title: String,
    /// The choices.
    pub rows: Vec<Row>,
}

/// A choice.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it says.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// Comes back when it is chosen.
    pub row_id: String,
}

/// A text with buttons.
#[derive(Clone, Debug)]
pub struct Buttons {
    /// Above everything.
    pub picture: Option<Ready>,
    /// Above the text.
    pub title: String,
    /// The text.
    pub description: Option<String>,
    /// Below the text.
    pub footer: Option<String>,
    /// The buttons, at least one.
    pub buttons: Vec<Button>,
}

/// A button.
#[derive(Clone, Debug)]
pub enum Button {
    /// Answers.
    Reply {
        /// What it says.
        text: String,
        /// Comes back when it is pressed.
        id: String,
    },
    /// Opens a page.
    Url {
        /// What it says.
        text: String,
        /// The page.
        url: String,
    },
    /// Calls a number.
    Call {
        /// What it says.
        text: String,
        /// The number.
        phone: String,
    },
    /// Copies a code.
    Copy {
        /// What it says.
        text: String,
        /// The code.
        code: String,
    },
    /// Shows a key for payments in Brazil; the only button of its message.
    Pix {
        /// Three letters.
        currency: String,
        /// Who is paid.
        name: String,
        /// `PHONE`, `EMAIL`, `CPF`, `CNPJ` or `EVP`.
        key_type: &'static str,
        /// The key.
        key: String,
    },
}

/// A message that WhatsApp approved before.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, for example `en_US`.
    pub language: String,
    /// What fills its places, as JSON text.
    pub components: Option<String>,
}

impl List {
    /// The list as a plain text, for recipients whose application does not show lists.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut text = heading(&self.title, self.description.as_deref());
        for section in &self.sections {
            let _ = write!(text, "\n\n*{}*", section.title);
            for row in &section.rows {
                let _ = write!(text, "\n\u{2022} {}", row.title);
                if let Some(description) = &row.description {
                    let _ = write!(text, ": {description}");
                }
            }
        }
        footed(text, self.footer_text.as_deref())
    }
}

impl Buttons {
    /// The message as a plain text, for recipients whose application does not show buttons.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut text = heading(&self.title, self.description.as_deref());
        text.push('\n');
        for button in &self.buttons {
            let _ = match button {
                Button::Reply { text: label, .. } => write!(text, "\n\u{2022} {label}"),
                Button::Url { text: label, url: more }
                | Button::Call { text: label, phone: more }
                | Button::Copy { text: label, code: more } => write!(text, "\n\u{2022} {label}: {more}"),
                Button::Pix { name, key_type, key, .. } => {
                    write!(text, "\n\u{2022} Pix {name} ({key_type}): {key}")
                }
            };
        }
        footed(text, self.footer.as_deref())
    }
}

fn heading(title: &str, description: Option<&str>) -> String {
    let mut text = format!("*{title}*");
    if let Some(description) = description {
        let _ = write!(text, "\n\n{description}");
    }
    text
}

fn footed(mut text: String, footer: Option<&str>) -> String {
    if let Some(footer) = footer {
        let _ = write!(text, "\n\n_{footer}_");
    }
    text
}
