//! Changes of groups, whoever makes them: what is on record follows, and what has changed is told.
//! Our own changes come twice, from the request and from WhatsApp; the second time nothing changes.

use serde_json::{Value, json};
use wacore::iq::groups::GroupInfoResponse;
use wacore::protocol::ProtocolNode as _;
use wacore::stanza::groups::{GroupNotificationAction as Action, GroupParticipantInfo};
use wacore::types::events::GroupUpdate;
use wacore_binary::Node;
use whatsapp_rust::{Client, GroupMetadata};

use super::apply::apply;
use super::known::{forget, remember};
use super::news::{Told, Version};
use super::wire;
use crate::channel::Error;
use crate::channel::groups::{Change, Group, Member, MemberAction, Role};
use crate::channel::whatsapp_web::address::{self, Shown, from_wire, shown};
use crate::channel::whatsapp_web::connection::Context;
use crate::domain::{Event, EventKind, Jid};
use crate::events::{Routed, Write};

/// Something that has happened to a group.
pub struct Happening {
    pub group: Jid,
    /// Who did it, where that is known.
    pub author: Option<Jid>,
    /// Unix seconds.
    pub time: u64,
    /// WhatsApp's own name of it; none of what we did ourselves.
    pub id: Option<String>,
    pub what: What,
}

/// What has happened.
pub enum What {
    /// What it is, and the new description's id.
    Changed(Change, Option<String>),
    Members(MemberAction, Vec<Member>),
    /// Its link has another code.
    Link(String),
    /// It is new, or we are new in it.
    Appeared(Box<Group>),
    Deleted,
    /// Something that cannot be applied to what is on record.
    Unclear,
}

/// We have joined a group that is not on record.
pub struct Joining {
    happening: Happening,
    since: Version,
}

/// What WhatsApp answered about a group that we have joined, and since when it may be out of date.
struct Found {
    group: Option<Group>,
    since: Version,
}

/// What has become of a happening.
enum Followed {
    /// It is on record and told.
    Done,
    /// WhatsApp has to be asked first; nothing that was told up to this version is missing in the answer.
    Joins(Version),
}

/// A change as WhatsApp tells it.
pub async fn notified(context: &Context, client: &Client, update: &GroupUpdate) {
    let Some(group) = from_wire(&update.group_jid) else { return };
    let Some(what) = what(client, update).await else { return };
    let author = match &update.participant {
        Some(author) => shown(client, author, update.participant_pn.as_ref()).await,
        None => None,
    };
    if let What::Members(_, members) = &what {
        learn(context, members).await;
    }
    let id = update.notification_id.as_ref().map(|id| format!("{id}-{}", update.action_index));
    let time = u64::try_from(update.timestamp.timestamp()).unwrap_or_default();
    let author = author.map(|author| author.jid);
    context.heard(client, Happening { group, author, time, id, what }).await;
}

async fn what(client: &Client, update: &GroupUpdate) -> Option<What> {
    if update.has_incomplete_participant_information {
        return Some(What::Unclear);
    }
    let set = |change| Some(What::Changed(change, None));
    match &update.action {
        Action::Add { participants, .. } => Some(members(MemberAction::Add, participants)),
        Action::Remove { participants, .. } => Some(members(MemberAction::Remove, participants)),
        Action::Promote { participants } => Some(members(MemberAction::Promote, participants)),
        Action::Demote { participants } => Some(members(MemberAction::Demote, participants)),
        Action::Subject { subject, .. } => set(Change::Subject(subject.clone())),
        Action::Description { id, description } => Some(What::Changed(
            Change::Description(description.clone().unwrap_or_default()),
            Some(id.clone()),
        )),
        Action::Locked { .. } => set(Change::Restrict(true)),
        Action::Unlocked => set(Change::Restrict(false)),
        Action::Announce => set(Change::Announce(true)),
        Action::NotAnnounce => set(Change::Announce(false)),
        Action::Ephemeral { expiration, .. } => set(Change::Ephemeral(*expiration)),
        Action::MembershipApprovalMode { enabled } => set(Change::JoinApproval(*enabled)),
        Action::MemberAddMode { mode } => set(Change::MemberAdd(mode == "all_member_add")),
        Action::Invite { code } => Some(What::Link(code.clone())),
        Action::Create { raw } => {
            let group = created(client, raw).await.map(Box::new);
            Some(group.map_or(What::Unclear, What::Appeared))
        }
        Action::Delete { .. } => Some(What::Deleted),
        Action::Modify { .. } | Action::Link { .. } | Action::Unlink { .. } | Action::Unknown { .. } => {
            Some(What::Unclear)
        }
        // The rest is not shown: requests to join, reports, and switches of communities.
        _ => None,
    }
}

