//! Groups of the library in the form of the API.

use wacore::iq::groups::ParticipantChangeResponse;
use wacore::types::message::AddressingMode;
use wacore_binary::Jid as WireJid;
use whatsapp_rust::{
    Client, ErrorChainExt as _, GroupError, GroupMetadata, GroupParticipant, IqError, MemberAddMode,
    ParticipantType,
};

use crate::channel::Error;
use crate::channel::groups::{Group, Member, MemberOutcome, Role};
use crate::channel::whatsapp_web::address::{from_wire, shown};
use crate::domain::Jid;

/// What a group is, and who is in it.
pub async fn group(client: &Client, meta: GroupMetadata) -> Option<Group> {
    let participants: Vec<Member> = meta.participants.iter().filter_map(participant).collect();
    let who = async |jid: Option<WireJid>, pn: Option<WireJid>| user(client, &participants, jid?, pn).await;
    let (owner, subject_owner, desc_owner) = (
        who(meta.creator, meta.creator_pn).await,
        who(meta.subject_owner, meta.subject_owner_pn).await,
        who(meta.description_owner, meta.description_owner_pn).await,
    );
    let size = meta.size.map_or(participants.len(), |size| size as usize);
    Some(Group {
        id: from_wire(&meta.id)?,
        addressing_mode: if meta.addressing_mode == AddressingMode::Lid { "lid" } else { "pn" }.to_owned(),
        subject: meta.subject,
        subject_owner,
        subject_time: meta.subject_time,
        picture_url: None,
        size,
        creation: meta.creation_time,
        owner,
        desc: meta.description,
        desc_id: meta.description_id,
        desc_owner,
        desc_time: meta.description_time,
        linked_parent: meta.parent_group_jid.as_ref().and_then(from_wire),
        restrict: meta.is_locked,
        announce: meta.is_announcement,
        is_community: meta.is_parent_group,
        is_community_announce: meta.is_default_sub_group,
        join_approval_mode: meta.membership_approval,
        member_add_mode: meta.member_add_mode == Some(MemberAddMode::AllMemberAdd),
        ephemeral_duration: meta.ephemeral.and_then(|ephemeral| ephemeral.expiration),
        participants,
    })
}

/// A user by phone number where the members or the library know it.
async fn user(client: &Client, members: &[Member], jid: WireJid, pn: Option<WireJid>) -> Option<Jid> {
    let plain = from_wire(&jid)?;
    match members.iter().find(|member| member.lid.as_ref() == Some(&plain)) {
        Some(member) => Some(member.id.clone()),
        None => shown(client, &jid, pn.as_ref()).await.map(|shown| shown.jid),
    }
}

fn participant(participant: &GroupParticipant) -> Option<Member> {
    let admin = match participant.participant_type {
        ParticipantType::Member => None,
        ParticipantType::Admin => Some(Role::Admin),
        ParticipantType::SuperAdmin => Some(Role::Superadmin),
    };
    member(&participant.jid, participant.phone_number.as_ref(), participant.lid.as_ref(), admin)
}

/// Somebody in a group, from all addresses that a stanza states.
pub fn member(
    jid: &WireJid,
    pn: Option<&WireJid>,
    lid: Option<&WireJid>,
    admin: Option<Role>,
) -> Option<Member> {
    let of = |is: fn(&WireJid) -> bool, stated: Option<&WireJid>| {
        stated.or(Some(jid).filter(|jid| is(jid))).and_then(from_wire)
    };
    let (pn, lid) = (of(WireJid::is_pn, pn), of(WireJid::is_lid, lid));
    Some(Member { id: pn.or_else(|| lid.clone())?, lid, admin })
}

/// What became of one of several.
pub async fn outcome(client: &Client, one: ParticipantChangeResponse) -> Option<MemberOutcome> {
    let code = one.error.as_deref().or(one.status.as_deref()).and_then(|code| code.parse().ok());
    Some(MemberOutcome {
        jid: shown(client, &one.jid, one.phone_number.as_ref()).await?.jid,
        code: code.unwrap_or(200),
        invitation: one.add_request.map(|request| (request.code, request.expiration)),
    })
}

/// What was asked for, for the text of a refusal.
#[derive(Clone, Copy)]
pub enum About {
    Group,
    Invite,
}

/// Whether WhatsApp says that there is nothing to join; its own clients know both numbers.
pub fn is_so_already(error: &GroupError) -> bool {
    matches!(error, GroupError::Iq(IqError::ServerError { code: 304 | 409, .. }))
}

/// Why WhatsApp did not do it.
pub fn refusal(error: &GroupError, about: About) -> Error {
    let (code, text) = match error {
        GroupError::Iq(IqError::ServerError { code, text, .. }) => (*code, text),
        error if error.is_timeout() => return Error::Timeout,
        error if error.is_transport_unavailable() => return Error::NotConnected,
        GroupError::DescriptionConflict => return Error::Refused(error.to_string()),
        GroupError::InvalidRequest(reason) => {
            return Error::Invalid { field: "The request", reason: format!("is not valid: {reason}") };
        }
        other => return Error::Protocol(other.to_string()),
    };
    match (code, about) {
        (404 | 410, About::Group) => Error::NotFound("The group does not exist".to_owned()),
        (404 | 406 | 410, About::Invite) => {
            Error::NotFound("The invite does not exist, or is not valid any more".to_owned())
        }
        (401 | 403, About::Invite) => {
            Error::NotAllowed("The account may not join the group by this invite".to_owned())
        }
        (419, About::Invite) => Error::NotAllowed("The group is full".to_owned()),
        (401 | 403, About::Group) => {
            Error::NotAllowed("The account is not in the group, or is not one of its admins".to_owned())
        }
        (400 | 406, _) => {
            Error::Invalid { field: "The request", reason: format!("was refused by WhatsApp: {text}") }
        }
        _ => Error::Refused(format!("{code} {text}")),
    }
}
