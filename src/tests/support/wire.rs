//! A TCP connection between a node and a server that a test may cut or hold.
#![allow(dead_code, reason = "not every test holds what it cuts")]
#![allow(clippy::disallowed_methods, reason = "the tasks of a test end with it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Connections are reset, and new ones too.
    Cut,
    /// Connections stay and nothing comes through, as behind a firewall that drops.
    Held,
}

/// A port of its own before another one.
pub struct Wire {
    pub port: u16,
    state: Arc<watch::Sender<State>>,
}

impl Wire {
    /// To a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let states = state.subscribe();
        tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { return };
                tokio::spawn(carry(near, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), states.clone()));
            }
        });
        Self { port: own, state }
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub fn hold(&self) {
        self.state.send_replace(State::Held);
    }

    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(near: TcpStream, to: SocketAddr, mut states: watch::Receiver<State>) {
    if passes(&mut states).await
        && let Ok(far) = TcpStream::connect(to).await
    {
        let (near, far) = (near.into_split(), far.into_split());
        tokio::select! {
            () = pump(near.0, far.1, states.clone()) => {}
            () = pump(far.0, near.1, states.clone()) => {}
            _ = states.wait_for(|state| *state == State::Cut) => {}
        }
    }
}

/// Waits while the wire is held; answers whether it is whole then.
async fn passes(states: &mut watch::Receiver<State>) -> bool {
    states.wait_for(|state| *state != State::Held).await.is_ok_and(|state| *state == State::Whole)
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut states: watch::Receiver<State>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if !passes(&mut states).await || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