fn members(action: MemberAction, participants: &[GroupParticipantInfo]) -> What {
    let role = if action == MemberAction::Promote { Some(Role::Admin) } else { None };
    let member = |one: &GroupParticipantInfo| {
        wire::member(&one.jid, one.phone_number.as_ref(), one.lid.as_ref(), role)
    };
    What::Members(action, participants.iter().filter_map(member).collect())
}

async fn created(client: &Client, raw: &Node) -> Option<Group> {
    let node = raw.as_node_ref();
    let info = GroupInfoResponse::try_from_node_ref(node.get_optional_child("group")?).ok()?;
    wire::group(client, GroupMetadata::from(info)).await
}

/// Remembers which hidden identity has which phone number.
pub async fn learn(context: &Context, members: &[Member]) {
    let pairs = members.iter().map(|member| {
        let alt = member.lid.clone().filter(|lid| *lid != member.id);
        Shown { jid: member.id.clone(), alt }
    });
    address::learnt(context, &pairs.collect::<Vec<_>>()).await;
}

impl Context {
    /// Applies what has happened to what is on record, and tells it. What cannot be recorded is
    /// asked for again later.
    pub async fn happened(&self, client: &Client, happening: Happening) {
        if let Some(joining) = self.followed(client, happening).await {
            self.joined(client, &joining).await;
        }
    }

    /// As [`Context::happened`], for the one who deals with all reports: asks nothing of WhatsApp, and
    /// leaves that to the lookups.
    async fn heard(&self, client: &Client, happening: Happening) {
        let Some(joining) = self.followed(client, happening).await else { return };
        if let Err(joining) = self.intake.look_up_joined(Box::new(joining)) {
            let nothing = Found { group: None, since: joining.since };
            if let Err(error) = self.follow(client, &joining.happening, Some(nothing)).await {
                self.unrecorded(&joining.happening.group, &error);
            }
        }
    }

    /// We are new in a group that exists: WhatsApp is asked what it is.
    pub async fn joined(&self, client: &Client, joining: &Joining) {
        let Joining { happening, since } = joining;
        let group = match self.fetch(client, &happening.group).await {
            Ok(group) => {
                learn(self, &group.participants).await;
                Some(group)
            }
            Err(error) => {
                tracing::debug!(%error, "a new group could not be asked for");
                None
            }
        };
        let found = Found { group, since: *since };
        if let Err(error) = self.follow(client, happening, Some(found)).await {
            self.unrecorded(&happening.group, &error);
        }
    }

    /// Answers the happening if WhatsApp has to be asked about it.
    async fn followed(&self, client: &Client, happening: Happening) -> Option<Joining> {
        match self.follow(client, &happening, None).await {
            Ok(Followed::Joins(since)) => Some(Joining { happening, since }),
            Ok(Followed::Done) => None,
            Err(error) => {
                self.unrecorded(&happening.group, &error);
                None
            }
        }
    }

    fn unrecorded(&self, group: &Jid, error: &Error) {
        tracing::warn!(instance = %self.seat.name, %group, %error, "a change of a group could not be recorded");
        self.groups.doubt(self.seat.journal.now());
    }

    async fn follow(
        &self,
        client: &Client,
        happening: &Happening,
        found: Option<Found>,
    ) -> Result<Followed, Error> {
        let own = |member: &Member| {
            let is = |own: Option<wacore_binary::Jid>, jid: &Jid| {
                own.and_then(|own| from_wire(&own)).as_ref() == Some(jid)
            };
            is(client.pn(), &member.id) || member.lid.as_ref().is_some_and(|lid| is(client.lid(), lid))
        };
        let of_us = match &happening.what {
            What::Members(action, members) if members.iter().any(own) => Some(*action),
            _ => None,
        };
        let (group, news) = (&happening.group, &self.groups.news);
        let _turn = self.groups.turn(group).await;
        let known = self.on_record(group).await?;
        let told = found.as_ref().map(|found| news.told(group, found.since));
        if of_us == Some(MemberAction::Add) && (known.is_none() || told == Some(Told::Nothing)) {
            // Nothing has changed on record yet: the same, told by us and by WhatsApp, is not taken for two.
            let Some(found) = found else { return Ok(Followed::Joins(news.version())) };
            news.change(group, false);
            let picture_url = known.and_then(|(known, _)| known.picture_url);
            let found = found.group.map(|group| Group { picture_url, ..group });
            return self.enter(happening, found, told).await.map(|()| Followed::Done);
        }
        let gone = of_us == Some(MemberAction::Remove) || matches!(happening.what, What::Deleted);
        news.change(group, gone);
        let write = match (&happening.what, known) {
            (What::Deleted, _) => forget(group, Vec::new()),
            (What::Unclear, _) => {
                self.groups.unlist();
                forget(group, Vec::new())
            }
            (What::Appeared(group), None) => {
                remember(group, self.seat.journal.now(), self.appeared(happening, group))?
            }
            (What::Appeared(_), Some(_)) => return Ok(Followed::Done),
            (_, known) if gone => {
                let left = self.groups.leaves(group, happening.id.is_none());
                if left && known.is_none() {
                    return Ok(Followed::Done);
                }
                forget(group, self.events(happening))
            }
            (_, None) | (What::Link(_), Some(_)) => {
                self.record(tell(self.events(happening))).await?;
                return Ok(Followed::Done);
            }
            (what, Some((mut group, fetched_at))) => {
                let before = group.clone();
                apply(&mut group, what, happening);
                if group == before {
                    return Ok(Followed::Done);
                }
                // The id of a description alone is no news.
                let is_news = group != Group { desc_id: group.desc_id.clone(), ..before };
                let events = if is_news { self.events(happening) } else { Vec::new() };
                // The id of our own description is WhatsApp's to tell.
                let unknown = group.desc.is_some() && group.desc_id.is_none();
                remember(&group, if unknown { 0 } else { fetched_at }, events)?
            }
        };
        self.record(vec![write]).await?;
        Ok(Followed::Done)
    }

