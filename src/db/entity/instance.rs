use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "instance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: Option<String>,
    pub former_name: Option<String>,
    pub client_name: String,
    pub integration: String,
    pub token: String,
    pub token_hash: Option<String>,
    pub number: Option<String>,
    pub business_id: Option<String>,
    pub owner_jid: Option<String>,
    pub owner_lid: Option<String>,
    pub profile_name: Option<String>,
    pub profile_pic_url: Option<String>,
    pub state: String,
    pub paired: bool,
    pub disconnection_code: Option<i32>,
    pub disconnection_object: Option<String>,
    pub disconnection_at: Option<i64>,
    pub settings: String,
    pub owner_node: Option<String>,
    pub fence: i64,
    pub event_sequence: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
    pub pinned_node: Option<String>,
    pub message_count: i64,
    pub chat_count: i64,
    pub contact_count: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
