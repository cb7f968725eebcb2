//! Changing what was sent: told to WhatsApp first, then recorded together with its event.

use serde_json::{Value, json};

use crate::channel::Prepared;
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
    let journal = instance.journal().clone();
    let shown = json!({
        "key": prepared.key,
        "message": raw(Some(&prepared.message)),
        "messageTimestamp": journal.now() / 1000,
        "status": "PENDING",
    });
    let work = async move {
        working.messages().transmit(&prepared).await?;
        journal.commit(vec![record]).await?;
        Ok::<(), instance::Error>(())
    };
    state.finish(work).await?.map_err(|error| instance.explain(error))?;
    Ok(shown)
}
