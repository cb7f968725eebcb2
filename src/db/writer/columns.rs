//! The columns of what is flushed, in the order of the values, and what replaces a row that is there.

use super::sql::Type;

pub const INSTANCE_CHANGE: [(&str, Type); 5] = [
    ("id", Type::Id),
    ("event_sequence", Type::Number),
    ("message_count", Type::Number),
    ("chat_count", Type::Number),
    ("contact_count", Type::Number),
];

pub const INSTANCE_SET: [(&str, &str); 4] = [
    ("event_sequence", "v.event_sequence"),
    ("message_count", "t.message_count + v.message_count"),
    ("chat_count", "t.chat_count + v.chat_count"),
    ("contact_count", "t.contact_count + v.contact_count"),
];

pub const GROUP: [&str; 5] = ["instance_id", "jid", "metadata", "members", "fetched_at"];

pub const MESSAGE: [&str; 19] = [
    "id",
    "instance_id",
    "key_id",
    "remote_jid",
    "remote_jid_alt",
    "from_me",
    "participant",
    "push_name",
    "status",
    "updates",
    "message_type",
    "message",
    "context_info",
    "message_timestamp",
    "source",
    "idempotency_key",
    "deleted",
    "created_at",
    "search",
];

/// What is NULL stays as it is.
pub const MESSAGE_CHANGE: [(&str, Type); 8] = [
    ("id", Type::Id),
    ("instance_id", Type::Id),
    ("status", Type::Number),
    ("updates", Type::Text),
    ("message", Type::Text),
    ("message_timestamp", Type::Number),
    ("deleted", Type::Number),
    ("search", Type::Text),
];

pub const MESSAGE_SET: [(&str, &str); 6] = [
    // The same rule as `is_ahead`, for rows that were not read.
    ("status", "CASE WHEN t.status <= 1 OR v.status > t.status THEN v.status ELSE t.status END"),
    ("updates", "COALESCE(v.updates, t.updates)"),
    ("message", "COALESCE(v.message, t.message)"),
    ("message_timestamp", "COALESCE(v.message_timestamp, t.message_timestamp)"),
    ("deleted", "COALESCE(v.deleted, t.deleted)"),
    // An edit brings its own words, be there any or none.
    ("search", "CASE WHEN v.message IS NULL THEN t.search ELSE v.search END"),
];

pub const CHAT: [&str; 13] = [
    "instance_id",
    "remote_jid",
    "id",
    "remote_jid_alt",
    "name",
    "unread_count",
    "last_message_id",
    "last_message_at",
    "created_at",
    "updated_at",
    "archived",
    "pinned",
    "muted_until",
];

pub const CHAT_SET: [&str; 9] = [
    "remote_jid_alt",
    "name",
    "unread_count",
    "last_message_id",
    "last_message_at",
    "updated_at",
    "archived",
    "pinned",
    "muted_until",
];

pub const LABEL: [&str; 7] =
    ["instance_id", "label_id", "name", "color", "predefined_id", "created_at", "updated_at"];

pub const LABEL_SET: [&str; 4] = ["name", "color", "predefined_id", "updated_at"];

pub const CONTACT: [&str; 10] = [
    "instance_id",
    "remote_jid",
    "id",
    "remote_jid_alt",
    "push_name",
    "saved_name",
    "profile_pic_url",
    "is_saved",
    "created_at",
    "updated_at",
];

pub const CONTACT_SET: [&str; 6] =
    ["remote_jid_alt", "push_name", "saved_name", "profile_pic_url", "is_saved", "updated_at"];

pub const RECORD_KEY: [(&str, Type); 3] =
    [("instance_id", Type::Id), ("kind", Type::Text), ("record_key", Type::Bytes)];

pub const RECORD: [&str; 5] = ["instance_id", "kind", "record_key", "value", "expires_at"];

pub const OUTBOX: [&str; 10] = [
    "instance_id",
    "sink",
    "event_id",
    "kind",
    "chat",
    "sequence",
    "data",
    "event_time",
    "history",
    "created_at",
];
