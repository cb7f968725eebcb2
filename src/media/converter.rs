//! The operator's own audio converter, as Evolution API calls it: a form with the audio as `base64`,
//! the key in the header `apikey`, and JSON with the converted audio as base64 in `audio`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::ready;
use futures::stream::once;
use serde::Deserialize;

use super::{Error, File, Handle, Source, tool};
use crate::config::media::AudioConverter;
use crate::net::header::{CONTENT_TYPE, HeaderValue};
use crate::net::{Body, Method, Request, Url};

/// Largest audio that is handed over, in bytes.
const LARGEST: u64 = 16 << 20;
/// Bytes of it that are handed over at once: three of them are four characters.
const PIECE: usize = 192 << 10;

#[derive(Deserialize)]
struct Answer {
    audio: Option<String>,
}

impl Handle {
    /// A voice note of an audio. Whatever becomes of it: that it works is not the caller's business.
    pub(super) async fn converted(&self, converter: &AudioConverter, file: &File) -> Result<File, Error> {
        if file.length() > LARGEST {
            return Err(Error::TooLarge(LARGEST));
        }
        let failed = |what: String| Error::Unavailable(format!("the audio converter {what}"));
        let url = Url::parse(&converter.url).map_err(|error| failed(error.to_string()))?;
        let mut request = Request::new(Method::POST, url);
        let boundary = format!("{:032x}", rand::random::<u128>());
        let kind = format!("multipart/form-data; boundary={boundary}");
        let header = |text: &str| HeaderValue::from_str(text).map_err(|error| failed(error.to_string()));
        request.headers.insert(CONTENT_TYPE, header(&kind)?);
        if let Some(key) = &converter.key {
            request.headers.insert("apikey", header(key.expose())?);
        }
        request.body = self.form(file, &boundary);
        // Others wait for the turn: it ends before they give up.
        let _turn = self.0.turns.child().await?;
        let client = self.0.inside.clone();
        let asking = self.on_main(async move {
            let answer = tokio::time::timeout(tool::TIME, client.send(request)).await;
            let answer = answer.map_err(|_| Error::Unavailable("it takes too long".to_owned()))?;
            answer.map_err(|error| Error::Unavailable(error.to_string()))
        });
        let answer = asking.await.map_err(|error| failed(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(failed(format!("answered {}", answer.status)));
        }
        let answer: Option<Answer> = serde_json::from_slice(&answer.body).ok();
        let audio =
            answer.and_then(|answer| answer.audio).ok_or_else(|| failed("sent no audio".to_owned()))?;
        let fetched = self.fetch(Source::Base64 { mimetype: None, text: audio }).await;
        fetched.map(|fetched| fetched.file).map_err(|error| failed(format!("sent audio that {error}")))
    }

    /// The form, as it is read from the file.
    fn form(&self, file: &File, boundary: &str) -> Body {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"base64\"\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + file.length().div_ceil(3) * 4 + tail.len() as u64;
        let text = |text: String| once(ready(Ok(Bytes::from(text))));
        let encoded = |piece: Bytes| Bytes::from(BASE64_STANDARD.encode(&piece));
        let audio = self.pieces(file, PIECE).map(move |piece| piece.map(encoded));
        Body::Stream { length, pieces: text(head).chain(audio).chain(text(tail)).boxed() }
    }
}
