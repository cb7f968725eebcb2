//! The operator's own audio converter, as Evolution API calls it: a form with the audio as `base64`,
//! the key in the header `apikey`, and JSON with the converted audio as base64 in `audio`.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{Error, File, Handle, Source};
use crate::config::media::AudioConverter;
use crate::net::header::{CONTENT_TYPE, HeaderValue};
use crate::net::{Body, Method, Request, Url};

/// Largest audio that is handed over in memory, in bytes.
const LARGEST: u64 = 16 << 20;

#[derive(Deserialize)]
struct Answer {
    audio: Option<String>,
}

impl Handle {
    pub(super) async fn converted(&self, converter: &AudioConverter, file: &File) -> Result<File, Error> {
        if file.length() > LARGEST {
            return Err(Error::TooLarge(LARGEST));
        }
        let failed = |what: String| Error::Failed(format!("the audio converter {what}"));
        let url = Url::parse(&converter.url).map_err(|error| failed(error.to_string()))?;
        let mut request = Request::new(Method::POST, url);
        let boundary = format!("{:032x}", rand::random::<u128>());
        let kind = format!("multipart/form-data; boundary={boundary}");
        let header = |text: &str| HeaderValue::from_str(text).map_err(|error| failed(error.to_string()));
        request.headers.insert(CONTENT_TYPE, header(&kind)?);
        if let Some(key) = &converter.key {
            request.headers.insert("apikey", header(key.expose())?);
        }
        let mut body = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"base64\"\r\n\r\n");
        BASE64_STANDARD.encode_string(file.bytes()?, &mut body);
        let _ = write!(body, "\r\n--{boundary}--\r\n");
        request.body = Body::Bytes(body.into());
        let client = self.0.inside.clone();
        let asking = self.0.main.spawn(async move { client.send(request).await }).await;
        let answer = asking.map_err(|_| failed("was not waited for".to_owned()))?;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(failed(format!("answered {}", answer.status)));
        }
        let answer: Option<Answer> = serde_json::from_slice(&answer.body).ok();
        let audio =
            answer.and_then(|answer| answer.audio).ok_or_else(|| failed("sent no audio".to_owned()))?;
        // What is wrong with it is not the caller's fault.
        let fetched = self.fetch(Source::Base64 { mimetype: None, text: audio }).await;
        fetched.map(|fetched| fetched.file).map_err(|error| failed(format!("sent audio that {error}")))
    }
}
