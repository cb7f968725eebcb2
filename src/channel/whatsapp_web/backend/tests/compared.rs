//! The same random calls to upstream's backend in memory and to ours have the same answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use proptest::prelude::*;
use wacore::appstate::processor::AppStateMutationMAC;
use wacore::store::InMemoryBackend;
use wacore::store::traits::*;

use super::bench;

#[derive(Clone, Debug)]
enum Call {
    Identity(u8, Option<u8>),
    Sessions(Vec<(u8, u8)>),
    DeleteSession(u8),
    Prekeys(Vec<(u32, u8)>),
    RemovePrekey(u32),
    MarkPrekeys(Vec<u32>),
    SignedPrekey(u32, Option<u8>),
    SenderKeys(Vec<(u8, u8)>),
    DeleteSenderKey(u8),
    SyncKey(u8),
    Macs(u8, Vec<(u8, u8)>),
    DeleteMacs(u8, Vec<u8>),
    ClearMacs(u8),
    SenderKeyStatus(u8, Vec<(u8, bool)>),
    ClearSenderKeyDevices(u8),
    ClearAllSenderKeyDevices,
    DeleteSenderKeyDevices(Vec<u8>),
    Lids(Vec<(u8, u8)>),
    BaseKey(u8, Option<u8>),
    Devices(Vec<(u8, u8)>),
    DeleteDevices(u8),
    Token(u8, Option<(u8, i64)>),
    TouchToken(u8, i64),
    ReceiveToken(u8, u8, i64),
    PruneTokens(i64, i64),
    Sent(u8, u8),
    TakeSent(u8),
    PruneSent(i64),
    Pending(Vec<(u8, u8)>),
    DeletePending(Vec<u8>),
    PrunePending(i64),
    Secrets(Vec<(u8, u8, i64, i64)>),
    PruneSecrets(i64),
}

fn call() -> impl Strategy<Value = Call> {
    use proptest::collection::vec;
    use proptest::option::of;
    let id = || 0..4_u8;
    let rows = || vec((0..4_u8, any::<u8>()), 0..4);
    let numbers = || vec(0..6_u32, 0..4);
    // Around the present: `now` is added.
    let ends = || prop_oneof![Just(0_i64), 100..400_i64];
    let signal = prop_oneof![
        (id(), of(any::<u8>())).prop_map(|(a, k)| Call::Identity(a, k)),
        rows().prop_map(Call::Sessions),
        id().prop_map(Call::DeleteSession),
        vec((0..6_u32, any::<u8>()), 0..4).prop_map(Call::Prekeys),
        (0..6_u32).prop_map(Call::RemovePrekey),
        numbers().prop_map(Call::MarkPrekeys),
        (0..3_u32, of(any::<u8>())).prop_map(|(i, k)| Call::SignedPrekey(i, k)),
        rows().prop_map(Call::SenderKeys),
        id().prop_map(Call::DeleteSenderKey),
    ];
    let sync = prop_oneof![
        id().prop_map(Call::SyncKey),
        (id(), rows()).prop_map(|(n, r)| Call::Macs(n, r)),
        (id(), vec(id(), 0..3)).prop_map(|(n, r)| Call::DeleteMacs(n, r)),
        id().prop_map(Call::ClearMacs),
    ];
    let groups = prop_oneof![
        (id(), vec((id(), any::<bool>()), 0..4)).prop_map(|(g, e)| Call::SenderKeyStatus(g, e)),
        id().prop_map(Call::ClearSenderKeyDevices),
        Just(Call::ClearAllSenderKeyDevices),
        vec(id(), 0..3).prop_map(Call::DeleteSenderKeyDevices),
        vec((id(), 0..2_u8), 0..4).prop_map(Call::Lids),
        (id(), of(any::<u8>())).prop_map(|(a, k)| Call::BaseKey(a, k)),
        rows().prop_map(Call::Devices),
        id().prop_map(Call::DeleteDevices),
    ];
    let messages = prop_oneof![
        (id(), of((any::<u8>(), 0..50_i64))).prop_map(|(j, t)| Call::Token(j, t)),
        (id(), 0..50_i64).prop_map(|(j, t)| Call::TouchToken(j, t)),
        (id(), 1..255_u8, 0..50_i64).prop_map(|(j, k, t)| Call::ReceiveToken(j, k, t)),
        (0..50_i64, 0..50_i64).prop_map(|(t, s)| Call::PruneTokens(t, s)),
        (id(), any::<u8>()).prop_map(|(i, k)| Call::Sent(i, k)),
        id().prop_map(Call::TakeSent),
        prop_oneof![Just(-7200_i64), Just(-60), Just(60)].prop_map(Call::PruneSent),
        rows().prop_map(Call::Pending),
        vec(id(), 0..3).prop_map(Call::DeletePending),
        prop_oneof![Just(-604_800_i64), Just(-60), Just(60)].prop_map(Call::PrunePending),
        vec((id(), any::<u8>(), ends(), 0..9_i64), 0..4).prop_map(Call::Secrets),
        prop_oneof![Just(0_i64), 100..400_i64].prop_map(Call::PruneSecrets),
    ];
    prop_oneof![signal, sync, groups, messages]
}

