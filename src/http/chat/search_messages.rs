//! `POST /chat/searchMessages/{instance}`: messages by their words.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::find_messages::{Filter, answer};
use super::paging;
use crate::db::{Page, words};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Most words of a query.
const MOST: usize = 16;

/// Which words, of which messages, and which part of them.
#[derive(ToSchema)]
pub struct SearchMessages {
    /// Words of the text, the caption or a name in the message; it has to have all of them, each as the
    /// beginning of one of its own, in any letter case and order.
    #[schema(value_type = String)]
    query: Vec<String>,
    /// As in findMessages.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// Counted from 1; `offset` or `limit` is the size of a page, 50 when absent and 1000 at most.
    #[schema(value_type = Option<u64>)]
    page: Page,
}

impl Input for SearchMessages {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let query = fields.filled_text("query").map(|text| words(&text));
        let count = query.as_ref().map(Vec::len);
        if count == Some(0) {
            fields.wrong("query", "has neither a letter nor a digit");
        } else if count.is_some_and(|count| count > MOST) {
            fields.wrong("query", &format!("has more than {MOST} words"));
        }
        let (filter, page) = (Filter::read(fields), paging::page(fields));
        Some(Self { query: query?, filter, page })
    }
}

/// A page of messages that have the words, newest first.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<SearchMessages>,
) -> Result<HttpResponse, Error> {
    let mut filter = body.filter.resolved(&instance.scope()).await?;
    filter.words = body.query;
    answer((&instance, &state), &filter, body.page).await
}
