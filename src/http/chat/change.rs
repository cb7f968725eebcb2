//! Changing what was sent: told to WhatsApp first, then recorded together with its event.

use serde_json::{Value, json};

use crate::channel::{self, Prepared};
use crate::domain::message::present::raw;
use crate::events::Write;
use crate::http::extract::LocalInstance;
use crate::http::{Error, State};
use crate::instance::{self, Working};

/// Sends a change, records it, and answers with what was sent.
pub(super) async fn carry_out(
    (instance, state): (&LocalInstance, &State),
    working: Working,
    prepared: Prepared,
    record: Write,
) -> Result<Value, Error> {
    let shown = json!({
        "key": prepared.key,
        "message": raw(Some(&prepared.message)),
        "messageTimestamp": instance.journal().now() / 1000,
        "status": "PENDING",
    });
    let act = async move { working.messages().transmit(&prepared).await };
    recorded((instance, state), act, vec![record]).await?;
    Ok(shown)
}

/// Does something on WhatsApp and records it, even when the client hangs up meanwhile.
pub(in crate::http) async fn recorded(
    (instance, state): (&LocalInstance, &State),
    act: impl Future<Output = Result<(), channel::Error>> + Send + 'static,
    record: Vec<Write>,
) -> Result<(), Error> {
    let journal = instance.journal().clone();
    let work = async move {
        act.await?;
        journal.commit(record).await?;
        Ok::<(), instance::Error>(())
    };
    state.finish(work).await?.map_err(|error| instance.explain(error))
}
