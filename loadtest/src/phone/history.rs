//! The phone gives its history to a device: blobs over the media host, announced by peer messages.

use std::{io::Write as _, sync::Arc};

use buffa::{Message as _, MessageField};
use flate2::{Compression, write::ZlibEncoder};
use wacore::download::MediaType;
use waproto::whatsapp::{
    HistorySync, Message,
    history_sync::HistorySyncType as Content,
    message::{
        HistorySyncNotification, HistorySyncType, ImageMessage, ProtocolMessage, protocol_message::Type,
    },
};

use super::{
    attach, files,
    kinds::File,
    past::{History, Past},
    send,
};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    world::{World, account::Account, ledger::Entry, lock},
};

/// Chats per blob when the plan does not say.
const CHATS_PER_BLOB: u32 = 100;

/// Gives a newly linked device the history that the simulator's options ask for.
pub(crate) fn share(world: &Arc<World>, account: &Arc<Account>, device: u16) {
    let plan = lock(&world.history).clone();
    if let Some(plan) = plan {
        start(world, account, vec![device], plan);
    }
}

/// Gives devices a history, in a task: a large one takes seconds to build.
pub(crate) fn start(world: &Arc<World>, account: &Arc<Account>, devices: Vec<u16>, plan: History) {
    let (world, account) = (world.clone(), account.clone());
    let tasks = world.tasks.clone();
    tasks.spawn(async move {
        let sending = tokio::task::spawn_blocking(move || {
            for device in devices {
                if let Err(error) = send_all(&world, &account, device, &plan) {
                    tracing::warn!(%error, "cannot send the history");
                }
            }
        });
        if let Err(error) = sending.await {
            tracing::error!(%error, "sending a history panicked");
        }
    });
}

/// The past of an account under a plan. It stays the same as long as the plan does.
fn past(world: &World, account: &Account, plan: &History) -> Past {
    if let Some(past) = account.state().past.clone().filter(|past| past.plan == *plan) {
        return past;
    }
    let contacts = world.directory.all();
    let contacts = contacts.iter().filter(|other| other.state().contact && other.phone != account.phone);
    let past = Past {
        plan: plan.clone(),
        until: unix_seconds(),
        by_lid: world.options.lid_migrated,
        known: contacts
            .take(plan.chats as usize)
            .map(|other| (other.phone.clone(), other.lid.clone()))
            .collect(),
    };
    account.state().past = Some(past.clone());
    past
}

fn picture(world: &World, plan: &History) -> Result<Option<ImageMessage>> {
    if !plan.pictures {
        return Ok(None);
    }
    let file = File { size: 1_000, ..File::default() };
    Ok(Some(files::image(files::upload(world, &file, MediaType::Image, "image/jpeg")?, None)))
}

fn send_all(world: &World, account: &Account, device: u16, plan: &History) -> Result<()> {
    if plan.chats == 0 {
        return Ok(());
    }
    let past = past(world, account, plan);
    let picture = picture(world, plan)?;
    let picture = picture.as_ref();
    let conversations = |chats: std::ops::Range<u32>, from, to| {
        chats.map(|chat| past.conversation(chat, from, to, picture)).collect::<Vec<_>>()
    };
    let first = HistorySync {
        conversations: conversations(0..plan.chats, 0, plan.bootstrap),
        phone_number_to_lid_mappings: past.mappings(),
        ..blob(Content::INITIAL_BOOTSTRAP, 1, 100)
    };
    announce(world, account, device, &first, &Delivery { inline: plan.inline, request: None })?;
    let names = HistorySync { pushnames: past.push_names(account), ..blob(Content::PUSH_NAME, 1, 100) };
    announce(world, account, device, &names, &Delivery::default())?;
    let per_blob = if plan.chats_per_blob == 0 { CHATS_PER_BLOB } else { plan.chats_per_blob };
    let recent_end = plan.bootstrap.saturating_add(plan.recent);
    let full_end = recent_end.saturating_add(plan.full);
    let parts = [(Content::RECENT, plan.bootstrap, recent_end), (Content::FULL, recent_end, full_end)];
    for (kind, from, to) in parts.into_iter().filter(|(_, from, to)| from < to) {
        let blobs = plan.chats.div_ceil(per_blob);
        for number in 0..blobs {
            let start = number * per_blob;
            let chats = start..(start + per_blob).min(plan.chats);
            let content = HistorySync {
                conversations: conversations(chats, from, to),
                ..blob(kind, number + 1, (number + 1) * 100 / blobs)
            };
            announce(world, account, device, &content, &Delivery::default())?;
        }
    }
    world.touch();
    Ok(())
}

