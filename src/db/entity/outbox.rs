use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub instance_id: Uuid,
    pub sink: String,
    pub event_id: Uuid,
    pub kind: String,
    pub chat: Option<String>,
    pub sequence: i64,
    pub data: String,
    pub event_time: i64,
    pub history: Option<String>,
    pub attempt: i32,
    pub due_at: i64,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
