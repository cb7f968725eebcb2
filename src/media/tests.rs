//! Turns.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

/// How the files of a node with so many turns are handled.
fn node(turns: usize) -> Handle {
    net::install_crypto();
    let options = Options {
        max_bytes: 1,
        fetch_timeout: turns::WAIT,
        folder: PathBuf::new(),
        ffmpeg: PathBuf::new(),
        converter: None,
    };
    let client = Client::new(net::Options::default()).unwrap();
    let handle = Handle::new(options, client.clone(), client, runtime::Handle::current());
    Handle(Arc::new(Shared { turns: Turns::of(turns), ..Shared::clone(&handle.0) }))
}

#[tokio::test]
async fn the_work_of_one_account_is_not_behind_the_pile_of_another() {
    let node = node(1);
    let [busy, other] = [0, 1].map(|_| node.of_account(None).unwrap());
    let done = Arc::new(Mutex::new(Vec::new()));
    let work = |of: Handle, name: &'static str| {
        let done = Arc::clone(&done);
        async move {
            of.work(move || {
                done.lock().unwrap().push(name);
                Ok(())
            })
            .await
            .unwrap();
        }
    };
    let pile = join_all((0..50).map(|_| work(busy.clone(), "busy")));
    tokio::join!(biased; pile, work(other, "other"));
    let done = done.lock().unwrap();
    assert_eq!(done.len(), 51);
    assert_eq!(done[..3], ["busy", "other", "busy"], "the turns go round");
}

#[tokio::test]
async fn an_account_has_half_of_the_turns_at_most() {
    let busy = node(4).of_account(None).unwrap();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pile = (0..50).map(|_| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        busy.work(move || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    });
    assert!(join_all(pile).await.iter().all(Result::is_ok));
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn what_takes_memory_waits_for_that_and_nothing_else_does() {
    let node = node(64);
    let (taken, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let accounts: Vec<Handle> = (0..8).map(|_| node.of_account(None).unwrap()).collect();
    let heavy = accounts.iter().map(|account| {
        let (taken, most) = (Arc::clone(&taken), Arc::clone(&most));
        account.heavy(turns::MEMORY / 2, move || {
            most.fetch_max(taken.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            taken.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    });
    assert!(join_all(heavy).await.iter().all(Result::is_ok));
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "more than there is");

    let turn = node.0.turns.work(u64::MAX).await.unwrap();
    assert!(accounts[0].work(|| Ok(())).await.is_ok(), "it takes none");
    drop(turn);
}

#[tokio::test]
async fn children_have_turns_of_their_own() {
    let node = Handle(Arc::new(Shared { turns: Turns::new(1), ..Shared::clone(&node(1).0) }));
    let [slow, other] = [0, 1].map(|_| node.of_account(None).unwrap());
    let _slow = slow.0.turns.child().await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(50), slow.0.turns.child()).await;
    assert!(second.is_err(), "it has one of two");
    assert!(other.0.turns.child().await.is_ok());
    assert!(slow.work(|| Ok(())).await.is_ok() && other.work(|| Ok(())).await.is_ok());
    assert!(tool::TIME < turns::WAIT, "whoever waits for a turn gets one before it gives up");
}
