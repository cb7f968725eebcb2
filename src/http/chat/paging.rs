//! Which part of a list.

use crate::db::Page;
use crate::http::fields::Fields;

/// Rows of a page when nobody says how many, and at most: all of a page is in memory at once, each row with a
/// whole message.
const USUAL: u64 = 50;
const MOST: u64 = 1_000;

/// `page` counts from 1; `offset` (and `limit`) is the size of a page, as the contract has it. A page is never
/// larger than [`MOST`], whatever is asked for: pages are counted by the size that it has.
pub fn page(fields: &Fields<'_>) -> Page {
    page_of(fields, USUAL, MOST)
}

/// As [`page`], with so many rows of a page when nobody says how many, and at most.
pub(super) fn page_of(fields: &Fields<'_>, usual: u64, most: u64) -> Page {
    let size = fields.integer(fields.either(&["offset", "limit"])).filter(|size| *size > 0);
    let number = fields.integer("page").unwrap_or(1).clamp(1, u64::from(u32::MAX));
    Page { number, size: size.unwrap_or(usual).min(most) }
}
