//! One batch per call, durable where it must be, and what the store's answers cause.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;
use wacore::appstate::hash::HashState;
use wacore::appstate::processor::AppStateMutationMAC;
use wacore::store::Device;
use wacore::store::traits::*;

use super::{Bench, bench};
use crate::channel::whatsapp_web::barrier::Barrier;
use crate::session::Durability::{self, Durable, Relaxed};

impl Bench {
    /// The batches since the last question.
    fn applied(&self) -> Vec<Durability> {
        std::mem::take(&mut *self.store.applied.lock().unwrap())
    }

    fn reads(&self) -> usize {
        self.store.reads.swap(0, Ordering::Relaxed)
    }
}

fn secret(id: &str, expires_at: i64, message_ts: i64) -> MsgSecretEntry {
    MsgSecretEntry {
        chat: "c".into(),
        sender: "s".into(),
        msg_id: id.into(),
        secret: [u8::try_from(expires_at.rem_euclid(250)).unwrap(); 32],
        expires_at,
        message_ts,
    }
}

fn pair(lid: &str, phone: &str) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: lid.to_owned(),
        phone_number: phone.to_owned(),
        created_at: 1,
        updated_at: 1,
        learning_source: "usync".to_owned(),
    }
}

macro_rules! expect {
    ($bench:ident, $durability:expr, $($call:expr;)*) => {$(
        $call.await.unwrap();
        assert_eq!($bench.applied(), [$durability], "{}", stringify!($call));
    )*};
}

#[tokio::test]
async fn each_call_is_one_batch() {
    let bench = bench();
    let b = &bench.backend;
    let address: Arc<str> = "a@s.whatsapp.net".into();
    let bytes = Bytes::from_static(b"record");
    let many = [(Arc::clone(&address), bytes.clone()), ("b@lid".into(), bytes.clone())];
    expect!(bench, Durable,
        b.put_identities_batch(&[(Arc::clone(&address), [1; 32]), ("b".into(), [2; 32])]);
        b.put_sessions_batch(&many);
        b.put_sender_keys_batch(&many);
        b.store_prekeys_batch(&[(1, bytes.clone()), (2, bytes.clone())], false);
        b.store_prekey(3, b"r", true);
        b.remove_prekey(3);
        b.store_signed_prekey(1, b"r");
        b.delete_session("b@lid");
        b.set_sync_key(b"id", AppStateSyncKey::default());
        b.save(&Device::new());
    );
    let list = |user: &str| DeviceListRecord {
        user: user.to_owned(),
        devices: vec![DeviceInfo::new(0, None)],
        timestamp: 1,
        phash: None,
        raw_id: None,
    };
    let mac = |index: u8| AppStateMutationMAC { index_mac: vec![index; 32], value_mac: vec![index] };
    expect!(bench, Relaxed,
        b.store_pending_inbound_batch(&[
            PendingInboundRow { chat: "c", sender: "s", id: "1", message: b"m" },
            PendingInboundRow { chat: "c", sender: "s", id: "2", message: b"m" },
        ]);
        b.delete_pending_inbound_batch(&[
            PendingInboundKey { chat: "c", sender: "s", id: "1" },
            PendingInboundKey { chat: "c", sender: "s", id: "2" },
        ]);
        b.put_msg_secrets(vec![secret("1", 0, 0), secret("2", 0, 0)]);
        b.store_sent_message("c", "1", b"m");
        b.take_sent_message("c", "1");
        b.put_lid_mappings(&[pair("l1", "p1"), pair("l2", "p2")]);
        b.update_device_lists(vec![list("a"), list("b")]);
        b.set_sender_key_status("g", &[("d1", true), ("d2", false)]);
        b.clear_sender_key_devices("g");
        b.clear_all_sender_key_devices();
        b.store_received_tc_token("a", b"t", 5);
        b.save_base_key("a", "1", b"k");
        b.put_group_metadata("g", b"m");
        b.set_version("regular", HashState::default());
        b.put_mutation_macs("regular", 1, &[mac(1), mac(2)]);
        b.delete_mutation_macs("regular", &[vec![1; 32], vec![3; 32]]);
        b.clear_mutation_macs("regular");
    );
    // Nothing to say, nothing said.
    b.mark_prekeys_uploaded(&[1, 2]).await.unwrap();
    b.put_sessions_batch(&[]).await.unwrap();
    b.put_msg_secrets(vec![]).await.unwrap();
    b.delete_expired_msg_secrets(0).await.unwrap();
    b.delete_expired_tc_tokens(0, 0).await.unwrap();
    assert_eq!(bench.applied(), []);
}

