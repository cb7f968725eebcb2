//! THE table of routes. The server, the document and the authorisation test are made from it.

use actix_web::guard::{self, Guard as _};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, guard::GuardContext, web};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::error::shortened;
use super::extract::Charged;
use super::outer::Written;
use super::{
    Error, business, call, chat, cluster, dead_letters, group, health, instance, label, low_level, message,
    metrics, openapi, root, s3, settings, sink,
};
use super::{path, verify_creds, webhook};

/// A method of the table. `GET` stands for `HEAD` too, unless the route [does](Route::does) something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Reads.
    Get,
    /// Creates or does.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

use Verb::{Delete, Get, Post, Put};

/// Whose key a route wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// Nobody's.
    Nothing,
    /// The global one.
    Global,
    /// The global one, or the token of the instance that the path names.
    Instance,
    /// The global one, or any instance's token.
    Any,
    /// The secret that nodes and the proxy before them share.
    Node,
    /// What the operator configured for this page, which is no key.
    Operator,
    /// Nobody's: the address is signed.
    Link,
}

/// What makes a second request for the same do nothing more than the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Once {
    /// A method that only reads.
    Reading,
    /// That, or the header `Idempotency-Key`.
    Keyed,
    /// Nothing: its `GET` acts too.
    Never,
}

/// The schema of a body, and those that it refers to, each with its name; the body is the first.
pub type BodySchema = fn() -> Vec<(String, RefOr<Schema>)>;

/// One operation of the API.
pub struct Route {
    /// What it does, in two or three words; the operation id of the document.
    pub name: &'static str,
    /// Its methods, all with the same meaning.
    pub verbs: &'static [Verb],
    /// Its path; `{instance}` is the name of an instance.
    pub path: &'static str,
    /// Whose key it wants.
    pub wants: Wants,
    /// The status of success.
    pub success: u16,
    /// The body, when it takes one.
    pub body: Option<BodySchema>,
    /// What may stand beside the fields of the body.
    pub beside: Option<BodySchema>,
    /// What a `GET` has to have after `?`.
    pub needs: &'static [&'static str],
    /// The field in whose place a form may have the part `file`, when the route takes forms.
    pub file: Option<&'static str>,
    /// What makes a second request for the same do nothing more than the first.
    pub once: Once,
    /// Whether its `GET` does something too, so that it is no route for a `HEAD`, which only looks.
    pub does: bool,
    /// Whether each request is charged to the rate of its instance, because WhatsApp may be asked. What
    /// sends charges by itself, once for each message.
    pub charged: bool,
    pub(super) handler: fn() -> actix_web::Route,
}

impl Route {
    const fn ok(mut self) -> Self {
        self.success = 200;
        self
    }

    const fn found(mut self) -> Self {
        self.success = 302;
        self
    }

    const fn once(mut self, once: Once) -> Self {
        self.once = once;
        self
    }

    const fn beside(mut self, body: BodySchema) -> Self {
        self.beside = Some(body);
        self
    }

    const fn file(mut self, instead_of: &'static str) -> Self {
        self.file = Some(instead_of);
        self
    }

    const fn does(mut self) -> Self {
        self.does = true;
        self
    }

    const fn charged(mut self) -> Self {
        self.charged = true;
        self
    }

    const fn needs(mut self, parameters: &'static [&'static str]) -> Self {
        self.needs = parameters;
        self
    }

    const fn with(mut self, body: BodySchema) -> Self {
        self.body = Some(body);
        self
    }
}

fn body<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}

