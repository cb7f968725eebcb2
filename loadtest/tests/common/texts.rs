//! Texts in events.

use wa_sim::{Handle, Received};
use whatsapp_rust::{
    Jid,
    types::{events::Event, presence::ReceiptType},
    wacore::proto_helpers::MessageExt as _,
    waproto::whatsapp as wa,
};

use super::{client::TestClient, until};

/// A received text.
#[derive(Debug, Clone)]
pub struct Text {
    pub id: String,
    pub text: String,
    pub chat: Jid,
    pub sender: Jid,
    pub offline: bool,
}

impl TestClient {
    /// The next batch of texts.
    pub async fn texts(&mut self) -> Vec<Text> {
        self.event("message", |event| {
            let Event::Messages(batch) = event else { return None };
            let texts: Vec<Text> = batch
                .iter()
                .filter_map(|inbound| {
                    Some(Text {
                        id: inbound.info.id.to_string(),
                        text: inbound.message.text_content()?.to_owned(),
                        chat: inbound.info.source.chat.clone(),
                        sender: inbound.info.source.sender.clone(),
                        offline: inbound.info.is_offline,
                    })
                })
                .collect();
            (!texts.is_empty()).then_some(texts)
        })
        .await
    }

    /// The next message that `pick` accepts.
    pub async fn message<T>(&mut self, pick: impl Fn(&wa::Message) -> Option<T>) -> T {
        self.event("message", |event| match event {
            Event::Messages(batch) => batch.iter().find_map(|inbound| pick(&inbound.message)),
            _ => None,
        })
        .await
    }

    /// The next text.
    pub async fn text(&mut self) -> Text {
        self.texts().await.remove(0)
    }

    /// Waits for receipts of these types for a message. The client reports them in any order.
    pub async fn receipts(&mut self, id: &str, kinds: &[ReceiptType]) {
        let mut missing = kinds.to_vec();
        self.event("receipts", |event| {
            if let Event::Receipt(receipt) = event
                && receipt.message_ids.iter().any(|other| other == id)
            {
                missing.retain(|kind| *kind != receipt.r#type);
            }
            missing.is_empty().then_some(())
        })
        .await;
    }
}

/// Waits until the phone has received a message of this kind, and returns it.
pub async fn received(handle: &Handle, phone: &str, kind: &str) -> Received {
    until(kind, || {
        let (messages, _) = handle.received(phone, 0).expect("received");
        messages.into_iter().find(|message| message.kind == kind)
    })
    .await
}

/// Waits until the phone has seen a signal of this kind.
pub async fn signalled(handle: &Handle, phone: &str, kind: &str) {
    until(kind, || handle.signals(phone).expect("signals").into_iter().find(|signal| signal.kind == kind))
        .await;
}