#[tokio::test]
async fn tokens_are_cached_and_so_is_their_absence() {
    let bench = bench();
    let b = &bench.backend;
    for _ in 0..3 {
        assert!(b.get_tc_token("a").await.unwrap().is_none());
    }
    assert_eq!(bench.reads(), 1);
    b.store_received_tc_token("a", b"one", 10).await.unwrap();
    b.touch_tc_token_sender_timestamp("a", 7).await.unwrap();
    b.touch_tc_token_sender_timestamp("a", 3).await.unwrap();
    b.store_received_tc_token("a", b"stale", 9).await.unwrap();
    let entry = b.get_tc_token("a").await.unwrap().unwrap();
    assert_eq!((&entry.token[..], entry.token_timestamp, entry.sender_timestamp), (&b"one"[..], 10, Some(7)));
    assert_eq!(bench.reads(), 0);
    assert_eq!(bench.applied().len(), 2, "what changes nothing is not written");
    // Many contacts do not grow it without bound, and answers stay right.
    for at in 0..1000 {
        b.put_tc_token(&format!("x{at}"), &TcTokenEntry { token_timestamp: at, ..entry.clone() })
            .await
            .unwrap();
    }
    assert_eq!(b.get_tc_token("x0").await.unwrap().unwrap().token_timestamp, 0);
    assert_eq!(b.get_tc_token("a").await.unwrap().unwrap().token, b"one");
    assert!(bench.reads() > 0);
    assert_eq!(b.delete_expired_tc_tokens(11, 7).await.unwrap(), 0, "the sending side is live");
    assert_eq!(b.delete_expired_tc_tokens(11, 8).await.unwrap(), 12);
    assert!(b.get_tc_token("a").await.unwrap().is_none());
}

#[tokio::test]
async fn what_has_an_end_is_forgotten() {
    let bench = bench();
    let b = &bench.backend;
    let now = bench.now.load(Ordering::Relaxed) / 1000;
    b.store_sent_message("c", "1", b"m").await.unwrap();
    b.store_pending_inbound("c", "s", "1", b"m").await.unwrap();
    b.put_msg_secrets(vec![secret("1", now + 60, 5), secret("2", 0, 0)]).await.unwrap();
    // A later end wins, and never wins over all.
    b.put_msg_secrets(vec![secret("1", now + 30, 0), secret("2", now + 30, 0)]).await.unwrap();
    bench.now.fetch_add(59_000, Ordering::Relaxed);
    let kept = b.get_msg_secret_with_ts("c", "s", "1").await.unwrap().unwrap();
    assert_eq!(kept, (secret("1", now + 30, 0).secret.to_vec(), 5));
    bench.now.fetch_add(2_000, Ordering::Relaxed);
    assert!(b.get_msg_secret("c", "s", "1").await.unwrap().is_none());
    assert!(b.get_msg_secret("c", "s", "2").await.unwrap().is_some());
    bench.now.fetch_add(2 * 60 * 60 * 1000, Ordering::Relaxed);
    assert!(b.take_sent_message("c", "1").await.unwrap().is_none());
    assert_eq!(b.get_pending_inbound("c", "s", "1").await.unwrap().unwrap(), b"m");
}

