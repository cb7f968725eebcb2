//! What businesses offer. The queries are those of WhatsApp Web's namespace `w:biz:catalog`.

use async_trait::async_trait;
use serde_json::{Value, json};
use wacore::request::InfoQuery;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid as WireJid, Node, NodeContent, NodeRef, Server};

use super::address::to_wire;
use super::connection::Connection;
use crate::channel::catalogue::{Part, Products};
use crate::channel::{Catalogue, Error};
use crate::domain::Jid;

/// Width and height of pictures that are asked for, in pixels.
const PICTURE: &str = "100";
/// Products of a collection that are asked for.
const OF_COLLECTION: u32 = 10;

#[async_trait]
impl Catalogue for Connection {
    async fn is_business(&self, jid: &Jid) -> Result<bool, Error> {
        let jid = to_wire(jid)?;
        let profile = self.consent(self.client()?.get_business_profile(&jid)).await?;
        Ok(profile.is_some())
    }

    async fn products(&self, jid: &Jid, part: &Part) -> Result<Products, Error> {
        let mut children =
            vec![text("limit", &part.limit.to_string()), text("width", PICTURE), text("height", PICTURE)];
        children.extend(part.after.as_deref().map(|after| text("after", after)));
        let query = NodeBuilder::new("product_catalog")
            .attr("jid", to_wire(jid)?)
            .attr("allow_shop_source", "true")
            .children(children)
            .build();
        self.asked(query, |answer| {
            let Some(catalogue) = answer.get_optional_child("product_catalog") else {
                return Products::default();
            };
            let paging = catalogue.get_optional_child("paging");
            Products {
                items: catalogue.get_children_by_tag("product").map(product).collect(),
                next: paging.and_then(|paging| said(paging, "after")),
            }
        })
        .await
    }

    async fn collections(&self, jid: &Jid, limit: u32) -> Result<Vec<Value>, Error> {
        let query = NodeBuilder::new("collections")
            .attr("biz_jid", to_wire(jid)?)
            .children([
                text("collection_limit", &limit.to_string()),
                text("item_limit", &OF_COLLECTION.to_string()),
                text("width", PICTURE),
                text("height", PICTURE),
            ])
            .build();
        self.asked(query, |answer| {
            let collections = answer.get_optional_child("collections");
            let collections = collections.into_iter().flat_map(|all| all.get_children_by_tag("collection"));
            collections.map(collection).collect()
        })
        .await
    }
}

impl Connection {
    async fn asked<T>(&self, query: Node, read: impl FnOnce(&NodeRef<'_>) -> T + Send) -> Result<T, Error> {
        let to = WireJid::new("", Server::Pn);
        let query = InfoQuery::get("w:biz:catalog", to, Some(NodeContent::Nodes(vec![query])));
        let client = self.client()?;
        let answer = self.consent(client.send_iq(query)).await?;
        Ok(read(answer.get()))
    }
}

fn text(tag: &'static str, content: &str) -> Node {
    NodeBuilder::new(tag).bytes(content.as_bytes()).build()
}

/// The text of a child.
fn said(node: &NodeRef<'_>, tag: &str) -> Option<String> {
    let child = node.get_optional_child(tag)?;
    let bytes = child.content_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    bytes.or_else(|| child.content_as_string().map(|text| text.to_string()))
}

fn product(node: &NodeRef<'_>) -> Value {
    let mut images = serde_json::Map::new();
    let image = node.get_optional_child("media").and_then(|media| media.get_optional_child("image"));
    if let Some(image) = image {
        images.extend(said(image, "request_image_url").map(|url| ("requested".to_owned(), url.into())));
        images.extend(said(image, "original_image_url").map(|url| ("original".to_owned(), url.into())));
    }
    let status = node.get_optional_child("status_info").and_then(|status| said(status, "status"));
    // Thousandths of the currency's unit.
    let price = said(node, "price").and_then(|price| price.parse::<i64>().ok());
    json!({
        "id": said(node, "id"),
        "imageUrls": images,
        "reviewStatus": {"whatsapp": status},
        "name": said(node, "name"),
        "retailerId": said(node, "retailer_id"),
        "url": said(node, "url"),
        "description": said(node, "description"),
        "price": price,
        "currency": said(node, "currency"),
        "isHidden": node.attrs().optional_string("is_hidden").is_some_and(|hidden| hidden == "true"),
    })
}

fn collection(node: &NodeRef<'_>) -> Value {
    let status = node.get_optional_child("status_info").and_then(|status| said(status, "status"));
    let products: Vec<Value> = node.get_children_by_tag("product").map(product).collect();
    json!({
        "id": said(node, "id"),
        "name": said(node, "name"),
        "products": products,
        "status": {"status": status, "canAppeal": false},
    })
}
