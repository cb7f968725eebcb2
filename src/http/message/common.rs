//! What every kind of message has: whom it goes to, what it answers, whom it mentions, and how long
//! we are seen typing before.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::json;
use utoipa::ToSchema;

use crate::channel::{self, ChatState, Content, Outgoing, Prepared, Quoted};
use crate::domain::address::JidKind;
use crate::domain::message::present;
use crate::domain::{Jid, MessageKey};
use crate::http::extract::LocalInstance;
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::instance::{Handle, Send, Working};

/// Longest time that we are seen typing, in milliseconds.
pub(in crate::http) const LONGEST_DELAY: u64 = 300_000;
/// WhatsApp forgets that somebody is typing after about this long.
const TYPING: Duration = Duration::from_secs(20);

/// What every kind of message has. In old requests some of it is in `options`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Common {
    /// A phone number, a JID, a LID or a group.
    #[schema(value_type = String)]
    pub(super) number: Jid,
    /// The number as the caller wrote it.
    #[schema(ignore)]
    written: String,
    /// Milliseconds to be seen typing before, up to 300000.
    delay: Option<u64>,
    /// `composing`, `recording` or `paused`: what is seen during `delay`; when absent `recording` before a
    /// voice note, and `composing` before everything else.
    #[schema(value_type = Option<String>)]
    presence: ChatState,
    /// The message that is answered: `{key: {id}}`, and its content where we do not have it.
    #[schema(value_type = Option<Object>)]
    quoted: Option<Quoted>,
    /// Who is mentioned.
    #[schema(value_type = Option<Vec<String>>)]
    mentioned: Vec<Jid>,
    /// Mention every member of the group; no when absent.
    #[schema(value_type = Option<bool>)]
    mentions_every_one: bool,
    /// Whether a preview of the first link may be made; yes when absent.
    pub(super) link_preview: Option<bool>,
}

/// A field that holds an address.
pub(in crate::http) fn address(fields: &Fields<'_>, name: &str) -> Option<Jid> {
    let text = fields.required_text(name)?;
    let jid = Jid::parse(&text);
    if jid.is_err() {
        fields.wrong(name, "is not a phone number, a JID, a LID or a group");
    }
    jid.ok()
}

impl Common {
    /// Reads the fields that are the same for every kind.
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        Self::read_showing(fields, ChatState::Composing)
    }

    /// As [`Common::read`], for a kind that something else is seen before.
    pub(super) fn read_showing(fields: &Fields<'_>, usual: ChatState) -> Option<Self> {
        let options = fields.object("options");
        let holder = |name: &str| match &options {
            Some(options) if !fields.has(name) && options.has(name) => options.clone(),
            _ => fields.clone(),
        };
        let mentions = options.as_ref().and_then(|options| options.object("mentions"));
        let delay = holder("delay").integer("delay");
        if delay.is_some_and(|delay| delay > LONGEST_DELAY) {
            fields.wrong("delay", &format!("must be less than or equal to {LONGEST_DELAY}"));
        }
        let everyone = |fields: &Fields<'_>| {
            fields.flag(fields.either(&["mentionsEveryOne", "everyOne"])).unwrap_or_default()
        };
        let listed = fields.has("mentioned") || mentions.is_none();
        let mentioned = mentioned(mentions.as_ref().filter(|_| !listed).unwrap_or(fields));
        let (presence, quoted) = (presence(&holder("presence"), usual), quoted(&holder("quoted")));
        Some(Self {
            delay,
            presence,
            quoted,
            mentioned,
            mentions_every_one: everyone(fields) || mentions.as_ref().is_some_and(everyone),
            link_preview: holder("linkPreview").flag("linkPreview"),
            written: fields.text("number").unwrap_or_default(),
            number: address(fields, "number")?,
        })
    }
}

fn presence(fields: &Fields<'_>, usual: ChatState) -> ChatState {
    match fields.text("presence").as_deref() {
        Some("composing") => ChatState::Composing,
        Some("recording") => ChatState::Recording,
        Some("paused") => ChatState::Paused,
        _ => usual,
    }
}

fn mentioned(fields: &Fields<'_>) -> Vec<Jid> {
    let texts = fields.texts("mentioned").unwrap_or_default();
    let parsed: Result<Vec<Jid>, _> =
        texts.iter().filter(|text| !text.is_empty()).map(|text| Jid::parse(text)).collect();
    parsed.unwrap_or_else(|_| {
        fields.wrong("mentioned", "is not a list of phone numbers or JIDs");
        Vec::new()
    })
}

/// The message that is answered. Some clients always send the field, empty.
fn quoted(fields: &Fields<'_>) -> Option<Quoted> {
    let quoted = fields.object("quoted")?;
    let key = quoted.object("key")?;
    let id = key.text("id").filter(|id| !id.is_empty())?;
    let key = MessageKey {
        id,
        remote_jid: key.text("remoteJid").unwrap_or_default(),
        from_me: key.flag("fromMe").unwrap_or_default(),
        participant: key.text("participant").filter(|participant| !participant.is_empty()),
        remote_jid_alt: None,
    };
    Some(Quoted { key, message: quoted.object("message").map(|message| message.as_json()) })
}

