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
use super::known::{explained, forget, remember};
use super::wire;
use crate::channel::Error;
use crate::channel::groups::{Change, Group, Member, MemberAction, Role};
use crate::channel::whatsapp_web::address::{self, Shown, from_wire, shown, to_wire};
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
    context.happened(client, Happening { group, author, time, id, what }).await;
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
        let group = happening.group.clone();
        if let Err(error) = self.follow(client, happening).await {
            tracing::warn!(instance = %self.seat.name, %group, %error, "a change of a group could not be recorded");
            self.groups.doubt(self.seat.journal.now());
        }
    }

    async fn follow(&self, client: &Client, happening: Happening) -> Result<(), Error> {
        let _no_list = self.groups.list.read().await;
        let lane = self.groups.lane(&happening.group);
        let _turn = lane.lock().await;
        let known = self.on_record(&happening.group).await?;
        let own = |member: &Member| {
            let is = |own: Option<wacore_binary::Jid>, jid: &Jid| {
                own.and_then(|own| from_wire(&own)).as_ref() == Some(jid)
            };
            is(client.pn(), &member.id) || member.lid.as_ref().is_some_and(|lid| is(client.lid(), lid))
        };
        let now = self.seat.journal.now();
        let write = match (&happening.what, known) {
            (What::Deleted, _) => forget(&happening.group, Vec::new()),
            (What::Unclear, _) => {
                self.groups.unlist();
                forget(&happening.group, Vec::new())
            }
            (What::Appeared(group), None) => remember(group, now, self.appeared(&happening, group))?,
            (What::Appeared(_), Some(_)) => return Ok(()),
            (What::Members(MemberAction::Remove, members), known) if members.iter().any(own) => {
                let left = self.groups.leaves(&happening.group, happening.id.is_none());
                if left && known.is_none() {
                    return Ok(());
                }
                forget(&happening.group, self.events(&happening))
            }
            (What::Members(MemberAction::Add, members), None) if members.iter().any(own) => {
                return self.joined(client, &happening).await;
            }
            (_, None) => return self.record(tell(self.events(&happening))).await,
            (What::Link(_), Some(_)) => return self.record(tell(self.events(&happening))).await,
            (what, Some((mut group, fetched_at))) => {
                let before = group.clone();
                apply(&mut group, what, &happening);
                if group == before {
                    return Ok(());
                }
                // The id of a description alone is no news.
                let is_news = group != Group { desc_id: group.desc_id.clone(), ..before };
                let events = if is_news { self.events(&happening) } else { Vec::new() };
                // The id of our own description is WhatsApp's to tell.
                let unknown = group.desc.is_some() && group.desc_id.is_none();
                remember(&group, if unknown { 0 } else { fetched_at }, events)?
            }
        };
        self.record(vec![write]).await
    }

    /// We are new in a group that exists.
    async fn joined(&self, client: &Client, happening: &Happening) -> Result<(), Error> {
        let asked = client.groups().get_metadata(&to_wire(&happening.group)?).await;
        let group = match explained(asked, wire::About::Group) {
            Ok(metadata) => wire::group(client, metadata).await,
            Err(error) => {
                tracing::debug!(%error, "a new group could not be asked for");
                None
            }
        };
        let events = self.events(happening);
        let Some(group) = group else {
            self.groups.unlist();
            return self.record(tell(events)).await;
        };
        let events = self.appeared(happening, &group).into_iter().chain(events).collect();
        self.record(vec![remember(&group, self.seat.journal.now(), events)?]).await
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
