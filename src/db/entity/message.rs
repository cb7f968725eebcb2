use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub instance_id: Uuid,
    pub key_id: String,
    pub remote_jid: String,
    pub remote_jid_alt: Option<String>,
    pub from_me: bool,
    pub participant: String,
    pub push_name: Option<String>,
    pub status: i16,
    pub updates: String,
    pub message_type: String,
    pub message: String,
    pub context_info: Option<String>,
    pub message_timestamp: i64,
    pub source: String,
    pub idempotency_key: Option<String>,
    pub deleted: bool,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
