use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "media")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub instance_id: Uuid,
    pub kind: String,
    pub state: i32,
    pub attempts: i32,
    pub due_at: i64,
    pub mimetype: Option<String>,
    pub file_name: Option<String>,
    pub download_as: Option<String>,
    pub bytes: Option<i64>,
    pub problem: Option<String>,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
