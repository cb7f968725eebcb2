//! Start and end of a simulator.

use std::{net::SocketAddr, sync::Arc};

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::{
    error::{Error, Result},
    handle::Handle,
    http,
    options::Options,
    world::{World, persist, saver},
};

/// A running simulator. Dropping it leaves its tasks running; [`Simulator::shutdown`] ends them.
pub struct Simulator {
    world: Arc<World>,
    addr: SocketAddr,
}

impl Simulator {
    /// Loads the state file, binds the port and starts serving.
    ///
    /// # Errors
    ///
    /// When the address is not loopback and remote access is not allowed, when it cannot be bound, or when
    /// the state file exists but cannot be read.
    pub async fn start(options: Options) -> Result<Self> {
        let address = options.listen;
        if !address.ip().is_loopback() && !options.allow_remote {
            return Err(Error::RemoteAddress(address));
        }
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
        let addr = listener.local_addr().map_err(|source| Error::Bind { address, source })?;
        let world = Arc::new(persist::load(options, addr)?);
        let listener = listener.tap_io(|socket| {
            // Nagle's algorithm costs 40 ms per stanza in two-way traffic.
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY");
            }
        });
        let router = http::router(world.clone());
        let stop = world.tasks.stop().clone();
        world.tasks.spawn(async move {
            let serve = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = serve.await {
                tracing::error!(%error, "server ended");
            }
        });
        if world.options.state_file.is_some() {
            world.tasks.spawn(saver::run(world.clone()));
        }
        Ok(Self { world, addr })
    }

    /// The bound address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// URL of the chat socket, such as `ws://127.0.0.1:4001/ws/chat`.
    pub fn chat_url(&self) -> String {
        format!("ws://{}/ws/chat", self.addr)
    }

    /// URL of the admin interface, such as `http://127.0.0.1:4001/admin`.
    pub fn admin_url(&self) -> String {
        format!("http://{}/admin", self.addr)
    }

    /// The operations of the admin interface.
    pub fn handle(&self) -> Handle {
        Handle::new(self.world.clone())
    }

    /// Closes all connections, waits for all tasks and writes the state file.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written.
    pub async fn shutdown(self) -> Result<()> {
        self.world.tasks.shutdown().await;
        Ok(persist::save(&self.world)?)
    }
}
