//! WhatsApp addresses as the API shows them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A chat or user address without a device part, for example `5511999999999@s.whatsapp.net`,
/// `12345@lid`, `120363000000000000@g.us` or `status@broadcast`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Jid(String);

/// The kinds of address that Waggle tells apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JidKind {
    /// A user by phone number.
    Phone,
    /// A user by hidden identity.
    Lid,
    /// A group.
    Group,
    /// `status@broadcast` and broadcast lists.
    Broadcast,
    /// A channel.
    Newsletter,
    /// Anything else that WhatsApp has: assistants, and users of other services.
    Other,
}

/// A text that is neither a phone number nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a phone number, a JID, a LID or a group")]
pub struct InvalidJid;

/// Longest address, in bytes; the width of the database column.
pub const JID_MAX: usize = 128;

/// Servers of WhatsApp's protocol whose users are none of the kinds that have a name.
const OTHER: [&str; 4] = ["bot", "interop", "msgr", "call"];

/// The feed of status updates.
pub const STATUS_BROADCAST: &str = "status@broadcast";

impl Jid {
    /// The address of a phone number given as digits.
    #[must_use]
    pub fn phone(digits: &str) -> Self {
        Self(format!("{digits}@s.whatsapp.net"))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        self.0.split_once('@').map_or(&*self.0, |(user, _)| user)
    }

    /// The other way in which the same phone may be registered, where a country has changed its numbers:
    /// Brazil with and without the ninth digit of mobile phones, Mexico with and without the 1, and
    /// Argentina with and without the 9 behind the code of the country.
    #[must_use]
    pub fn other_number(&self) -> Option<Self> {
        if self.kind() != JidKind::Phone {
            return None;
        }
        let number = self.user();
        let (country, rest) = number.split_at_checked(2)?;
        let digits = match (country, rest.len(), rest.as_bytes()) {
            ("55", 11, [_, _, b'9', ..]) => format!("55{}{}", &rest[..2], &rest[3..]),
            // Lines that begin with 2 to 5 are no mobile phones.
            ("55", 10, [_, _, b'6'..=b'9', ..]) => format!("55{}9{}", &rest[..2], &rest[2..]),
            ("52", 11, [b'1', ..]) | ("54", 11, [b'9', ..]) => format!("{country}{}", &rest[1..]),
            ("52", 10, _) => format!("521{rest}"),
            ("54", 10, _) => format!("549{rest}"),
            _ => return None,
        };
        Some(Self::phone(&digits))
    }

    /// Which kind of address it is.
    #[must_use]
    pub fn kind(&self) -> JidKind {
        match self.0.split_once('@').map(|(_, server)| server) {
            Some("s.whatsapp.net") => JidKind::Phone,
            Some("lid") => JidKind::Lid,
            Some("g.us") => JidKind::Group,
            Some("broadcast") => JidKind::Broadcast,
            Some("newsletter") => JidKind::Newsletter,
            _ => JidKind::Other,
        }
    }

    /// Reads what clients put into `number` and `remoteJid`: digits with any punctuation of phone
    /// numbers, an address with or without a device part, `@c.us`, or a bare group id. A user whose
    /// devices somebody hosts (`@hosted`, `@hosted.lid`) is the user.
    ///
    /// # Errors
    /// [`InvalidJid`] when it is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidJid> {
        let text = text.trim();
        if text.is_empty() || text.len() > JID_MAX {
            return Err(InvalidJid);
        }
        let jid = match text.split_once('@') {
            Some((user, server)) => Self::from_parts(user, server),
            None => Self::from_number(text),
        };
        jid.ok().filter(|jid| jid.0.len() <= JID_MAX).ok_or(InvalidJid)
    }

    fn from_parts(user: &str, server: &str) -> Result<Self, InvalidJid> {
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        let digits = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit());
        let group = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let named =
            !user.is_empty() && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        match server {
            "s.whatsapp.net" | "c.us" | "hosted" if digits => Ok(Self::phone(user)),
            "lid" | "hosted.lid" if digits => Ok(Self(format!("{user}@lid"))),
            "newsletter" if digits => Ok(Self(format!("{user}@newsletter"))),
            _ if OTHER.contains(&server) && named => Ok(Self(format!("{user}@{server}"))),
            "g.us" if group => Ok(Self(format!("{user}@g.us"))),
            "broadcast" if digits || user == "status" => Ok(Self(format!("{user}@broadcast"))),
            _ => Err(InvalidJid),
        }
    }

    fn from_number(text: &str) -> Result<Self, InvalidJid> {
        if !text.bytes().all(|b| b.is_ascii_digit() || b"+-() .".contains(&b)) {
            return Err(InvalidJid);
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match digits.len() {
            // Ids of groups are `phone-timestamp` in old groups, and have 18 digits in new ones.
            20.. if is_old_group(text) => Ok(Self(format!("{text}@g.us"))),
            18.. => Ok(Self(format!("{digits}@g.us"))),
            5..=17 => Ok(Self::phone(&digits)),
            _ => Err(InvalidJid),
        }
    }
}