fn address(id: u8) -> String {
    format!("u{}{}@s.whatsapp.net", id / 2, if id.is_multiple_of(2) { "" } else { ":3" })
}

fn shared(rows: &[(u8, u8)]) -> Vec<(Arc<str>, Bytes)> {
    rows.iter().map(|(id, value)| (address(*id).into(), Bytes::from(vec![*value; 3]))).collect()
}

/// Makes the call; answers with what it says as text.
async fn make(b: &dyn Backend, call: &Call, now: i64) -> String {
    let name = |id: &u8| format!("n{id}");
    match call.clone() {
        Call::Identity(a, Some(key)) => b.put_identity(&address(a), [key; 32]).await.unwrap(),
        Call::Identity(a, None) => b.delete_identity(&address(a)).await.unwrap(),
        Call::Sessions(rows) => b.put_sessions_batch(&shared(&rows)).await.unwrap(),
        Call::DeleteSession(a) => b.delete_session(&address(a)).await.unwrap(),
        Call::Prekeys(rows) => {
            let rows: Vec<_> = rows.iter().map(|(id, v)| (*id, Bytes::from(vec![*v]))).collect();
            b.store_prekeys_batch(&rows, false).await.unwrap();
        }
        Call::RemovePrekey(id) => b.remove_prekey(id).await.unwrap(),
        Call::MarkPrekeys(ids) => b.mark_prekeys_uploaded(&ids).await.unwrap(),
        Call::SignedPrekey(id, Some(key)) => b.store_signed_prekey(id, &[key]).await.unwrap(),
        Call::SignedPrekey(id, None) => b.remove_signed_prekey(id).await.unwrap(),
        Call::SenderKeys(rows) => b.put_sender_keys_batch(&shared(&rows)).await.unwrap(),
        Call::DeleteSenderKey(a) => b.delete_sender_key(&address(a)).await.unwrap(),
        Call::SyncKey(id) => {
            let key = AppStateSyncKey { key_data: vec![id; 32], ..AppStateSyncKey::default() };
            b.set_sync_key(&[id], key).await.unwrap();
        }
        Call::Macs(n, rows) => {
            let mac =
                |(i, v): &(u8, u8)| AppStateMutationMAC { index_mac: vec![*i; 32], value_mac: vec![*v] };
            b.put_mutation_macs(&name(&n), 1, &rows.iter().map(mac).collect::<Vec<_>>()).await.unwrap();
        }
        Call::DeleteMacs(n, rows) => {
            let rows: Vec<_> = rows.iter().map(|i| vec![*i; 32]).collect();
            b.delete_mutation_macs(&name(&n), &rows).await.unwrap();
        }
        Call::ClearMacs(n) => b.clear_mutation_macs(&name(&n)).await.unwrap(),
        Call::SenderKeyStatus(g, entries) => {
            let entries: Vec<_> = entries.iter().map(|(d, has)| (name(d), *has)).collect();
            let entries: Vec<_> = entries.iter().map(|(d, has)| (d.as_str(), *has)).collect();
            b.set_sender_key_status(&name(&g), &entries).await.unwrap();
        }
        Call::ClearSenderKeyDevices(g) => b.clear_sender_key_devices(&name(&g)).await.unwrap(),
        Call::ClearAllSenderKeyDevices => b.clear_all_sender_key_devices().await.unwrap(),
        Call::DeleteSenderKeyDevices(ids) => {
            let ids: Vec<_> = ids.iter().map(name).collect();
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            b.delete_sender_key_device_rows(&ids).await.unwrap();
        }
        Call::Lids(rows) => {
            // Each LID has phone numbers of its own: upstream forgets one that moved to another.
            let entry = |(lid, phone): &(u8, u8)| LidPnMappingEntry {
                lid: name(lid),
                phone_number: format!("{lid}{phone}"),
                created_at: 1,
                updated_at: 2,
                learning_source: "usync".to_owned(),
            };
            b.put_lid_mappings(&rows.iter().map(entry).collect::<Vec<_>>()).await.unwrap();
        }
        Call::BaseKey(a, Some(key)) => b.save_base_key(&address(a), "m", &[key]).await.unwrap(),
        Call::BaseKey(a, None) => b.delete_base_key(&address(a), "m").await.unwrap(),
        Call::Devices(rows) => {
            let record = |(user, at): &(u8, u8)| DeviceListRecord {
                user: name(user),
                devices: vec![DeviceInfo::new(0, None), DeviceInfo::new(1, Some(2)).with_hosting(true)],
                timestamp: i64::from(*at),
                phash: (*at > 9).then(|| "2:x".to_owned()),
                raw_id: (*at > 99).then_some(7),
            };
            b.update_device_lists(rows.iter().map(record).collect()).await.unwrap();
        }
        Call::DeleteDevices(user) => b.delete_devices(&name(&user)).await.unwrap(),
        Call::Token(j, Some((token, at))) => {
            let entry = TcTokenEntry { token: vec![token], token_timestamp: at, sender_timestamp: None };
            b.put_tc_token(&name(&j), &entry).await.unwrap();
        }
        Call::Token(j, None) => b.delete_tc_token(&name(&j)).await.unwrap(),
        Call::TouchToken(j, at) => b.touch_tc_token_sender_timestamp(&name(&j), at).await.unwrap(),
        Call::ReceiveToken(j, t, at) => b.store_received_tc_token(&name(&j), &[t], at).await.unwrap(),
        Call::PruneTokens(t, s) => return format!("{:?}", b.delete_expired_tc_tokens(t, s).await.unwrap()),
        Call::Sent(id, value) => b.store_sent_message("c", &name(&id), &[value]).await.unwrap(),
        Call::TakeSent(id) => return format!("{:?}", b.take_sent_message("c", &name(&id)).await.unwrap()),
        Call::PruneSent(at) => {
            return format!("{:?}", b.delete_expired_sent_messages(now + at).await.unwrap());
        }
        Call::Pending(rows) => {
            let rows: Vec<_> = rows.iter().map(|(id, value)| (name(id), [*value])).collect();
            let row = |(id, message)| PendingInboundRow { chat: "c", sender: "s", id, message };
            let rows: Vec<_> = rows.iter().map(|(id, message)| row((id.as_str(), &message[..]))).collect();
            b.store_pending_inbound_batch(&rows).await.unwrap();
        }
        Call::DeletePending(ids) => {
            let ids: Vec<_> = ids.iter().map(name).collect();
            let keys: Vec<_> =
                ids.iter().map(|id| PendingInboundKey { chat: "c", sender: "s", id }).collect();
            b.delete_pending_inbound_batch(&keys).await.unwrap();
        }
        Call::PrunePending(at) => {
            return format!("{:?}", b.delete_expired_pending_inbound(now + at).await.unwrap());
        }
        Call::Secrets(rows) => {
            let entry = |(id, value, ends, at): &(u8, u8, i64, i64)| MsgSecretEntry {
                chat: "c".into(),
                sender: "s".into(),
                msg_id: name(id).into(),
                secret: [*value; 32],
                expires_at: if *ends == 0 { 0 } else { now + ends },
                message_ts: *at,
            };
            return format!("{}", b.put_msg_secrets(rows.iter().map(entry).collect()).await.unwrap());
        }
        Call::PruneSecrets(at) => {
            return format!("{:?}", b.delete_expired_msg_secrets(now + at).await.unwrap());
        }
    }
    String::new()
}