impl Common {
    /// Charges the rate limit, and finds out whether the target exists: only numbers are checked.
    pub(super) async fn begin(
        &self,
        instance: &LocalInstance,
        state: &State,
    ) -> Result<(Working, Jid), Error> {
        state.rates.charge(instance.id()).map_err(Error::TooMany)?;
        let working = instance.work().await?;
        let Some(numbers) = working.numbers().ok().filter(|_| self.number.kind() == JidKind::Phone) else {
            return Ok((working, self.number.clone()));
        };
        let asked = std::slice::from_ref(&self.number);
        let checks = state.known.check(instance.id(), numbers, asked).await;
        let check = checks.map_err(|error| instance.explain(error))?.into_iter().next();
        match check {
            Some(check) if check.exists => Ok((working, check.jid)),
            _ => {
                let missing = json!({"jid": self.number, "exists": false, "number": self.written});
                Err(Error::NotOnWhatsApp(vec![missing]))
            }
        }
    }

    /// The answered message with its content: ours where it is on record.
    pub(super) async fn quoted(&self, instance: &LocalInstance, chat: &Jid) -> Result<Option<Quoted>, Error> {
        let Some(quoted) = &self.quoted else { return Ok(None) };
        let stored = instance.scope().messages().by_key_id(&quoted.key.id).await?;
        let is_here = |key: &MessageKey| {
            key.remote_jid == chat.as_str() || key.remote_jid_alt.as_deref() == Some(chat.as_str())
        };
        let best = stored.iter().find(|message| is_here(&message.key)).or(stored.first());
        Ok(Some(match best {
            Some(message) => Quoted { key: message.key.clone(), message: Some(message.message.clone()) },
            None => {
                let mut quoted = quoted.clone();
                if quoted.key.remote_jid.is_empty() {
                    quoted.key.remote_jid = chat.to_string();
                }
                quoted
            }
        }))
    }

    /// Is seen typing for as long as the caller wants. Whether it is seen is not worth a failure.
    pub(super) async fn typing(&self, working: &Working, chat: &Jid) {
        let delay = Duration::from_millis(self.delay.unwrap_or_default());
        if show(working, chat, self.presence, delay).await.is_err() {
            tracing::debug!("typing could not be shown");
        }
    }
}

/// Shows a chat what we are doing for some time, and then that we do not any more.
pub(in crate::http) async fn show(
    working: &Working,
    chat: &Jid,
    what: ChatState,
    time: Duration,
) -> Result<(), channel::Error> {
    let presence = working.presence()?;
    let mut left = time;
    while !left.is_zero() {
        presence.chat_state(chat, what).await?;
        let part = left.min(TYPING);
        tokio::time::sleep(part).await;
        left -= part;
    }
    if time.is_zero() { Ok(()) } else { presence.chat_state(chat, ChatState::Paused).await }
}

/// Sends a message with what every kind has, and answers with what was made.
pub(super) async fn send(
    (instance, state): (&LocalInstance, &State),
    options: Common,
    content: Content,
    idempotency_key: Option<String>,
) -> Result<HttpResponse, Error> {
    let begun = options.begin(instance, state).await?;
    deliver((instance, state), options, begun, content, idempotency_key).await
}

/// As [`send`], after [`Common::begin`].
pub(super) async fn deliver(
    (instance, state): (&LocalInstance, &State),
    options: Common,
    (working, chat): (Working, Jid),
    content: Content,
    idempotency_key: Option<String>,
) -> Result<HttpResponse, Error> {
    let message = Outgoing {
        content,
        quoted: options.quoted(instance, &chat).await?,
        mentioned: options.mentioned.clone(),
        mention_everyone: options.mentions_every_one,
    };
    let composed = working.messages().compose(&chat, message).await;
    let prepared = composed.map_err(|error| instance.explain(error))?;
    options.typing(&working, &chat).await;
    transmit((instance, state), prepared, idempotency_key).await
}

/// Sends what was composed, and answers with what was made.
pub(super) async fn transmit(
    (instance, state): (&LocalInstance, &State),
    prepared: Prepared,
    idempotency_key: Option<String>,
) -> Result<HttpResponse, Error> {
    let handle = Handle::clone(instance);
    let work = async move { handle.send(prepared, Send { idempotency_key }).await };
    let sent = state.finish(work).await?;
    let sent = sent.map_err(|error| instance.explain(error))?;
    let mut answer = HttpResponse::Created();
    if sent.repeated {
        answer.insert_header(("idempotent-replayed", "true"));
    }
    Ok(answer.json(present::sent(&sent.message, instance.id(), sent.media_url.as_deref())))
}
