//! Peer messages: a device asks its own phone for something. Every phone answers, active or not.

use wacore_binary::{Node, NodeRef};
use waproto::whatsapp::message::{
    PeerDataOperationRequestMessage, PeerDataOperationRequestType, ProtocolMessage, protocol_message::Type,
};

use super::{history, keyshare, receive, retry};
use crate::{session::device::Session, wire::nodes::text, world::stats::count};

/// Handles a peer message from a device of the account to its phone.
pub(crate) fn receive(session: &Session, node: &NodeRef<'_>, encs: &[Node]) {
    let (world, account) = (&session.world, &session.account);
    let id = text(node, "id").unwrap_or_default().into_owned();
    let chat = account.pn().to_string();
    let inbound = receive::Inbound { from: account, device: session.device, group: None, chat };
    for enc in encs {
        // Not in the scrutinee: an answer needs the phone's sessions again.
        let opened = receive::open(&mut account.signal(), &inbound, enc);
        match opened {
            Ok(message) => {
                if let Some(protocol) = message.protocol_message.as_option() {
                    answer(session, &id, protocol);
                }
            }
            Err(error) => {
                count(&world.stats.undecryptable);
                tracing::warn!(%error, id, "a phone cannot decrypt a peer message");
                if let Err(error) = retry::ask(world, account, &inbound, &id) {
                    tracing::warn!(%error, id, "cannot ask for a retry");
                }
            }
        }
    }
    world.touch();
}

fn answer(session: &Session, id: &str, protocol: &ProtocolMessage) {
    match protocol.r#type {
        Some(Type::APP_STATE_SYNC_KEY_REQUEST) => {
            keyshare::repeat(&session.world, &session.account, session.device);
        }
        Some(Type::PEER_DATA_OPERATION_REQUEST_MESSAGE) => {
            if let Some(request) = protocol.peer_data_operation_request_message.as_option()
                && let Err(error) = operation(session, id, request)
            {
                tracing::warn!(%error, id, "cannot answer a peer data request");
            }
        }
        other => tracing::debug!(?other, "peer message ignored"),
    }
}

fn operation(session: &Session, id: &str, request: &PeerDataOperationRequestMessage) -> crate::Result<()> {
    let kind = request.peer_data_operation_request_type;
    let Some(wanted) = request.history_sync_on_demand_request.as_option() else {
        tracing::debug!(?kind, "peer data request ignored");
        return Ok(());
    };
    if kind != Some(PeerDataOperationRequestType::HISTORY_SYNC_ON_DEMAND) {
        return Ok(());
    }
    let older = history::Older {
        chat: wanted.chat_jid.as_deref().unwrap_or_default(),
        oldest: wanted.oldest_msg_id.as_deref().unwrap_or_default(),
        count: wanted.on_demand_msg_count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
        request: id,
    };
    history::older(&session.world, &session.account, session.device, &older)
}
