//! `POST /message/sendList/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::channel::kinds::{List, Row, Section};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Rows that WhatsApp shows in one list.
const MOST: usize = 10;

/// A list to send. WhatsApp takes lists, but many applications do not show what comes from an
/// account that is no business on Meta's platform: `textFallback` sends a plain text instead.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendList {
    /// Its fields stand beside the list.
    #[schema(ignore)]
    options: Common,
    /// Send it as a plain text; no when absent.
    #[schema(value_type = Option<bool>)]
    text_fallback: bool,
    /// What stands above; in old requests all of it is in `listMessage`.
    title: String,
    /// The text.
    description: Option<String>,
    /// What opens the list.
    button_text: String,
    /// What stands below.
    footer_text: Option<String>,
    /// `{title, rows: [{title, description, rowId}]}`; `values` is the same.
    #[schema(value_type = Vec<Object>)]
    sections: Vec<Section>,
}

fn optional(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.text(name).filter(|text| !text.is_empty())
}

fn row(fields: &Fields<'_>) -> Option<Row> {
    let (title, row_id) = (fields.filled_text("title"), fields.filled_text("rowId"));
    let description = optional(fields, "description");
    Some(Row { title: title?, description, row_id: row_id? })
}

fn section(fields: &Fields<'_>) -> Option<Section> {
    let title = fields.required_text("title");
    let rows: Vec<Option<Row>> = fields.required_objects("rows")?.iter().map(row).collect();
    if rows.is_empty() {
        fields.wrong("rows", "does not meet minimum length of 1");
    }
    Some(Section { title: title?, rows: rows.into_iter().collect::<Option<_>>()? })
}

fn list(fields: &Fields<'_>) -> Option<List> {
    let (title, button_text) = (fields.required_text("title"), fields.filled_text("buttonText"));
    let (description, footer_text) = (optional(fields, "description"), optional(fields, "footerText"));
    let name = fields.either(&["sections", "values"]);
    let sections: Vec<Option<Section>> = fields.required_objects(name)?.iter().map(section).collect();
    let sections: Vec<Section> = sections.into_iter().collect::<Option<_>>()?;
    let rows = sections.iter().map(|section| section.rows.len()).sum::<usize>();
    if !(1..=MOST).contains(&rows) {
        fields.wrong(name, &format!("must have 1 to {MOST} rows in all"));
    }
    Some(List { title: title?, description, button_text: button_text?, footer_text, sections })
}

impl Input for SendList {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("listMessage").filter(|_| !fields.has("title"));
        let list = list(old.as_ref().unwrap_or(fields));
        let text_fallback = fields.flag("textFallback").unwrap_or_default();
        let List { title, description, button_text, footer_text, sections } = list?;
        Some(Self {
            options: options?,
            text_fallback,
            title,
            description,
            button_text,
            footer_text,
            sections,
        })
    }
}

/// Sends a list.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<SendList>,
) -> Result<HttpResponse, Error> {
    let SendList { options, text_fallback, title, description, button_text, footer_text, sections } = body;
    let list = List { title, description, button_text, footer_text, sections };
    let content = if text_fallback {
        Content::Text { text: list.as_text(), link_preview: false }
    } else {
        Content::List(list)
    };
    send((&instance, &state), options, content, key).await
}
