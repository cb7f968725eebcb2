//! Groups of real clients.

use whatsapp_rust::{
    Jid,
    types::events::Event,
    wacore::{
        iq::groups::{GroupCreateOptions, GroupParticipantOptions},
        stanza::groups::GroupNotificationAction,
    },
};

use super::client::TestClient;

impl TestClient {
    /// Creates a group with these phone numbers.
    pub async fn group(&self, subject: &str, phones: &[&str]) -> Jid {
        let participants = phones.iter().map(|phone| GroupParticipantOptions::new(Jid::pn(*phone)));
        let options = GroupCreateOptions {
            subject: subject.into(),
            participants: participants.collect(),
            ..Default::default()
        };
        self.client.groups().create_group(options).await.expect("create").metadata.id
    }

    /// Waits for a change of this tag in a group and returns it.
    pub async fn change(&mut self, tag: &str) -> GroupNotificationAction {
        self.event(tag, |event| match event {
            Event::GroupUpdate(update) if update.action.tag_name() == tag => Some(update.action.clone()),
            _ => None,
        })
        .await
    }
}

/// Whether a refusal names this code.
pub fn refused<T: std::fmt::Debug>(outcome: Result<T, impl std::fmt::Debug>, code: u16) {
    let error = outcome.expect_err("must be refused");
    let text = format!("{error:?}");
    assert!(text.contains(&code.to_string()), "{text}");
}