/// Everything that can be asked, in an order that does not depend on the store.
async fn ask(b: &dyn Backend) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut note = |what: String, answer: String| drop(all.insert(what, answer));
    for id in 0..4_u8 {
        let (a, n) = (address(id), format!("n{id}"));
        note(format!("identity {id}"), format!("{:?}", b.load_identity(&a).await.unwrap()));
        note(format!("session {id}"), format!("{:?}", b.get_session(&a).await.unwrap()));
        note(format!("has {id}"), format!("{:?}", b.has_session(&a).await.unwrap()));
        note(
            format!("user {id}"),
            format!("{:?}", b.has_signal_state_for_user(&format!("u{id}")).await.unwrap()),
        );
        note(format!("sender key {id}"), format!("{:?}", b.get_sender_key(&a).await.unwrap()));
        note(format!("sync key {id}"), format!("{:?}", b.get_sync_key(&[id]).await.unwrap()));
        note(format!("mac {id}"), format!("{:?}", b.get_mutation_mac(&n, &[1; 32]).await.unwrap()));
        let macs: BTreeMap<_, _> =
            b.get_mutation_macs(&n, &[[0; 32], [1; 32], [2; 32]]).await.unwrap().into_iter().collect();
        note(format!("macs {id}"), format!("{macs:?}"));
        let mut devices = b.get_sender_key_devices(&n).await.unwrap();
        devices.sort();
        note(format!("sender key devices {id}"), format!("{devices:?}"));
        note(format!("lid {id}"), format!("{:?}", b.get_lid_mapping(&n).await.unwrap()));
        for phone in 0..2 {
            let found = b.get_pn_mapping(&format!("{id}{phone}")).await.unwrap();
            note(format!("phone {id}{phone}"), format!("{found:?}"));
        }
        note(format!("base {id}"), format!("{:?}", b.has_same_base_key(&a, "m", &[1]).await.unwrap()));
        note(format!("devices {id}"), format!("{:?}", b.get_devices(&n).await.unwrap()));
        note(format!("token {id}"), format!("{:?}", b.get_tc_token(&n).await.unwrap()));
        note(format!("pending {id}"), format!("{:?}", b.get_pending_inbound("c", "s", &n).await.unwrap()));
        note(format!("secret {id}"), format!("{:?}", b.get_msg_secret_with_ts("c", "s", &n).await.unwrap()));
    }
    note("prekeys".to_owned(), format!("{:?}", b.load_prekeys_batch(&[5, 0, 1, 2, 3, 4]).await.unwrap()));
    note("highest".to_owned(), format!("{:?}", b.get_max_prekey_id().await.unwrap()));
    let mut signed = b.load_all_signed_prekeys().await.unwrap();
    signed.sort();
    note("signed".to_owned(), format!("{signed:?}"));
    note("latest".to_owned(), format!("{:?}", b.get_latest_sync_key_id().await.unwrap()));
    let mut jids = b.get_all_tc_token_jids().await.unwrap();
    jids.sort();
    note("jids".to_owned(), format!("{jids:?}"));
    let mut lids: Vec<_> =
        b.get_all_lid_mappings().await.unwrap().into_iter().map(|e| (e.lid, e.phone_number)).collect();
    lids.sort();
    note("lids".to_owned(), format!("{lids:?}"));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn answers_are_upstreams(calls in proptest::collection::vec(call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = (bench(), InMemoryBackend::new());
            let now = ours.now.load(Ordering::Relaxed) / 1000;
            for call in &calls {
                let answers = (make(&ours.backend, call, now).await, make(&theirs, call, now).await);
                assert_eq!(answers.0, answers.1, "{call:?}");
            }
            assert_eq!(ask(&ours.backend).await, ask(&theirs).await);
        });
    }
}