fn blob(kind: Content, chunk: u32, progress: u32) -> HistorySync {
    HistorySync { sync_type: kind, chunk_order: Some(chunk), progress: Some(progress), ..Default::default() }
}

/// How a blob goes to the device.
#[derive(Default)]
struct Delivery {
    /// Inside the message.
    inline: bool,
    /// Id of the message that asked for it.
    request: Option<String>,
}

/// The `syncType` of the notification for a blob's own type. They are two enums with the same numbers.
fn notified(kind: Content) -> HistorySyncType {
    match kind {
        Content::INITIAL_BOOTSTRAP => HistorySyncType::INITIAL_BOOTSTRAP,
        Content::INITIAL_STATUS_V3 => HistorySyncType::INITIAL_STATUS_V3,
        Content::FULL => HistorySyncType::FULL,
        Content::RECENT => HistorySyncType::RECENT,
        Content::PUSH_NAME => HistorySyncType::PUSH_NAME,
        Content::NON_BLOCKING_DATA => HistorySyncType::NON_BLOCKING_DATA,
        Content::ON_DEMAND => HistorySyncType::ON_DEMAND,
    }
}

fn announce(
    world: &World,
    account: &Account,
    device: u16,
    content: &HistorySync,
    delivery: &Delivery,
) -> Result<()> {
    let packed = pack(&content.encode_to_vec())?;
    let id = world.message_id();
    let mut notification = HistorySyncNotification {
        file_length: u64::try_from(packed.len()).ok(),
        sync_type: Some(notified(content.sync_type)),
        chunk_order: content.chunk_order,
        progress: content.progress,
        peer_data_request_session_id: delivery.request.clone(),
        ..Default::default()
    };
    if delivery.inline {
        notification.initial_hist_bootstrap_inline_payload = Some(packed);
    } else {
        let file = attach::upload(world, &packed, MediaType::History)?;
        if let (Some(path), Some(key)) = (file.direct_path.clone(), file.media_key.clone()) {
            world.ledger.remember(&id, Entry { path, key });
        }
        notification.file_sha256 = file.file_sha256;
        notification.media_key = file.media_key;
        notification.file_enc_sha256 = file.file_enc_sha256;
        notification.direct_path = file.direct_path;
    }
    let protocol = ProtocolMessage {
        r#type: Some(Type::HISTORY_SYNC_NOTIFICATION),
        history_sync_notification: MessageField::some(notification),
        ..Default::default()
    };
    let message = Message { protocol_message: MessageField::some(protocol), ..Default::default() };
    send::peer(world, account, device, &id, &message)
}

fn pack(plain: &[u8]) -> Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain).and_then(|()| packed.finish()).map_err(|error| Error::Crypto(error.to_string()))
}

/// A request for messages of one chat that are older than one the client has.
pub(crate) struct Older<'a> {
    pub(crate) chat: &'a str,
    pub(crate) oldest: &'a str,
    pub(crate) count: u32,
    /// Id of the requesting message.
    pub(crate) request: &'a str,
}

/// Answers a request for older messages; an unknown chat or message gets an empty answer.
pub(crate) fn older(world: &World, account: &Account, device: u16, wanted: &Older<'_>) -> Result<()> {
    let past = account.state().past.clone();
    let found = past.and_then(|past| {
        let chat = past.chat(wanted.chat)?;
        let (of, oldest) = past.position(wanted.oldest).filter(|(of, _)| *of == chat)?;
        let from = oldest.saturating_add(1);
        let picture = picture(world, &past.plan).ok().flatten();
        Some(past.conversation(of, from, from.saturating_add(wanted.count), picture.as_ref()))
    });
    let content =
        HistorySync { conversations: found.into_iter().collect(), ..blob(Content::ON_DEMAND, 1, 100) };
    let delivery = Delivery { inline: false, request: Some(wanted.request.to_owned()) };
    announce(world, account, device, &content, &delivery)
}
