//! What a file is: by its first bytes, and by its name.

use super::{Error, File};

/// Bytes at the beginning that tell what a file is.
const HEAD: u64 = 8 << 10;

/// Extensions and their mimetypes; the first of several is the usual one.
const TABLE: &[(&str, &str)] = &[
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("heic", "image/heic"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("mp4", "video/mp4"),
    ("3gp", "video/3gpp"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mkv", "video/x-matroska"),
    ("avi", "video/x-msvideo"),
    ("mpg", "video/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("aac", "audio/aac"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("amr", "audio/amr"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("rar", "application/vnd.rar"),
    ("7z", "application/x-7z-compressed"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("doc", "application/msword"),
    ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("epub", "application/epub+zip"),
    ("apk", "application/vnd.android.package-archive"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("bin", "application/octet-stream"),
];

/// What the bytes say; `None` when they say nothing, as those of a text.
pub(super) fn sniffed(file: &File) -> Result<Option<&'static str>, Error> {
    let head = file.head(HEAD)?;
    Ok(infer::get(&head).map(|kind| match kind.mime_type() {
        "audio/x-wav" => "audio/wav",
        "audio/x-flac" => "audio/flac",
        "audio/m4a" => "audio/mp4",
        "audio/opus" => "audio/ogg",
        "video/3gpp2" => "video/3gpp",
        other => other,
    }))
}

/// The mimetype of an extension.
pub(super) fn of_extension(extension: &str) -> Option<&'static str> {
    TABLE.iter().find(|(known, _)| *known == extension).map(|(_, mimetype)| *mimetype)
}

/// The usual extension of a mimetype, whose parameters are ignored.
#[must_use]
pub fn extension(mimetype: &str) -> &'static str {
    let plain = essence(mimetype);
    TABLE.iter().find(|(_, known)| plain.eq_ignore_ascii_case(known)).map_or("bin", |(known, _)| known)
}

/// A mimetype without its parameters.
pub(super) fn essence(mimetype: &str) -> &str {
    mimetype.split(';').next().unwrap_or_default().trim()
}

/// Whether a text is a mimetype, so that it may be told to others.
pub(super) fn is_mimetype(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let plain = essence(text).split_once('/').is_some_and(|(kind, sub)| part(kind) && part(sub));
    plain && text.len() <= 200 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// A mimetype that a stranger told, if it is one.
#[must_use]
pub fn tidy(mimetype: &str) -> String {
    let mimetype = mimetype.trim();
    if is_mimetype(mimetype) { mimetype.to_owned() } else { "application/octet-stream".to_owned() }
}

/// Whether a browser may show such a file in the name of the host that it comes from.
pub(super) fn is_shown(mimetype: &str) -> bool {
    let plain = essence(mimetype).to_ascii_lowercase();
    match plain.split_once('/') {
        Some(("audio" | "video", _)) => true,
        _ => matches!(
            plain.as_str(),
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "application/pdf" | "text/plain"
        ),
    }
}

/// The reader of `ffmpeg` for a file. It is always told: left to guess, it would take a text for a
/// playlist and read whatever that names.
pub(super) fn demuxer(sniffed: &str) -> Option<&'static str> {
    Some(match sniffed {
        "video/mp4" | "video/quicktime" | "video/3gpp" | "video/x-m4v" | "audio/mp4" => "mov",
        "video/webm" | "video/x-matroska" => "matroska",
        "video/x-msvideo" => "avi",
        "video/mpeg" => "mpeg",
        "audio/ogg" | "video/ogg" => "ogg",
        "audio/mpeg" => "mp3",
        "audio/aac" => "aac",
        "audio/wav" => "wav",
        "audio/flac" => "flac",
        "audio/amr" => "amr",
        "image/gif" => "gif",
        _ => return None,
    })
}
