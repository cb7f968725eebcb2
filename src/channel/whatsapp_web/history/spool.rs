//! Parts of a history on their way to the record: noted before their messages are acknowledged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use buffa::Message as _;
use tokio::sync::{Notify, mpsc, oneshot};
use wacore::messages::DetachedHistorySyncNotification;
use wacore::types::events::{Event, InboundMessage};
use waproto::whatsapp::message::HistorySyncNotification;
use waproto::whatsapp::message::protocol_message::Type;
use whatsapp_rust::Client;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::sync_task::MajorSyncTask;

use crate::channel::whatsapp_web::connection::Context;
use crate::channel::whatsapp_web::hook;
use crate::events::{self, Spooled, Write};

/// Messages that may wait for their parts: the library has few under way at the same time.
const SETTLES: usize = 64;
/// Parts whose tasks of the library are kept; one without its task is read without the library.
const TASKS: usize = 256;

/// What a connection knows of the parts that wait. The parts themselves are in the database.
pub struct Spool {
    settles: mpsc::Sender<oneshot::Sender<()>>,
    more: Notify,
    /// What the library has read last: it hands that over inline, while it processes a task.
    read: Mutex<Option<Arc<Event>>>,
    /// The library's tasks, without their notices.
    tasks: Mutex<HashMap<String, MajorSyncTask>>,
}

/// Where those who wait for their parts are answered.
pub type Settles = mpsc::Receiver<oneshot::Sender<()>>;

impl Spool {
    /// A spool, and the reading end of those who wait.
    pub fn new() -> (Self, Settles) {
        let (settles, waiting) = mpsc::channel(SETTLES);
        let (more, read, tasks) = (Notify::new(), Mutex::default(), Mutex::default());
        (Self { settles, more, read, tasks }, waiting)
    }

    /// Waits until every part that the library has announced so far is on record; false when the
    /// connection ended before.
    pub async fn settled(&self) -> bool {
        let (tell, told) = oneshot::channel();
        self.settles.send(tell).await.is_ok() && told.await.is_ok()
    }

    /// There may be something to record: a part came, or the connection is open.
    pub fn wake(&self) {
        self.more.notify_one();
    }

    /// Waits for [`Spool::wake`]; one that came before counts.
    pub(super) async fn woken(&self) {
        self.more.notified().await;
    }

    /// Takes what the library has read.
    pub fn put(&self, event: Arc<Event>) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }

    fn take_read(&self) -> Option<Arc<Event>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Has the library read a part that it announced on this connection: it tells the phone that the part
    /// is here, and takes out what it needs itself. `None` when it did not announce it, or cannot read it.
    pub(super) async fn read(&self, client: &Arc<Client>, part: &Spooled) -> Option<Arc<Event>> {
        let task = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(&part.message_id)?;
        let MajorSyncTask::HistorySync { message_id, mut notification, tracker } = task else { return None };
        *notification = DetachedHistorySyncNotification::from(notice(part)?);
        drop(self.take_read());
        client.process_sync_task(MajorSyncTask::HistorySync { message_id, notification, tracker }).await;
        self.take_read()
    }

    fn keep(&self, name: &str, task: MajorSyncTask) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < TASKS {
            tasks.insert(name.to_owned(), task);
        }
    }
}

/// Whether a message announces a part of a history. Its notice is not in it any more: the library takes
/// that out before anybody sees the message.
pub fn announces(message: &InboundMessage) -> bool {
    let protocol = message.message.protocol_message.as_option();
    protocol.is_some_and(|protocol| protocol.r#type == Some(Type::HISTORY_SYNC_NOTIFICATION))
}

/// Notes parts until the connection is over.
pub(super) async fn note_all(context: &Context, tasks: &Receiver<MajorSyncTask>, mut settles: Settles) {
    loop {
        tokio::select! {
            biased;
            Ok(task) = tasks.recv() => {
                if !note(context, task).await {
                    return;
                }
            }
            Some(settled) = settles.recv() => {
                // The library has queued the parts of a message before it shows the message to anybody.
                while let Ok(task) = tasks.try_recv() {
                    if !note(context, task).await {
                        return;
                    }
                }
                // Who does not wait any more is not told.
                let _ = settled.send(());
            }
            else => return,
        }
    }
}

/// Whether the next one may be noted; otherwise the connection is as good as over.
async fn note(context: &Context, task: MajorSyncTask) -> bool {
    let Some(client) = context.client() else { return false };
    let (message_id, mut notification, tracker) = match task {
        MajorSyncTask::HistorySync { message_id, notification, tracker } => {
            (message_id, notification, tracker)
        }
        other => {
            client.process_sync_task(other).await;
            return true;
        }
    };
    let nothing = DetachedHistorySyncNotification::from(HistorySyncNotification::default());
    let DetachedHistorySyncNotification { notification: mut notice, inline_payload } =
        std::mem::replace(&mut *notification, nothing);
    notice.initial_hist_bootstrap_inline_payload = inline_payload.map(|payload| payload.to_vec());
    let part = Spooled {
        message_id: message_id.clone(),
        account: account(&client).unwrap_or_default(),
        notice: notice.encode_to_vec(),
        done: 0,
        created_at: context.seat.journal.now(),
    };
    drop(notice);
    match hook::commit(context, vec![Write::Spool(Arc::new(part))]).await {
        Ok(()) => {
            let task = MajorSyncTask::HistorySync { message_id: message_id.clone(), notification, tracker };
            context.spool.keep(&message_id, task);
            context.spool.wake();
            true
        }
        Err(events::Error::Fenced) => {
            context.fenced();
            false
        }
        Err(events::Error::Unavailable(_)) => false,
        Err(error) => {
            tracing::error!(instance = %context.seat.name, %error, "a part of the history could not be noted");
            true
        }
    }
}

/// The phone number of the account that a client is logged in to.
pub(super) fn account(client: &Client) -> Option<String> {
    client.pn().map(|own| own.user.to_string())
}

/// What a part was announced with; `None` when it cannot be read.
pub(super) fn notice(part: &Spooled) -> Option<HistorySyncNotification> {
    HistorySyncNotification::decode_from_slice(&part.notice).ok()
}
