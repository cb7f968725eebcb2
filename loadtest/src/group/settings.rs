//! Subject, description and settings of a group.

use wacore_binary::{Jid, Node, builder::NodeBuilder};

use super::{Actor, Refusal, create::MAX_SUBJECT};
use crate::{
    clock::unix_seconds,
    wire::nodes::{el, leaf},
    world::groups::{Group, Info},
};

/// Longest description in characters.
const MAX_DESCRIPTION: usize = 2_048;
/// Longest mode text in bytes.
const MAX_MODE: usize = 64;

/// A setting of a group.
pub(crate) enum Setting {
    Announce(bool),
    Locked(bool),
    /// Seconds; zero switches off.
    Ephemeral(u32),
    Approval(bool),
    /// A tag of [`MODES`] and its value.
    Mode(&'static str, String),
    /// Index in [`SWITCHES`].
    Switch(usize, bool),
}

/// Tags whose content is a mode.
pub(crate) const MODES: [&str; 3] =
    ["member_add_mode", "member_link_mode", "member_share_group_history_mode"];
/// Other switches: the tag that sets and the tag that clears.
pub(crate) const SWITCHES: [(&str, &str); 3] = [
    ("no_frequently_forwarded", "frequently_forwarded_ok"),
    ("allow_admin_reports", "not_allow_admin_reports"),
    ("group_history", "no_group_history"),
];

impl Setting {
    fn apply(&self, info: &mut Info) {
        match self {
            Self::Announce(on) => info.announce = *on,
            Self::Locked(on) => info.locked = *on,
            Self::Ephemeral(seconds) => info.ephemeral = Some(*seconds).filter(|seconds| *seconds > 0),
            Self::Approval(on) => info.approval = *on,
            Self::Mode(tag, mode) => drop(info.modes.insert((*tag).to_owned(), mode.clone())),
            Self::Switch(index, on) => {
                let Some((tag, _)) = SWITCHES.get(*index) else { return };
                if *on {
                    info.switches.insert((*tag).to_owned());
                } else {
                    info.switches.remove(*tag);
                }
            }
        }
    }

    /// The child of the notification.
    fn node(&self) -> Node {
        let either = |on: bool, set, clear| el(if on { set } else { clear }).build();
        match self {
            Self::Announce(on) => either(*on, "announcement", "not_announcement"),
            Self::Locked(on) => either(*on, "locked", "unlocked"),
            Self::Ephemeral(0) => el("not_ephemeral").build(),
            Self::Ephemeral(seconds) => el("ephemeral").attr("expiration", *seconds).build(),
            Self::Approval(on) => {
                let join = el("group_join").attr("state", if *on { "on" } else { "off" }).build();
                el("membership_approval_mode").children([join]).build()
            }
            Self::Mode(tag, mode) => {
                NodeBuilder::new_dynamic((*tag).to_owned()).string_content(mode.as_str()).build()
            }
            Self::Switch(index, on) => match SWITCHES.get(*index) {
                Some((set, clear)) => either(*on, set, clear),
                None => el("unknown").build(),
            },
        }
    }
}

/// Changes a setting: admins only, but for the message timer of a group that is not locked.
pub(crate) fn set(actor: &Actor<'_>, group: &Group, setting: &Setting) -> Result<(), Refusal> {
    {
        let mut info = group.info();
        let allowed = match setting {
            Setting::Ephemeral(_) => info.may_edit(actor.phone()),
            _ => info.admin(actor.phone()),
        };
        if !allowed {
            return Err(Refusal::Forbidden);
        }
        if matches!(setting, Setting::Mode(_, mode) if mode.len() > MAX_MODE) {
            return Err(Refusal::BadRequest);
        }
        setting.apply(&mut info);
    }
    actor.notify(group, setting.node(), &[]);
    Ok(())
}

/// Renames the group.
pub(crate) fn subject(actor: &Actor<'_>, group: &Group, subject: &str) -> Result<(), Refusal> {
    let time = unix_seconds();
    {
        let mut info = group.info();
        if !info.may_edit(actor.phone()) {
            return Err(Refusal::Forbidden);
        }
        if subject.is_empty() || subject.chars().count() > MAX_SUBJECT {
            return Err(Refusal::BadRequest);
        }
        subject.clone_into(&mut info.subject);
        info.subject_time = time;
        info.subject_owner.clone_from(&actor.account.lid);
    }
    let own: Jid = actor.account.lid();
    let change = el("subject").attr("subject", subject).attr("s_t", time).attr("s_o", own).build();
    actor.notify(group, change, &[]);
    Ok(())
}

/// Sets the description, or deletes it. `previous` is the id that the author has seen.
pub(crate) fn description(
    actor: &Actor<'_>,
    group: &Group,
    id: &str,
    previous: Option<&str>,
    text: Option<&str>,
) -> Result<(), Refusal> {
    {
        let mut info = group.info();
        if !info.may_edit(actor.phone()) {
            return Err(Refusal::Forbidden);
        }
        if text.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
            return Err(Refusal::BadRequest);
        }
        let current = info.description.as_ref().map(|(id, _)| id.as_str());
        if previous.is_some() && previous != current {
            return Err(Refusal::Conflict);
        }
        info.description = text.map(|text| (id.to_owned(), text.to_owned()));
        info.description_owner.clone_from(&actor.account.lid);
        info.description_time = unix_seconds();
    }
    let child = text.map_or_else(|| el("delete").build(), |text| leaf("body", text.as_bytes()));
    actor.notify(group, el("description").attr("id", id).children([child]).build(), &[]);
    Ok(())
}
