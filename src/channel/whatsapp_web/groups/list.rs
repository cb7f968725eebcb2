//! The list of the account's groups: one question, however many there are and however many ask.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use whatsapp_rust::Client;

use super::known::{forget, remember};
use super::news::Told;
use super::wire::{self, About};
use crate::channel::Error;
use crate::channel::groups::Group;
use crate::channel::whatsapp_web::connection::Context;
use crate::domain::Jid;
use crate::events::Write;

impl Context {
    /// The groups that the account is in, with or without members, from the record or from WhatsApp.
    ///
    /// # Errors
    /// As [`crate::channel::Groups::all`].
    pub async fn all_groups(
        self: &Arc<Self>,
        client: &Arc<Client>,
        with_members: bool,
    ) -> Result<Vec<Group>, Error> {
        if !self.groups.is_listed(self.seat.journal.now()) {
            let (context, client) = (Arc::clone(self), Arc::clone(client));
            let asking = async move { context.list(&client).await };
            self.groups.listing.join((), asking).await?;
        }
        Ok(self.all_on_record(with_members).await?.into_iter().map(|(known, _)| known).collect())
    }

    async fn list(&self, client: &Client) -> Result<(), Error> {
        let (since, now) = (self.groups.news.version(), self.seat.journal.now());
        if self.groups.is_listed(now) {
            return Ok(());
        }
        let answer = self.ask(client, About::Group, client.groups().get_participating()).await?;
        let mut listed = Vec::with_capacity(answer.len());
        for metadata in answer.into_values() {
            listed.extend(wire::group(client, metadata).await);
        }
        let _all = self.groups.list.write().await;
        let before = self.all_on_record(false).await?;
        let before: HashMap<Jid, (Group, i64)> =
            before.into_iter().map(|(known, at)| (known.id.clone(), (known, at))).collect();
        let (doubted, told) = self.groups.news.since(since);
        let told: HashMap<Jid, Told> = told.into_iter().collect();
        // What was told meanwhile goes before the answer, and the list is complete if it fits the record.
        let is_whole = |(group, told): (&Jid, &Told)| {
            let known = before.get(group);
            *told == Told::Gone || known.is_some_and(|(_, at)| self.groups.believes(*at, now))
        };
        let whole = !doubted && told.iter().all(is_whole);
        let writes = changes(&before, listed, &told, if doubted { 0 } else { now })?;
        self.record(writes).await?;
        if whole {
            self.groups.list_is_of(now);
        }
        Ok(())
    }
}

/// What a list makes of the record.
fn changes(
    before: &HashMap<Jid, (Group, i64)>,
    listed: Vec<Group>,
    told: &HashMap<Jid, Told>,
    fetched_at: i64,
) -> Result<Vec<Write>, Error> {
    let mut writes: Vec<Write> = {
        let still: HashSet<&Jid> = listed.iter().map(|group| &group.id).collect();
        let gone = before.keys().filter(|group| !still.contains(group) && !told.contains_key(*group));
        gone.map(|group| forget(group, Vec::new())).collect()
    };
    for group in listed {
        let known = before.get(&group.id);
        let fetched_at = match told.get(&group.id) {
            None => fetched_at,
            // It was told of, but could not be applied to anything: it is asked for again.
            Some(Told::Change) if known.is_none() => 0,
            Some(_) => continue,
        };
        let picture_url = known.and_then(|(known, _)| known.picture_url.clone());
        writes.push(remember(&Group { picture_url, ..group }, fetched_at, Vec::new())?);
    }
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(number: u32, subject: &str) -> Group {
        let group = json!({
            "id": format!("{number}@g.us"), "addressingMode": "pn", "subject": subject, "size": 1,
            "restrict": false, "announce": false, "isCommunity": false, "isCommunityAnnounce": false,
            "joinApprovalMode": false, "memberAddMode": false,
        });
        serde_json::from_value(group).unwrap()
    }

    /// The groups that are written with their times; those that are forgotten without.
    fn written(writes: Vec<Write>) -> Vec<(String, Option<(String, i64)>)> {
        let one = |write: Write| {
            let Write::Group { jid, row, .. } = write else { panic!("{write:?}") };
            let row = row.map(|row| {
                let group: Group = serde_json::from_str(&row.metadata).unwrap();
                (format!("{} {}", group.subject, group.picture_url.unwrap_or_default()), row.fetched_at)
            });
            (jid, row)
        };
        let mut all: Vec<_> = writes.into_iter().map(one).collect();
        all.sort();
        all
    }

    #[test]
    fn what_was_told_meanwhile_goes_before_the_list() {
        let known = [1, 2, 3, 4].map(|number| {
            let picture_url = Some("url".to_owned());
            let group = Group { picture_url, ..group(number, "old") };
            (group.id.clone(), (group, 5))
        });
        let listed = || [1, 2, 5, 6, 7].map(|number| group(number, "new")).to_vec();
        let told = [(2, Told::Change), (4, Told::Change), (6, Told::Change), (7, Told::Gone)];
        let told = told.map(|(number, told)| (group(number, "").id, told)).into();
        let wanted = |time: i64| {
            vec![
                ("1@g.us".to_owned(), Some(("new url".to_owned(), time))),
                ("3@g.us".to_owned(), None),
                ("5@g.us".to_owned(), Some(("new ".to_owned(), time))),
                ("6@g.us".to_owned(), Some(("new ".to_owned(), 0))),
            ]
        };
        for time in [9, 0] {
            assert_eq!(written(changes(&known.clone().into(), listed(), &told, time).unwrap()), wanted(time));
        }
    }
}
