//! Broken frames, handshakes and closes: the connection ends, the server goes on.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::StreamExt as _;
use proptest::prelude::*;
use tokio::time::timeout;
use wacore_binary::{OwnedNodeRef, consts::WA_CONN_HEADER, util::unpack_bytes};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::framing::{FrameDecoder, encode_frame};

use super::{
    client::{WireClient, connect, hello, send},
    paired,
};
use crate::{
    Options, Simulator,
    wire::handshake::{Step, read_hello},
};

/// Tasks catch panics; this counts them.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
    });
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Waits until the server has closed the connection.
async fn closed(mut socket: super::client::Raw) {
    let ended = timeout(Duration::from_secs(30), async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    });
    ended.await.expect("the server must close the connection");
}

async fn still_serves(address: SocketAddr, phone: &str, key: &KeyPair) {
    let login = timeout(Duration::from_secs(30), WireClient::login(address, phone, key));
    login.await.expect("in time").expect("login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_end_and_others_go_on() {
    count_panics();
    let simulator = Simulator::start(Options::default()).await.expect("simulator");
    let (address, phone) = (simulator.addr(), "5511911110000");
    let (account, key) = paired(&simulator.handle().world, phone);
    let ephemeral = KeyPair::generate(&mut rand::rng());
    let mut wrong_hello = hello(&ephemeral);
    wrong_hello.truncate(wrong_hello.len() - 4);
    wrong_hello.extend([0xFF; 4]);
    let finish = |garbage: &[u8]| encode_frame(garbage, None).expect("frame");
    let beginnings: Vec<Vec<Vec<u8>>> = vec![
        // Not the protocol at all.
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()],
        // Another version of it.
        vec![b"WA\x09\x09\0\0\0".to_vec()],
        // Edge routing of impossible length, then nothing useful.
        vec![b"ED\0\x01\0\0\x02xxYY\0\0\0\0".to_vec()],
        // An empty frame, and a frame that is no protobuf.
        vec![[&WA_CONN_HEADER[..], &[0, 0, 0]].concat()],
        vec![[&WA_CONN_HEADER[..], &[0, 0, 3, 0xFF, 0xFF, 0xFF]].concat()],
        vec![wrong_hello, finish(&[0x0A, 0])],
        // A key that is no point worth agreeing on.
        vec![[&WA_CONN_HEADER[..], &[0, 0, 36, 0x12, 34, 0x0A, 32], &[0; 32]].concat(), finish(&[1, 2, 3])],
        vec![hello(&ephemeral), finish(&[])],
        vec![hello(&ephemeral), finish(&[0x22, 2, 0x0A, 0])],
        vec![hello(&ephemeral), finish(&vec![0x55; 100_000])],
    ];
    for beginning in beginnings {
        let mut socket = connect(address).await.expect("connect");
        for bytes in beginning {
            // The server may have closed before the last part.
            if send(&mut socket, bytes).await.is_err() {
                break;
            }
        }
        closed(socket).await;
    }
    // Sudden ends at every stage leave nothing behind.
    drop(connect(address).await.expect("connect"));
    let mut socket = connect(address).await.expect("connect");
    send(&mut socket, hello(&ephemeral)[..10].to_vec()).await.expect("send");
    drop(socket);
    let mut socket = connect(address).await.expect("connect");
    send(&mut socket, hello(&ephemeral)).await.expect("send");
    drop(socket);
    // After the login: a frame under the wrong key, an impossible node, a huge announcement, a bomb.
    let bomb = [&[2_u8][..], &[0x78, 0x9C, 0xFF, 0xFF]].concat();
    for plain in [vec![], vec![0], vec![0, 0xF8], vec![0, 248, 1, 255], bomb, vec![0; 100_000]] {
        let mut client = WireClient::login(address, phone, &key).await.expect("login");
        client.send_sealed(plain).await.expect("send");
        let ended = timeout(Duration::from_secs(30), async { while client.receive().await.is_ok() {} });
        ended.await.expect("closed");
    }
    let mut client = WireClient::login(address, phone, &key).await.expect("login");
    client
        .send_raw(vec![0, 0, 20, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9])
        .await
        .expect("send");
    while client.receive().await.is_ok() {}
    let mut client = WireClient::login(address, phone, &key).await.expect("login");
    client.send_raw(vec![0xFF, 0xFF, 0xFF]).await.expect("send");
    for _ in 0..4 {
        client.send_raw(vec![0; 1 << 20]).await.expect("send");
    }
    drop(client);

    still_serves(address, phone, &key).await;
    assert_eq!(account.state().devices.len(), 1);
    simulator.shutdown().await.expect("shutdown");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn any_bytes_are_a_hello_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let server = KeyPair::generate(&mut rand::rng());
        if let Ok(Step::Finish(_, finish)) = read_hello(&bytes, &server, b"certificate") {
            prop_assert!(finish.read(&bytes).is_err());
        }
    }

    #[test]
    fn a_changed_hello_is_answered_or_refused(at in any::<prop::sample::Index>(), with in any::<u8>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        let server = KeyPair::generate(&mut rand::rng());
        let mut message = hello(&KeyPair::generate(&mut rand::rng()))[WA_CONN_HEADER.len() + 3..].to_vec();
        let index = at.index(message.len());
        message[index] = with;
        if let Ok(Step::Finish(_, finish)) = read_hello(&message, &server, b"certificate") {
            prop_assert!(finish.read(&rest).is_err());
        }
    }

    #[test]
    fn any_frames_decode_or_fail(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..12)) {
        let mut frames = FrameDecoder::new();
        for piece in pieces {
            frames.feed(&piece);
            while let Some(frame) = frames.decode_frame() {
                if let Ok(plain) = unpack_bytes(frame) {
                    // A node or an error: nothing else is asked.
                    drop(OwnedNodeRef::new(plain));
                }
            }
        }
    }
}
