//! The event switches: names as operators write them, and the dotted names that events carry.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::variable::Switches;

/// Every event that a switch can name: the upper-case form and the dotted one.
pub const EVENTS: &[(&str, &str)] = &[
    ("APPLICATION_STARTUP", "application.startup"),
    ("CALL", "call"),
    ("CHATS_DELETE", "chats.delete"),
    ("CHATS_SET", "chats.set"),
    ("CHATS_UPDATE", "chats.update"),
    ("CHATS_UPSERT", "chats.upsert"),
    ("CONNECTION_UPDATE", "connection.update"),
    ("CONTACTS_SET", "contacts.set"),
    ("CONTACTS_UPDATE", "contacts.update"),
    ("CONTACTS_UPSERT", "contacts.upsert"),
    ("GROUPS_UPDATE", "groups.update"),
    ("GROUP_UPDATE", "groups.update"),
    ("GROUPS_UPSERT", "groups.upsert"),
    ("GROUP_PARTICIPANTS_UPDATE", "group-participants.update"),
    ("INSTANCE_CREATE", "instance.create"),
    ("INSTANCE_DELETE", "instance.delete"),
    ("LABELS_ASSOCIATION", "labels.association"),
    ("LABELS_EDIT", "labels.edit"),
    ("LOGOUT_INSTANCE", "logout.instance"),
    ("MESSAGES_DELETE", "messages.delete"),
    ("MESSAGES_EDITED", "messages.edited"),
    ("MESSAGES_SET", "messages.set"),
    ("MESSAGES_UPDATE", "messages.update"),
    ("MESSAGES_UPSERT", "messages.upsert"),
    ("PRESENCE_UPDATE", "presence.update"),
    ("QRCODE_UPDATED", "qrcode.updated"),
    ("REMOVE_INSTANCE", "remove.instance"),
    ("SEND_MESSAGE", "send.message"),
    ("SEND_MESSAGE_UPDATE", "send.message.update"),
    ("STATUS_INSTANCE", "status.instance"),
    ("TYPEBOT_CHANGE_STATUS", "typebot.change-status"),
    ("TYPEBOT_START", "typebot.start"),
];

/// The dotted name of an event written in either form, in any case: `MESSAGES_UPSERT`,
/// `messages.upsert` and `messages-upsert` are one. `None` for a name that no event has.
pub fn dotted(name: &str) -> Option<&'static str> {
    let canonical = name.trim().replace(['.', '-'], "_").to_ascii_uppercase();
    EVENTS.iter().find(|(upper, _)| *upper == canonical).map(|(_, dotted)| *dotted)
}

/// Reads the switches of one sink into the dotted names of the events that are on.
pub(super) fn read(reader: &mut Reader<'_>, switches: &Switches) -> BTreeSet<String> {
    let mut events = BTreeSet::new();
    for variable in switches.variables {
        if reader.flag(variable.name)
            && let Some(event) = variable.name.strip_prefix(switches.prefix).and_then(dotted)
        {
            events.insert(event.to_owned());
        }
    }
    events
}

/// The switches of a sink whose names begin with `$prefix`.
macro_rules! event_switches {
    ($prefix:literal) => {
        $crate::config::events::event_switches!(
            $prefix: APPLICATION_STARTUP CALL CHATS_DELETE CHATS_SET CHATS_UPDATE CHATS_UPSERT
            CONNECTION_UPDATE CONTACTS_SET CONTACTS_UPDATE CONTACTS_UPSERT GROUPS_UPDATE GROUP_UPDATE
            GROUPS_UPSERT GROUP_PARTICIPANTS_UPDATE INSTANCE_CREATE INSTANCE_DELETE LABELS_ASSOCIATION
            LABELS_EDIT LOGOUT_INSTANCE MESSAGES_DELETE MESSAGES_EDITED MESSAGES_SET MESSAGES_UPDATE
            MESSAGES_UPSERT PRESENCE_UPDATE QRCODE_UPDATED REMOVE_INSTANCE SEND_MESSAGE
            SEND_MESSAGE_UPDATE STATUS_INSTANCE TYPEBOT_CHANGE_STATUS TYPEBOT_START
        )
    };
    ($prefix:literal : $($event:ident)+) => {
        $crate::config::variable::Switches {
            prefix: $prefix,
            variables: &[$($crate::config::variable::Variable::event_switch(
                concat!($prefix, stringify!($event))
            )),+],
        }
    };
}
pub(super) use event_switches;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_one_event() {
        assert_eq!(dotted("GROUP_UPDATE"), Some("groups.update"));
        assert_eq!(dotted("GROUPS_UPDATE"), Some("groups.update"));
        assert_eq!(dotted("group-participants.update"), Some("group-participants.update"));
        assert_eq!(dotted(" messages-upsert "), Some("messages.upsert"));
        assert_eq!(dotted("MESSAGES"), None);
    }

    #[test]
    fn every_event_has_a_switch() {
        const SWITCHES: Switches = event_switches!("X_");
        assert_eq!(SWITCHES.variables.len(), EVENTS.len());
    }
}