#[tokio::test]
async fn a_phone_number_that_moved_keeps_its_new_lid() {
    let bench = bench();
    let b = &bench.backend;
    b.put_lid_mappings(&[pair("l1", "p1"), pair("l2", "p1"), pair("l1", "p2")]).await.unwrap();
    assert_eq!(b.get_pn_mapping("p1").await.unwrap().unwrap().lid, "l2");
    assert_eq!(b.get_pn_mapping("p2").await.unwrap().unwrap().lid, "l1");
    b.put_lid_mapping(&pair("l2", "p3")).await.unwrap();
    assert!(b.get_pn_mapping("p1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_consumed_prekey_is_not_brought_back() {
    let bench = bench();
    let b = &bench.backend;
    b.store_prekeys_batch(&[(1, Bytes::from_static(b"a")), (2, Bytes::from_static(b"b"))], false)
        .await
        .unwrap();
    b.remove_prekey(1).await.unwrap();
    b.mark_prekeys_uploaded(&[1, 2]).await.unwrap();
    assert!(b.load_prekey(1).await.unwrap().is_none());
    assert_eq!(b.load_prekeys_batch(&[1, 2]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_claim_is_told_once() {
    let bench = bench();
    bench.store.fenced.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        bench.backend.put_session("a", b"s").await.unwrap_err();
        bench.backend.store_sent_message("c", "1", b"m").await.unwrap_err();
    }
    assert_eq!(bench.told.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_send_waits_until_the_sessions_of_direct_messages_are_stored() {
    let Bench { store, backend, .. } = bench();
    let barrier = Arc::<Barrier>::default();
    let backend = backend.telling(Arc::clone(&barrier));
    let may_write = || barrier.pass().now_or_never().is_some();
    let sessions = [("1@lid".into(), Bytes::from_static(b"record"))];
    let sending = async {
        backend.store_pending_inbound("1@g.us", "2@lid", "1", b"m").await.unwrap();
        assert!(may_write(), "a group's key is not a session");
        backend.store_pending_inbound("1@lid", "1@lid", "1", b"m").await.unwrap();
        assert!(!may_write());
        store.fenced.store(true, Ordering::Relaxed);
        backend.put_sessions_batch(&sessions).await.unwrap_err();
        assert!(!may_write(), "they are not stored");
        store.fenced.store(false, Ordering::Relaxed);
        backend.put_sessions_batch(&sessions).await.unwrap();
        assert!(may_write());
    };
    barrier.sending(sending).await;
}

#[tokio::test]
async fn the_device_comes_back_as_it_was() {
    let bench = bench();
    let b = &bench.backend;
    assert!(!b.exists().await.unwrap() && b.load().await.unwrap().is_none());
    b.create().await.unwrap();
    let created = b.load().await.unwrap().unwrap();
    b.create().await.unwrap();
    let again = b.load().await.unwrap().unwrap();
    assert_eq!(created.registration_id, again.registration_id);
    let mut device = created.clone();
    device.push_name = "Ana".to_owned();
    b.save(&device).await.unwrap();
    let loaded = b.load().await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&loaded).unwrap(), serde_json::to_value(&device).unwrap());
}

#[tokio::test]
async fn a_message_waits_for_a_store_that_is_away_as_long_as_the_connection_lasts() {
    let (mut bench, over) = (bench(), CancellationToken::new());
    bench.backend = bench.backend.until(over.clone());
    let id = "M";
    let row = PendingInboundRow { chat: "c@lid", sender: "s@lid", id, message: b"text" };
    bench.store.away.store(true, Ordering::Relaxed);
    let storing = bench.backend.store_pending_inbound_batch(std::slice::from_ref(&row));
    tokio::pin!(storing);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut storing).await.is_err());
    bench.store.away.store(false, Ordering::Relaxed);
    storing.await.unwrap();
    let stored = bench.backend.get_pending_inbound("c@lid", "s@lid", id).await.unwrap();
    assert_eq!(stored.as_deref(), Some(&b"text"[..]));

    bench.store.away.store(true, Ordering::Relaxed);
    over.cancel();
    assert!(bench.backend.store_pending_inbound_batch(&[row]).await.is_err());
}
