//! Namespace `w:biz:catalog`: what businesses sell, in parts.

use wacore_binary::{Node, NodeRef};

use crate::{
    session::device::Session,
    wire::nodes::{bytes, el, error, jid, leaf, result},
    world::social::{Business, Product},
};

/// Answers the namespace.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) -> Node {
    let (query, key) =
        match (request.get_optional_child("product_catalog"), request.get_optional_child("collections")) {
            (Some(query), _) => (query, "jid"),
            (None, Some(query)) => (query, "biz_jid"),
            (None, None) => return error(request, 501, "feature-not-implemented"),
        };
    let account = jid(query, key).and_then(|jid| session.world.directory.find(&jid));
    let business = account.and_then(|account| account.state().social.business.clone());
    let Some(business) = business else { return error(request, 404, "item-not-found") };
    let answer = if key == "jid" { products(&business, query) } else { collections(&business, query) };
    result(request).children([answer]).build()
}

fn number(query: &NodeRef<'_>, tag: &str) -> Option<usize> {
    query.get_optional_child(tag).and_then(bytes).and_then(|text| String::from_utf8(text).ok()?.parse().ok())
}

/// A part from `after` on; `paging` says where the next one begins.
fn products(business: &Business, query: &NodeRef<'_>) -> Node {
    let (from, limit) = (number(query, "after").unwrap_or(0), number(query, "limit").unwrap_or(10));
    let mut children: Vec<Node> = business.products.iter().skip(from).take(limit).map(product).collect();
    let next = from + children.len();
    if next < business.products.len() {
        children.push(el("paging").children([leaf("after", next.to_string())]).build());
    }
    el("product_catalog").children(children).build()
}

fn collections(business: &Business, query: &NodeRef<'_>) -> Node {
    let limit = number(query, "collection_limit").unwrap_or(10);
    let items = number(query, "item_limit").unwrap_or(10);
    let collections = business.collections.iter().take(limit).map(|collection| {
        let mut children = vec![
            leaf("id", collection.id.as_bytes()),
            leaf("name", collection.name.as_bytes()),
            el("status_info").children([leaf("status", b"APPROVED")]).build(),
        ];
        let listed = collection.products.iter();
        let found = listed.filter_map(|id| business.products.iter().find(|product| product.id == *id));
        children.extend(found.take(items).map(product));
        el("collection").children(children).build()
    });
    el("collections").children(collections).build()
}

fn product(product: &Product) -> Node {
    let mut children = vec![
        leaf("id", product.id.as_bytes()),
        leaf("name", product.name.as_bytes()),
        leaf("description", product.description.as_bytes()),
        leaf("price", product.price.to_string()),
        leaf("currency", product.currency.as_bytes()),
        el("status_info").children([leaf("status", b"APPROVED")]).build(),
    ];
    children.extend(product.image.as_ref().map(|url| {
        let urls = [leaf("request_image_url", url.as_bytes()), leaf("original_image_url", url.as_bytes())];
        el("media").children([el("image").children(urls).build()]).build()
    }));
    el("product").attr("is_hidden", "false").children(children).build()
}