fn is_old_group(text: &str) -> bool {
    text.split_once('-').is_some_and(|(phone, time)| {
        !phone.is_empty() && phone.bytes().chain(time.bytes()).all(|b| b.is_ascii_digit())
    })
}

impl FromStr for Jid {
    type Err = InvalidJid;

    fn from_str(text: &str) -> Result<Self, InvalidJid> {
        Self::parse(text)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Jid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clients_send() {
        for (text, jid) in [
            ("5511999999999", "5511999999999@s.whatsapp.net"),
            ("+55 (11) 99999-9999", "5511999999999@s.whatsapp.net"),
            ("5511999999999@c.us", "5511999999999@s.whatsapp.net"),
            ("5511999999999:33@s.whatsapp.net", "5511999999999@s.whatsapp.net"),
            ("95511988887777@lid", "95511988887777@lid"),
            ("120363000000000000", "120363000000000000@g.us"),
            ("5511999999999-1600000000", "5511999999999-1600000000@g.us"),
            ("status@broadcast", STATUS_BROADCAST),
            ("5511999999999:99@hosted", "5511999999999@s.whatsapp.net"),
            ("95511988887777:99@hosted.lid", "95511988887777@lid"),
            ("867051314767696@bot", "867051314767696@bot"),
            ("2-some.body_1@interop", "2-some.body_1@interop"),
        ] {
            assert_eq!(Jid::parse(text).map(|j| j.to_string()), Ok(jid.to_owned()), "{text}");
        }
        let (long, digits) = (format!("{}@c.us", "1".repeat(123)), "1".repeat(125));
        for bad in [
            "",
            "12",
            "abc",
            "a@s.whatsapp.net",
            "1@example.com",
            "5511\n99999999",
            "@lid",
            "@bot",
            "a b@msgr",
            "a/../b@interop",
            "a@hosted",
            &long,
            &digits,
        ] {
            assert_eq!(Jid::parse(bad), Err(InvalidJid), "{bad:?}");
        }
    }

    #[test]
    fn every_address_of_the_protocol_has_a_kind() {
        for (text, kind) in [
            ("1@s.whatsapp.net", JidKind::Phone),
            ("1@hosted", JidKind::Phone),
            ("1@lid", JidKind::Lid),
            ("1@hosted.lid", JidKind::Lid),
            ("1-2@g.us", JidKind::Group),
            (STATUS_BROADCAST, JidKind::Broadcast),
            ("1@newsletter", JidKind::Newsletter),
            ("1@bot", JidKind::Other),
            ("1@interop", JidKind::Other),
            ("1@msgr", JidKind::Other),
            ("1@call", JidKind::Other),
        ] {
            assert_eq!(Jid::parse(text).map(|jid| jid.kind()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn numbers_that_a_country_changed_have_two_forms() {
        for (one, other) in [
            ("5511987654321", Some("551187654321")),
            ("551187654321", Some("5511987654321")),
            ("551133334444", None),
            ("5215512345678", Some("525512345678")),
            ("525512345678", Some("5215512345678")),
            ("5491112345678", Some("541112345678")),
            ("541112345678", Some("5491112345678")),
            ("4915112345678", None),
        ] {
            assert_eq!(Jid::phone(one).other_number(), other.map(Jid::phone), "{one}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent_and_bounded(
            text in prop_oneof![
                ".{0,64}",
                "[0-9+() .-]{0,140}",
                "[0-9a-z._-]{0,130}(:[0-9]{1,3})?@(c\\.us|s\\.whatsapp\\.net|hosted(\\.lid)?|lid|g\\.us|broadcast|newsletter|bot|msgr|interop|call|x\\.y)",
                "[0-9]{110,128}@(c\\.us|hosted|lid|g\\.us|bot)",
            ],
        ) {
            if let Ok(jid) = Jid::parse(&text) {
                prop_assert!(jid.as_str().len() <= JID_MAX, "{} bytes", jid.as_str().len());
                prop_assert_eq!(Jid::parse(jid.as_str()), Ok(jid));
            }
        }
    }
}