    /// Records a group that we are new in, as WhatsApp describes it, unless we are out of it by now.
    async fn enter(
        &self,
        happening: &Happening,
        group: Option<Group>,
        told: Option<Told>,
    ) -> Result<(), Error> {
        let events = self.events(happening);
        let is_current = told == Some(Told::Nothing);
        if group.is_none() || !is_current {
            self.groups.unlist();
        }
        let Some(group) = group.filter(|_| told != Some(Told::Gone)) else {
            return self.record(tell(events)).await;
        };
        let events = self.appeared(happening, &group).into_iter().chain(events).collect();
        let fetched_at = if is_current { self.seat.journal.now() } else { 0 };
        self.record(vec![remember(&group, fetched_at, events)?]).await
    }

    fn appeared(&self, happening: &Happening, group: &Group) -> Vec<Routed> {
        let mut data = json!(group);
        data["participants"] = json!(group.participants);
        data["author"] = json!(happening.author);
        self.event(happening, EventKind::GroupsUpsert, &json!([data]))
    }

    fn events(&self, happening: &Happening) -> Vec<Routed> {
        let update = |fields: Value| {
            let mut data = json!({"id": happening.group, "author": happening.author});
            if let (Some(data), Value::Object(fields)) = (data.as_object_mut(), fields) {
                data.extend(fields);
            }
            self.event(happening, EventKind::GroupsUpdate, &json!([data]))
        };
        match &happening.what {
            What::Changed(change, desc_id) => update(fields(change, desc_id.as_deref(), happening)),
            What::Link(code) => update(json!({"inviteCode": code})),
            What::Members(action, members) => {
                let data = json!({
                    "id": happening.group,
                    "author": happening.author,
                    "participants": members,
                    "action": action.as_str(),
                });
                self.event(happening, EventKind::GroupParticipantsUpdate, &data)
            }
            What::Appeared(_) | What::Deleted | What::Unclear => Vec::new(),
        }
    }

    fn event(&self, happening: &Happening, kind: EventKind, data: &Value) -> Vec<Routed> {
        let journal = &self.seat.journal;
        if !journal.wants(kind) || self.seat.settings.borrow().groups_ignore {
            return Vec::new();
        }
        let author = happening.author.as_ref().map(Jid::as_str).unwrap_or_default();
        let own = uuid::Uuid::now_v7().to_string();
        let about = (happening.group.as_str(), author, happening.id.as_deref().unwrap_or(&own), "");
        match Event::about_message(journal.instance(), kind, about, journal.now(), data) {
            Ok(event) => journal.routed(event),
            Err(error) => {
                tracing::error!(kind = kind.wire(), %error, "an event cannot be written as JSON");
                Vec::new()
            }
        }
    }
}

fn tell(events: Vec<Routed>) -> Vec<Write> {
    events.into_iter().map(Write::Event).collect()
}

fn fields(change: &Change, desc_id: Option<&str>, happening: &Happening) -> Value {
    match change {
        Change::Subject(subject) => {
            json!({"subject": subject, "subjectOwner": happening.author, "subjectTime": happening.time})
        }
        Change::Description(text) => json!({"desc": text, "descId": desc_id}),
        Change::Announce(on) => json!({"announce": on}),
        Change::Restrict(on) => json!({"restrict": on}),
        Change::JoinApproval(on) => json!({"joinApprovalMode": on}),
        Change::MemberAdd(on) => json!({"memberAddMode": on}),
        Change::Ephemeral(seconds) => json!({"ephemeralDuration": seconds}),
    }
}
