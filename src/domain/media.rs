//! Which messages have a file, and which files an instance keeps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the file of a message is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A round film.
    Ptv,
    /// A sound, voice notes too.
    Audio,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
}

/// How deep a content may be wrapped (seen once, disappearing, with a caption).
const WRAPPERS: usize = 4;

impl MediaKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Image, Self::Video, Self::Ptv, Self::Audio, Self::Document, Self::Sticker];

    /// Its short name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Ptv => "ptv",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    /// The field of a message's content that describes such a file.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Image => "imageMessage",
            Self::Video => "videoMessage",
            Self::Ptv => "ptvMessage",
            Self::Audio => "audioMessage",
            Self::Document => "documentMessage",
            Self::Sticker => "stickerMessage",
        }
    }

    /// The kind of this short name, or of this field.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name || kind.field() == name)
    }

    /// What file a message has whose content this is.
    #[must_use]
    pub fn of(content: &Map<String, Value>) -> Option<Self> {
        let mut content = content;
        for _ in 0..WRAPPERS {
            let described =
                |kind: &Self| content.get(kind.field()).is_some_and(|file| file.get("mediaKey").is_some());
            if let Some(kind) = Self::ALL.into_iter().find(described) {
                return Some(kind);
            }
            content = content.values().find_map(|part| part.get("message")?.as_object())?;
        }
        None
    }
}

/// What a tenant wants kept; what is `None` is as the operator says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaPolicy {
    /// Whether files are kept at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<MediaKind>>,
    /// How long, in days; 0 is as long as the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Whether events and answers have `mediaUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_url: Option<bool>,
}

impl MediaPolicy {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a file is kept; `video` is what the operator says of films.
    #[must_use]
    pub fn keeps(&self, kind: MediaKind, video: bool) -> bool {
        let wanted = match &self.kinds {
            Some(kinds) => kinds.contains(&kind),
            None => video || !matches!(kind, MediaKind::Video | MediaKind::Ptv),
        };
        wanted && self.store.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_found_in_its_wrappers() {
        let of = |content: Value| MediaKind::of(content.as_object().unwrap());
        let image = json!({"imageMessage": {"mediaKey": "k"}});
        let document =
            json!({"documentWithCaptionMessage": {"message": {"documentMessage": {"mediaKey": "k"}}}});
        let once = json!({"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": image}}}});
        assert_eq!(of(image), Some(MediaKind::Image));
        assert_eq!(of(document), Some(MediaKind::Document));
        assert_eq!(of(once), Some(MediaKind::Image));
        assert_eq!(of(json!({"conversation": "hi"})), None);
        // What is quoted is not the message's own.
        let quoting = json!({"extendedTextMessage": {"contextInfo": {"quotedMessage": {"imageMessage": {"mediaKey": "k"}}}}});
        assert_eq!(of(quoting), None);
        assert_eq!(of(json!({"imageMessage": {"caption": "no key"}})), None);
    }

    #[test]
    fn a_tenant_overrules_the_operator() {
        let none = MediaPolicy::default();
        assert!(none.keeps(MediaKind::Image, false) && !none.keeps(MediaKind::Ptv, false));
        assert!(none.keeps(MediaKind::Video, true));
        let video = MediaPolicy { kinds: Some(vec![MediaKind::Video]), ..MediaPolicy::default() };
        assert!(video.keeps(MediaKind::Video, false) && !video.keeps(MediaKind::Image, true));
        let off = MediaPolicy { store: Some(false), ..video };
        assert!(!off.keeps(MediaKind::Video, true));
    }
}
