//! The list of admin routes, answered by `GET /admin` and printed by `--help`.

/// Admin routes: method, path, body and meaning, one per line.
pub const ROUTES: &str = r#"GET  /admin                              this list
POST /admin/mock-phone/scan-qr?phone=    body: QR text; answers {phone, jid, lid, device}
POST /admin/mock-phone/enter-code        body: "PHONE CODE"; answers {phone, jid, lid, device}
GET  /admin/stats                        counters
GET  /admin/accounts                     accounts and their devices, with queue lengths
GET  /admin/accounts/{phone}             one account
POST /admin/accounts/{phone}/exists      {exists}: whether the number is on WhatsApp
POST /admin/accounts/{phone}/record      {limit}: keep its last stanzas; 0 switches off
GET  /admin/accounts/{phone}/record      ?after=SEQ: [{seq, atMs, device, direction, xml}] in order
GET  /admin/outages                      ?after=NUMBER: {nowMicros, next, outages}: how long devices had no connection
GET  /metrics                            counters in the Prometheus text format
POST /admin/devices/drop                 {phone, device?}: cut connections
POST /admin/devices/drop-all             cut all connections
POST /admin/devices/remove               {phone, device}: unlink (device_removed, then 401)
POST /admin/devices/replace              {phone, device}: end as if replaced
POST /admin/logins/fail                  {reason, count?, phone?, code?, expire?}: fail coming logins; count 0 clears
POST /admin/latency                      {latencyMs, jitterMs?}: of all; per account or device as a fault
GET  /admin/faults                       faults that stand, and how often each kind struck
POST /admin/faults                       {kind, ..., phone?, device?, share?}: see below; answers {struck}
DELETE /admin/faults                     ends all faults that stand
POST /admin/scenario                     [{afterMs, fault: {kind, ...}, times?, everyMs?}]: faults by the clock
POST /admin/history                      {chats, bootstrap?, recent?, full?, onDemand?, chatsPerBlob?, textBytes?, pictures?, inline?, longIds?} or null: what devices get when they are linked
POST /admin/accounts/{phone}/history     the same body: sends that history to all devices now
GET  /admin/accounts/{phone}/app-state   what the account's devices and phone have set: [{collection, index, value}]
POST /admin/accounts/{phone}/app-state   {change, ...}: mute, pin, archive, read, star, deleteChat, clearChat, deleteForMe, contact, pushName, strangerSalt, label or labelChat, done on the phone
POST /admin/accounts/{phone}/app-state/announce  tells all devices the versions of all collections once more
POST /admin/accounts/{phone}/profile     {name?, about?, picture?: BASE64, business?: {name, description?, email?, websites?, address?, categories?, products?, collections?}, tell?: [PHONE]}
POST /admin/accounts/{phone}/block       {other, blocked}: the phone's user blocks or unblocks a number
POST /admin/accounts/{phone}/restricted  {restricted}: direct messages without the account's privacy token get ack error 463
POST /admin/props                        {CODE: VALUE}: server properties that clients get at their next login
GET  /admin/newsletters                  newsletters, their owners and followers
POST /admin/contacts/{phone}/newsletters  {name, description?}: creates one; the contact posts by send or compose to its JID
POST /admin/contacts/{phone}/newsletters/follow  {jid, follow}
POST /admin/contacts/{phone}/newsletters/react   {jid, serverId, emoji}
GET  /admin/media                        files, bytes, uploads and downloads of the media host
POST /admin/media/expire                 {path, status?}: downloads of a direct path fail (404 or 410), the phones can upload it again
POST /admin/media/forget                 {path}: nobody has the file any more
POST /admin/media/renew-auth             refuses the credentials of media_conn answers so far (403)
POST /admin/media/cut-upload             {bytes}: the next upload breaks off after this many bytes
GET  /admin/contacts                     contacts
POST /admin/contacts                     {phone?, name?, autoReceipt?, autoRead?, autoReply?, useLid?, autoDownload?}
GET  /admin/contacts/{phone}/received    ?after=SEQ: {total, messages: [...]} in order
GET  /admin/contacts/{phone}/signals     receipts, chat states and call actions that reached the contact
GET  /admin/sequences                    ?run=NUMBER: what contacts received of the numbered texts of a load run
POST /admin/contacts/{phone}/send        {to, text, count?, rate?, quoted?: {id, participant, text}, extended?}; {n} in text
POST /admin/contacts/{phone}/compose     {to, kind, ..., quoted?, mentions?, forwarded?, viewOnce?, ephemeral?}; kind is text, image, video, audio, document, sticker, location, liveLocation, contacts, reaction, poll, vote, listReply or buttonReply; answers {id}
GET  /admin/contacts/{phone}/media/{id}  the decrypted file of a received message
POST /admin/contacts/{phone}/edit        {to, id, text}
POST /admin/contacts/{phone}/revoke      {to, id}
POST /admin/contacts/{phone}/react       {to, id, emoji, fromMe?}
POST /admin/contacts/{phone}/receipt     {to, id, kind}: "", "read" or "played"
POST /admin/contacts/{phone}/typing      {to, state}: "composing", "recording" or "paused"
POST /admin/contacts/{phone}/presence    {available}
POST /admin/contacts/{phone}/call-step   {to, callId, step, reason?}: preAccept, accept, reject or terminate
POST /admin/contacts/{phone}/call        {to, video?, terminate?: CALL_ID}; answers {callId}
POST /admin/contacts/{phone}/status      {to: [PHONE], text}: a status that these accounts see
POST /admin/accounts/{phone}/privacy     {category, value}: such as groupadd, "none"
POST /admin/contacts/{phone}/companions  links a simulated companion; answers {device}
GET  /admin/contacts/{phone}/companions/{device}/received  what it decrypted, oldest first
POST /admin/contacts/{phone}/reinstall   a new identity; all its devices are unlinked
POST /admin/contacts/{phone}/rotate      a new signed pre-key
POST /admin/devices/ping                 {phone, device?}: server pings; answers {sent}
POST /admin/devices/dirty                {phone, device?, type}: dirty bit, such as "account_sync"
POST /admin/devices/ask-pre-keys         {phone, device}: says that few one-time pre-keys are left
GET  /admin/groups                       groups with members and settings
POST /admin/groups                       {contact, subject, members: [PHONE], description?}; contact is who acts
GET  /admin/groups/{id}                  one group
POST /admin/groups/{id}/members          {contact, action: add|remove|promote|demote, phones}
POST /admin/groups/{id}/subject          {contact, subject}
POST /admin/groups/{id}/description      {contact, description?}
POST /admin/groups/{id}/settings         {contact, announce?, locked?, ephemeral?, approval?, adminAdd?}
POST /admin/groups/{id}/invite           {contact, reset?}; answers {code}
POST /admin/groups/{id}/requests         {contact, approve, phones}: those who ask to join
POST /admin/groups/{id}/leave            {contact}
POST /admin/groups/join                  {contact, code}; answers {jid, pending}

Faults, on one device ({phone, device}), one account ({phone}) or all; `share` (0 to 1) picks connections:
  drop, halfOpen, resume, replaced, removeDevice (phone and device)
  latency {latencyMs, jitterMs?}                  reorder, duplicate {probability?, next?}
  streamError {code}                              refuseConnections {status, count?}
  failLogins {reason, count?, code?, expire?}     media {delayMs?, status?, uploads?, downloads?, count?}
  failQueries {namespace, tag?, changes?, code, count?}: such as tag "invite" of "w:g2"; code 0 is no answer
  askRetry {next?}, corrupt {next?}               of the contact {phone}
  lift                                            ends what stands in the scope
"#;
