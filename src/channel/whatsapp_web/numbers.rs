//! Who is on WhatsApp.

use async_trait::async_trait;

use super::address::{from_wire, shown, to_wire};
use super::connection::Connection;
use crate::channel::{Error, NumberCheck, Numbers};
use crate::domain::Jid;
use crate::domain::address::JidKind;

#[async_trait]
impl Numbers for Connection {
    async fn check(&self, jids: &[Jid]) -> Result<Vec<NumberCheck>, Error> {
        // Only users can be asked about; a list with anything else would be refused as a whole.
        let users = jids.iter().filter(|jid| matches!(jid.kind(), JidKind::Phone | JidKind::Lid));
        let wire = users.map(to_wire).collect::<Result<Vec<_>, _>>()?;
        let found = self.answer(self.client()?.contacts().is_on_whatsapp(&wire)).await?;
        let mut checks = Vec::with_capacity(jids.len());
        for asked in jids {
            // Answers come in the server's order, and by either address.
            let answer = found.iter().find(|found| {
                let forms = [Some(&found.jid), found.lid.as_ref(), found.pn_jid.as_ref()];
                forms.into_iter().flatten().filter_map(from_wire).any(|jid| jid == *asked)
            });
            checks.push(NumberCheck {
                asked: asked.clone(),
                jid: answer
                    .and_then(|found| from_wire(found.pn_jid.as_ref().unwrap_or(&found.jid)))
                    .unwrap_or_else(|| asked.clone()),
                lid: answer.and_then(|found| found.lid.as_ref()).and_then(from_wire),
                exists: answer.is_some_and(|found| found.is_registered),
                name: answer
                    .and_then(|found| found.verified_name.as_ref())
                    .and_then(|verified| verified.name.clone()),
            });
        }
        Ok(checks)
    }

    async fn forms(&self, jid: &Jid) -> Result<(Option<Jid>, Option<Jid>), Error> {
        let found = shown(self.client()?, &to_wire(jid)?, None).await;
        let forms = found.map(|shown| [Some(shown.jid), shown.alt]).into_iter().flatten().flatten();
        let (mut phone, mut lid) = (None, None);
        for form in forms {
            match form.kind() {
                JidKind::Phone => phone = Some(form),
                JidKind::Lid => lid = Some(form),
                _ => {}
            }
        }
        Ok((phone, lid))
    }
}
