//! What is told of labels, whoever changed them.

use serde_json::{Value, json};

use super::{InstanceName, Jid};

/// A label as `labels.edit` tells it.
pub struct Edited<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The number of its colour.
    pub color: i32,
    /// Which of WhatsApp's own labels it is, if it is one.
    pub predefined_id: Option<&'a str>,
    /// Whether it is gone.
    pub deleted: bool,
}

impl Edited<'_> {
    /// The data of the event.
    #[must_use]
    pub fn of(&self, instance: &InstanceName) -> Value {
        let mut data = json!({
            "id": self.id, "name": self.name, "color": self.color, "deleted": self.deleted,
            "instance": instance,
        });
        // Clients take the field for a mark of WhatsApp's own labels.
        if let Some(id) = self.predefined_id {
            data["predefinedId"] = json!(id);
        }
        data
    }
}

/// The data of `labels.association`: a label was put on a chat, or taken off it.
#[must_use]
pub fn associated(instance: &InstanceName, label_id: &str, chat: &Jid, labeled: bool) -> Value {
    let kind = if labeled { "add" } else { "remove" };
    json!({"instance": instance, "type": kind, "chatId": chat, "labelId": label_id})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whatsapps_own_labels_say_which_they_are() {
        let instance = "acme".parse().unwrap();
        let label = Edited { id: "7", name: "VIP", color: 3, predefined_id: None, deleted: false };
        let plain = json!({"id": "7", "name": "VIP", "color": 3, "deleted": false, "instance": "acme"});
        assert_eq!(label.of(&instance), plain);
        let own = Edited { predefined_id: Some("2"), ..label };
        assert_eq!(own.of(&instance)["predefinedId"], "2");
    }
}