const fn row(
    (name, verbs, path, wants): (&'static str, &'static [Verb], &'static str, Wants),
    handler: fn() -> actix_web::Route,
) -> Route {
    let success = if matches!(verbs, [Get, ..]) { 200 } else { 201 };
    Route {
        name,
        verbs,
        path,
        wants,
        success,
        body: None,
        beside: None,
        needs: &[],
        file: None,
        once: Once::Reading,
        does: false,
        charged: false,
        handler,
    }
}

macro_rules! to {
    ($($handler:ident)::+) => { || web::route().to($($handler)::+) };
}

use Wants::{Any, Global, Instance, Link, Node, Nothing, Operator};

/// Every operation. The busiest resources come first: prefixes are compared in this order.
#[rustfmt::skip]
pub static TABLE: &[Route] = &[
    row(("connection state", &[Get], "/instance/connectionState/{instance}", Instance), to!(instance::state::handle)),
    row(("send text", &[Post], "/message/sendText/{instance}", Instance), to!(message::text::handle)).with(body::<message::text::SendText>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send location", &[Post], "/message/sendLocation/{instance}", Instance), to!(message::location::handle)).with(body::<message::location::SendLocation>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send contact", &[Post], "/message/sendContact/{instance}", Instance), to!(message::contact::handle)).with(body::<message::contact::SendContact>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send reaction", &[Post], "/message/sendReaction/{instance}", Instance), to!(message::reaction::handle)).with(body::<message::reaction::SendReaction>).once(Once::Keyed),
    row(("send poll", &[Post], "/message/sendPoll/{instance}", Instance), to!(message::poll::handle)).with(body::<message::poll::SendPoll>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send list", &[Post], "/message/sendList/{instance}", Instance), to!(message::list::handle)).with(body::<message::list::SendList>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send buttons", &[Post], "/message/sendButtons/{instance}", Instance), to!(message::buttons::handle)).with(body::<message::buttons::SendButtons>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send template", &[Post], "/message/sendTemplate/{instance}", Instance), to!(message::template::handle)).with(body::<message::template::SendTemplate>).beside(body::<message::Common>).once(Once::Keyed),
    row(("forward message", &[Post], "/message/forward/{instance}", Instance), to!(message::forward::handle)).with(body::<message::forward::Forward>).beside(body::<message::Common>).once(Once::Keyed),
    row(("send media", &[Post], "/message/sendMedia/{instance}", Instance), to!(message::media::handle)).with(body::<message::media::SendMedia>).beside(body::<message::Common>).file("media").once(Once::Keyed),
    row(("send audio", &[Post], "/message/sendWhatsAppAudio/{instance}", Instance), to!(message::audio::handle)).with(body::<message::audio::SendAudio>).beside(body::<message::Common>).file("audio").once(Once::Keyed),
    row(("send round video", &[Post], "/message/sendPtv/{instance}", Instance), to!(message::ptv::handle)).with(body::<message::ptv::SendPtv>).beside(body::<message::Common>).file("video").once(Once::Keyed),
    row(("send sticker", &[Post], "/message/sendSticker/{instance}", Instance), to!(message::sticker::handle)).with(body::<message::sticker::SendSticker>).beside(body::<message::Common>).file("sticker").once(Once::Keyed),
    row(("send status", &[Post], "/message/sendStatus/{instance}", Instance), to!(message::status::handle)).with(body::<message::status::SendStatus>).file("content").once(Once::Keyed),
    row(("connect", &[Get, Post], "/instance/connect/{instance}", Instance), to!(instance::connect::handle)).with(body::<instance::connect::Connect>).does(),
    row(("fetch instances", &[Get], "/instance/fetchInstances", Any), to!(instance::fetch::handle)),
    row(("create instance", &[Post], "/instance/create", Global), to!(instance::create::handle)).with(body::<instance::create::Create>),
    row(("restart", &[Post, Put], "/instance/restart/{instance}", Instance), to!(instance::restart::handle)).ok(),
    row(("log out", &[Delete, Put, Post], "/instance/logout/{instance}", Instance), to!(instance::logout::handle)).ok(),
    row(("delete instance", &[Delete], "/instance/delete/{instance}", Instance), to!(instance::delete::handle)).ok(),
    row(("set presence", &[Post], "/instance/setPresence/{instance}", Instance), to!(instance::presence::handle)).with(body::<instance::presence::SetPresence>).charged(),

    row(("find messages", &[Post], "/chat/findMessages/{instance}", Instance), to!(chat::find_messages::handle)).ok().with(body::<chat::find_messages::FindMessages>),
    row(("search messages", &[Post], "/chat/searchMessages/{instance}", Instance), to!(chat::search_messages::handle)).ok().with(body::<chat::search_messages::SearchMessages>),
    row(("find chats", &[Post], "/chat/findChats/{instance}", Instance), to!(chat::find_chats::list)).ok().with(body::<chat::find_chats::FindChats>),
    row(("find chat", &[Get], "/chat/findChatByRemoteJid/{instance}", Instance), to!(chat::find_chats::one)).needs(&["remoteJid"]),
    row(("find contacts", &[Post], "/chat/findContacts/{instance}", Instance), to!(chat::find_contacts::handle)).ok().with(body::<chat::find_contacts::FindContacts>),
    row(("find statuses", &[Post], "/chat/findStatusMessage/{instance}", Instance), to!(chat::find_status::handle)).ok().with(body::<chat::find_status::FindStatus>),
    row(("check numbers", &[Post], "/chat/whatsappNumbers/{instance}", Instance), to!(chat::numbers::handle)).ok().with(body::<chat::numbers::Numbers>).charged(),
    row(("get file", &[Post], "/chat/getBase64FromMediaMessage/{instance}", Instance), to!(chat::base64::handle)).with(body::<chat::base64::GetBase64>).charged(),
    row(("mark as read", &[Post], "/chat/markMessageAsRead/{instance}", Instance), to!(chat::read::handle)).with(body::<chat::read::MarkRead>).charged(),
    row(("show chat state", &[Post], "/chat/sendPresence/{instance}", Instance), to!(chat::presence::handle)).with(body::<chat::presence::SendPresence>).charged(),
    row(("edit message", &[Post], "/chat/updateMessage/{instance}", Instance), to!(chat::edit::handle)).ok().with(body::<chat::edit::EditMessage>).charged(),
    row(("delete message", &[Delete], "/chat/deleteMessageForEveryone/{instance}", Instance), to!(chat::delete::handle)).with(body::<chat::Key>).charged(),
    row(("delete message too", &[Delete], "/message/delete/{instance}", Instance), to!(chat::delete::handle)).with(body::<chat::Key>).charged(),

    row(("archive chat", &[Post], "/chat/archiveChat/{instance}", Instance), to!(chat::state::archive)).with(body::<chat::state::ArchiveChat>).beside(body::<chat::state::Which>).charged(),
    row(("mark as unread", &[Post], "/chat/markChatUnread/{instance}", Instance), to!(chat::state::unread)).with(body::<chat::state::MarkUnread>).beside(body::<chat::state::Which>).charged(),
    row(("mute chat", &[Post], "/chat/muteChat/{instance}", Instance), to!(chat::state::mute)).with(body::<chat::state::MuteChat>).beside(body::<chat::state::Which>).charged(),
    row(("pin chat", &[Post], "/chat/pinChat/{instance}", Instance), to!(chat::state::pin)).with(body::<chat::state::PinChat>).beside(body::<chat::state::Which>).charged(),
    row(("block contact", &[Post], "/chat/updateBlockStatus/{instance}", Instance), to!(chat::block::handle)).with(body::<chat::block::UpdateBlockStatus>).charged(),
    row(("subscribe to presence", &[Post], "/chat/subscribePresence/{instance}", Instance), to!(chat::presence::subscribe)).with(body::<chat::presence::Subscribe>).charged(),
    row(("resolve address", &[Get], "/chat/resolveLid/{instance}", Instance), to!(chat::resolve::get)).needs(&["jid"]),
    row(("resolve address in body", &[Post], "/chat/resolveLid/{instance}", Instance), to!(chat::resolve::post)).ok().with(body::<chat::resolve::Resolve>),
    row(("fetch history", &[Post], "/chat/fetchHistory/{instance}", Instance), to!(chat::history::handle)).with(body::<chat::history::FetchHistory>).charged(),
    row(("fetch picture", &[Post], "/chat/fetchProfilePictureUrl/{instance}", Instance), to!(chat::picture::post)).ok().with(body::<chat::picture::FetchPicture>).charged(),
    row(("fetch picture by query", &[Get], "/chat/fetchProfilePictureUrl/{instance}", Instance), to!(chat::picture::get)).charged(),
    row(("fetch profile", &[Post], "/chat/fetchProfile/{instance}", Instance), to!(chat::profile::fetch)).ok().with(body::<chat::picture::FetchPicture>).charged(),
    row(("fetch business profile", &[Post], "/chat/fetchBusinessProfile/{instance}", Instance), to!(chat::profile::business)).ok().with(body::<chat::picture::FetchPicture>).charged(),
    row(("set profile name", &[Post], "/chat/updateProfileName/{instance}", Instance), to!(chat::profile::set_name)).ok().with(body::<chat::profile::UpdateName>).charged(),
    row(("set profile status", &[Post], "/chat/updateProfileStatus/{instance}", Instance), to!(chat::profile::set_about)).ok().with(body::<chat::profile::UpdateStatus>).charged(),
    row(("set profile picture", &[Post], "/chat/updateProfilePicture/{instance}", Instance), to!(chat::profile::set_picture)).ok().with(body::<chat::profile::UpdatePicture>).charged(),
    row(("remove profile picture", &[Delete], "/chat/removeProfilePicture/{instance}", Instance), to!(chat::profile::remove_picture)).ok().charged(),
    row(("fetch privacy", &[Get], "/chat/fetchPrivacySettings/{instance}", Instance), to!(chat::privacy::fetch)).charged(),
    row(("update privacy", &[Post], "/chat/updatePrivacySettings/{instance}", Instance), to!(chat::privacy::update)).with(body::<chat::privacy::UpdatePrivacy>).charged(),
    row(("find labels", &[Get], "/label/findLabels/{instance}", Instance), to!(label::find)),
    row(("handle label", &[Post], "/label/handleLabel/{instance}", Instance), to!(label::handle)).ok().with(body::<label::HandleLabel>).charged(),
    row(("create group", &[Post], "/group/create/{instance}", Instance), to!(group::create::handle)).with(body::<group::create::CreateGroup>).charged(),
    row(("update group subject", &[Post, Put], "/group/updateGroupSubject/{instance}", Instance), to!(group::update::subject)).with(body::<group::update::UpdateGroupSubject>).beside(body::<group::GroupJid>).charged(),
    row(("update group picture", &[Post, Put], "/group/updateGroupPicture/{instance}", Instance), to!(group::update::picture)).with(body::<group::update::UpdateGroupPicture>).beside(body::<group::GroupJid>).charged(),
    row(("update group description", &[Post, Put], "/group/updateGroupDescription/{instance}", Instance), to!(group::update::description)).with(body::<group::update::UpdateGroupDescription>).beside(body::<group::GroupJid>).charged(),
    row(("find group", &[Get], "/group/findGroupInfos/{instance}", Instance), to!(group::info::one)).needs(&["groupJid"]).charged(),
    row(("fetch groups", &[Get], "/group/fetchAllGroups/{instance}", Instance), to!(group::info::all)).needs(&["getParticipants"]).charged(),
    row(("find group participants", &[Get], "/group/participants/{instance}", Instance), to!(group::info::participants)).needs(&["groupJid"]).charged(),
    row(("find invite code", &[Get], "/group/inviteCode/{instance}", Instance), to!(group::invite::code)).needs(&["groupJid"]).charged(),
    row(("find group of invite", &[Get], "/group/inviteInfo/{instance}", Instance), to!(group::invite::info)).needs(&["inviteCode"]).charged(),
    row(("accept invite", &[Get], "/group/acceptInviteCode/{instance}", Instance), to!(group::invite::accept)).needs(&["inviteCode"]).once(Once::Never).does().charged(),
    row(("send invite", &[Post], "/group/sendInvite/{instance}", Instance), to!(group::invite::send)).ok().with(body::<group::invite::SendInvite>).beside(body::<group::GroupJid>),
    row(("revoke invite code", &[Post, Put], "/group/revokeInviteCode/{instance}", Instance), to!(group::invite::revoke)).with(body::<group::GroupJid>).charged(),
    row(("update participants", &[Post, Put], "/group/updateParticipant/{instance}", Instance), to!(group::members::handle)).with(body::<group::members::UpdateParticipant>).beside(body::<group::GroupJid>).charged(),
    row(("update group setting", &[Post, Put], "/group/updateSetting/{instance}", Instance), to!(group::update::setting)).with(body::<group::update::UpdateSetting>).beside(body::<group::GroupJid>).charged(),
    row(("toggle disappearing messages", &[Post, Put], "/group/toggleEphemeral/{instance}", Instance), to!(group::update::ephemeral)).with(body::<group::update::ToggleEphemeral>).beside(body::<group::GroupJid>).charged(),
    row(("leave group", &[Delete], "/group/leaveGroup/{instance}", Instance), to!(group::leave::handle)).ok().with(body::<group::GroupJid>).charged(),
    row(("list join requests", &[Get], "/group/joinRequests/{instance}", Instance), to!(group::requests::list)).needs(&["groupJid"]).charged(),
    row(("update join requests", &[Post, Put], "/group/updateJoinRequests/{instance}", Instance), to!(group::requests::decide)).with(body::<group::requests::UpdateJoinRequests>).beside(body::<group::GroupJid>).charged(),
    row(("offer call", &[Post], "/call/offer/{instance}", Instance), to!(call::offer)).with(body::<call::Offer>),
    row(("reject call", &[Post], "/call/reject/{instance}", Instance), to!(call::reject)).with(body::<call::Reject>).charged(),
    row(("get catalog", &[Post], "/business/getCatalog/{instance}", Instance), to!(business::catalogue)).ok().with(body::<business::Business>).charged(),
    row(("get collections", &[Post], "/business/getCollections/{instance}", Instance), to!(business::collections)).ok().with(body::<business::Business>).charged(),
    row(("low-level number check", &[Post], "/baileys/onWhatsapp/{instance}", Instance), to!(low_level::on_whatsapp)).ok().with(body::<low_level::One>).charged(),
    row(("low-level picture", &[Post], "/baileys/profilePictureUrl/{instance}", Instance), to!(low_level::picture)).ok().with(body::<low_level::One>).charged(),
    row(("low-level sessions", &[Post], "/baileys/assertSessions/{instance}", Instance), to!(low_level::sessions)).ok().with(body::<low_level::Several>).charged(),
    row(("low-level encryption", &[Post], "/baileys/createParticipantNodes/{instance}", Instance), to!(low_level::participants)).ok().with(body::<low_level::Several>).charged(),
    row(("low-level devices", &[Post], "/baileys/getUSyncDevices/{instance}", Instance), to!(low_level::devices)).ok().with(body::<low_level::Several>).charged(),
    row(("low-level tag", &[Post], "/baileys/generateMessageTag/{instance}", Instance), to!(low_level::tag)).ok(),
    row(("low-level stanza", &[Post], "/baileys/sendNode/{instance}", Instance), to!(low_level::node)).ok().with(body::<low_level::Stanza>),
    row(("low-level decryption", &[Post], "/baileys/signalRepositoryDecryptMessage/{instance}", Instance), to!(low_level::decrypt)).ok(),
    row(("low-level identity", &[Post], "/baileys/getAuthState/{instance}", Instance), to!(low_level::identity)).ok(),

    row(("set settings", &[Post], "/settings/set/{instance}", Instance), to!(settings::set)).with(body::<settings::SetSettings>),
    row(("find settings", &[Get], "/settings/find/{instance}", Instance), to!(settings::find)),
    row(("set webhook", &[Post], "/webhook/set/{instance}", Instance), to!(webhook::set)).with(body::<webhook::SetWebhook>),
    row(("find webhook", &[Get], "/webhook/find/{instance}", Instance), to!(webhook::find)),
    row(("list dead letters", &[Get], "/webhook/deadLetters/{instance}", Instance), to!(dead_letters::list)),
    row(("redrive dead letters", &[Post], "/webhook/redrive/{instance}", Instance), to!(dead_letters::redrive)).ok().with(body::<dead_letters::Redrive>),
    row(("set websocket", &[Post], "/websocket/set/{instance}", Instance), to!(sink::websocket::set)).with(body::<sink::websocket::SetWebsocket>),
    row(("find websocket", &[Get], "/websocket/find/{instance}", Instance), to!(sink::websocket::find)),
    row(("set rabbitmq", &[Post], "/rabbitmq/set/{instance}", Instance), to!(sink::rabbitmq::set)).with(body::<sink::rabbitmq::SetRabbitmq>),
    row(("find rabbitmq", &[Get], "/rabbitmq/find/{instance}", Instance), to!(sink::rabbitmq::find)),

    row(("get media", &[Post], "/s3/getMedia/{instance}", Instance), to!(s3::find::media)).with(body::<s3::find::GetMedia>),
    row(("get media url", &[Post], "/s3/getMediaUrl/{instance}", Instance), to!(s3::find::url)).ok().with(body::<s3::find::GetMediaUrl>),
    row(("download media", &[Get], "/s3/file/{instance}", Link), to!(s3::file::handle)),

    row(("list nodes", &[Get], "/cluster/nodes", Global), to!(cluster::nodes)),
    row(("list placements", &[Get], "/cluster/instances", Global), to!(cluster::instances)),
    row(("cordon node", &[Post], "/cluster/cordon/{node}", Global), to!(cluster::cordon)).ok(),
    row(("drain node", &[Post], "/cluster/drain/{node}", Global), to!(cluster::drain)).ok(),
    row(("uncordon node", &[Post], "/cluster/uncordon/{node}", Global), to!(cluster::uncordon)).ok(),
    row(("pin instance", &[Post], "/cluster/pin/{instance}", Global), to!(cluster::pin)).ok().with(body::<cluster::Pin>),
    row(("move instance", &[Post], "/cluster/move/{instance}", Global), to!(cluster::transfer)).ok().with(body::<cluster::Move>),
    row(("locate instance", &[Get], "/cluster/locate/{name}", Node), to!(cluster::locate)),
    row(("offer instances", &[Post], "/cluster/offer", Node), to!(cluster::offer)).ok(),

    row(("verify credentials", &[Post], "/verify-creds", Global), to!(verify_creds::handle)).ok(),
    row(("health live", &[Get], "/health/live", Nothing), to!(health::live)),
    row(("health ready", &[Get], "/health/ready", Nothing), to!(health::ready)),
    row(("health startup", &[Get], "/health/startup", Nothing), to!(health::startup)),
    row(("metrics", &[Get], "/metrics", Operator), to!(metrics::handle)),
    row(("document", &[Get], "/openapi.json", Nothing), to!(openapi::handle)),
    row(("docs", &[Get], "/docs", Nothing), to!(openapi::index)).found(),
    row(("file of the docs", &[Get], "/docs/{file}", Nothing), to!(openapi::file)),
    row(("root", &[Get], "/", Nothing), to!(root::handle)),
];

/// Builds the routes of the table into an application.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let mut done: Vec<&str> = Vec::new();
    for route in TABLE {
        if done.contains(&route.path) {
            continue;
        }
        done.push(route.path);
        // A fixed prefix is compared as bytes; only what is below it needs the pattern.
        let fixed = path::fixed(route.path);
        let below = route.path.strip_prefix(fixed).unwrap_or_default();
        let mut resource = web::resource(if below.is_empty() { fixed } else { below });
        for same in TABLE.iter().filter(|same| same.path == route.path) {
            resource =
                resource.route((same.handler)().guard(guard::fn_guard(move |context| allows(same, context))));
        }
        if TABLE.iter().any(|same| same.path == route.path && same.charged) {
            resource = resource.app_data(Charged);
        }
        let resource = resource.default_service(web::to(no_route));
        if below.is_empty() {
            config.service(resource);
        } else {
            config.service(web::scope(fixed).service(resource).default_service(web::to(no_route)));
        }
    }
    config.default_service(web::to(no_route));
}

fn allows(route: &Route, context: &GuardContext<'_>) -> bool {
    route.verbs.iter().any(|verb| match verb {
        Get => guard::Get().check(context) || (!route.does && guard::Head().check(context)),
        Post => guard::Post().check(context),
        Put => guard::Put().check(context),
        Delete => guard::Delete().check(context),
    })
}

/// Answers what is not in the table, with the path as the client wrote it.
pub(super) async fn no_route(request: HttpRequest) -> Result<HttpResponse, Error> {
    let extensions = request.extensions();
    let path = extensions.get::<Written>().map_or(request.path(), |written| &written.0);
    Err(Error::NoRoute(format!("{} {}", request.method(), shortened(path))))
}
