//! Between the table's rows and the domain's instances.

use sea_orm::ActiveValue::{NotSet, Set};
use uuid::Uuid;

use super::{Counts, InstanceUpdate, Located, NewInstance, Ownership};
use crate::db::Error;
use crate::db::entity::instance::{ActiveModel, Model};
use crate::db::error::Cause;
use crate::domain::instance::Disconnection;
use crate::domain::{ConnectionState, Fence, Instance, InstanceId, InstanceName, NodeId, Settings};

/// The columns of an [`Ownership`], in its order.
pub(super) type OwnershipRow = (Uuid, Option<String>, String, Option<String>, Option<String>, i64, bool);

pub(super) fn ownership(row: OwnershipRow) -> Result<Ownership, Error> {
    let (id, stored_name, client_name, owner, pinned, fence, paired) = row;
    Ok(Ownership {
        id: InstanceId(id),
        name: name(stored_name)?,
        client_name,
        owner: owner.map(NodeId),
        pinned: pinned.map(NodeId),
        fence: Fence(fence),
        paired,
    })
}

/// The columns of a [`Located`], in its order.
pub(super) type LocatedRow = (Uuid, Option<String>, String, Option<String>, Option<String>);

pub(super) fn located(row: LocatedRow) -> Result<Located, Error> {
    let (id, stored_name, client_name, owner, token_hash) = row;
    let mut hash = [0; 32];
    hex::decode_to_slice(token_hash.unwrap_or_default(), &mut hash)
        .map_err(|error| Error::Failed(Cause::new(error)))?;
    let (id, owner) = (InstanceId(id), owner.map(NodeId));
    Ok(Located { id, name: name(stored_name)?, client_name, owner, token_hash: hash })
}

pub(super) fn new(new: &NewInstance, now: i64) -> Result<ActiveModel, Error> {
    Ok(ActiveModel {
        id: Set(new.id.0),
        name: Set(Some(new.name.to_string())),
        former_name: Set(None),
        client_name: Set(new.client_name.clone()),
        integration: Set(new.integration.clone()),
        token: Set(new.token.clone()),
        token_hash: Set(Some(new.token_hash.clone())),
        number: Set(new.number.clone()),
        business_id: Set(new.business_id.clone()),
        owner_jid: Set(None),
        owner_lid: Set(None),
        profile_name: Set(None),
        profile_pic_url: Set(None),
        state: Set(new.state.as_str().to_owned()),
        paired: Set(false),
        disconnection_code: Set(None),
        disconnection_object: Set(None),
        disconnection_at: Set(None),
        settings: Set(settings_text(&new.settings)?),
        owner_node: Set(new.owner.as_ref().map(|node| node.0.clone())),
        fence: Set(i64::from(new.owner.is_some())),
        event_sequence: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        pinned_node: Set(None),
        message_count: Set(0),
        chat_count: Set(0),
        contact_count: Set(0),
    })
}

/// The columns that an update changes; the others are not set.
pub(in crate::db) fn changes(update: &InstanceUpdate, now: i64) -> Result<ActiveModel, Error> {
    fn set<T: Clone + Into<sea_orm::Value>>(value: &Option<T>) -> sea_orm::ActiveValue<T> {
        value.clone().map_or(NotSet, Set)
    }
    let end = update.disconnection.as_ref();
    let settings = update.settings.as_ref().map(settings_text).transpose()?;
    Ok(ActiveModel {
        state: set(&update.state.map(|state| state.as_str().to_owned())),
        owner_jid: set(&update.owner_jid),
        owner_lid: set(&update.owner_lid),
        profile_name: set(&update.profile_name),
        profile_pic_url: set(&update.profile_pic_url),
        number: set(&update.number),
        paired: set(&update.paired),
        disconnection_code: set(&end.map(|end| end.as_ref().map(|end| end.code))),
        disconnection_object: set(&end.map(|end| end.as_ref().and_then(|end| end.object.clone()))),
        disconnection_at: set(&end.map(|end| end.as_ref().map(|end| end.at))),
        settings: set(&settings),
        updated_at: Set(now),
        ..Default::default()
    })
}

pub(super) fn stored(row: Model) -> Result<Instance, Error> {
    let disconnection = row.disconnection_code.map(|code| Disconnection {
        code,
        object: row.disconnection_object,
        at: row.disconnection_at.unwrap_or_default(),
    });
    Ok(Instance {
        id: InstanceId(row.id),
        name: name(row.name)?,
        client_name: row.client_name,
        integration: row.integration,
        token: row.token,
        number: row.number,
        business_id: row.business_id,
        owner_jid: row.owner_jid,
        owner_lid: row.owner_lid,
        profile_name: row.profile_name,
        profile_pic_url: row.profile_pic_url,
        state: ConnectionState::from_text(&row.state),
        disconnection,
        paired: row.paired,
        settings: serde_json::from_str(&row.settings).map_err(|error| Error::Failed(Cause::new(error)))?,
        fence: Fence(row.fence),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

pub(super) fn counts(messages: i64, contacts: i64, chats: i64) -> Counts {
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    Counts { messages: number(messages), contacts: number(contacts), chats: number(chats) }
}

fn name(stored: Option<String>) -> Result<InstanceName, Error> {
    let text = stored.unwrap_or_default();
    text.parse().map_err(|_| Error::Invalid(format!("the instance name `{text}` is on record")))
}

fn settings_text(settings: &Settings) -> Result<String, Error> {
    serde_json::to_string(settings).map_err(|error| Error::Failed(Cause::new(error)))
}
