//! One client's WebSocket as a stream of Noise-sealed binary nodes.

use bytes::{Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_websockets::{Message, WebSocketStream};
use wacore_binary::{
    Node, OwnedNodeRef, consts::WA_CONN_HEADER, marshal::marshal_to_vec, util::unpack_bytes,
};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::{
    NoiseCipher,
    framing::{FrameDecoder, append_frame_into, encode_frame},
};

use super::handshake::{self, Step};

/// The upgraded connection.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a channel ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("connection closed")]
    Closed,
    #[error("bad connection header")]
    Header,
    #[error(transparent)]
    WebSocket(#[from] tokio_websockets::Error),
    #[error(transparent)]
    Handshake(#[from] handshake::Failure),
    #[error("cipher: {0}")]
    Cipher(#[from] wacore_noise::NoiseError),
    #[error("node: {0}")]
    Node(String),
}

/// A channel after its handshake.
pub(crate) struct Channel {
    socket: Socket,
    frames: FrameDecoder,
    seal: NoiseCipher,
    sealed: u32,
    open: NoiseCipher,
    opened: u32,
}

/// The channel, and what the client said when it opened it.
pub(crate) struct Opened {
    pub(crate) channel: Channel,
    pub(crate) static_public: Vec<u8>,
    pub(crate) payload: waproto::whatsapp::ClientPayload,
}

/// Performs the handshake as the server.
pub(crate) async fn accept(
    mut socket: Socket,
    server: &KeyPair,
    certificate: &[u8],
) -> Result<Opened, ChannelError> {
    let mut frames = FrameDecoder::new();
    let mut head = read_header(&mut socket).await?;
    frames.feed(&head.split());
    let hello = next_frame(&mut socket, &mut frames).await?;
    let peer = match handshake::read_hello(&hello, server, certificate)? {
        Step::Done(answer, peer) => {
            send_plain(&mut socket, &answer).await?;
            peer
        }
        Step::Finish(answer, state) => {
            send_plain(&mut socket, &answer).await?;
            let finish = next_frame(&mut socket, &mut frames).await?;
            Box::new(state.read(&finish)?)
        }
    };
    let channel = Channel { socket, frames, seal: peer.seal, sealed: 0, open: peer.open, opened: 0 };
    Ok(Opened { channel, static_public: peer.static_public, payload: peer.payload })
}

/// Reads the connection header, skipping an edge-routing part, and returns the bytes after it.
async fn read_header(socket: &mut Socket) -> Result<BytesMut, ChannelError> {
    let mut head = BytesMut::new();
    loop {
        let skip = match head.first() {
            Some(b'E') if head.len() < 7 => None,
            Some(b'E') => {
                Some(7 + (usize::from(head[4]) << 16 | usize::from(head[5]) << 8 | usize::from(head[6])))
            }
            Some(_) => Some(0),
            None => None,
        };
        if let Some(skip) = skip
            && head.len() >= skip + WA_CONN_HEADER.len()
        {
            let intro = head.split_to(skip + WA_CONN_HEADER.len());
            return if intro.ends_with(&WA_CONN_HEADER) { Ok(head) } else { Err(ChannelError::Header) };
        }
        head.extend_from_slice(&next_binary(socket).await?);
    }
}

async fn next_binary(socket: &mut Socket) -> Result<Bytes, ChannelError> {
    loop {
        let message = socket.next().await.ok_or(ChannelError::Closed)??;
        if message.is_binary() {
            return Ok(message.into_payload().into());
        }
        if message.is_close() {
            return Err(ChannelError::Closed);
        }
    }
}

async fn next_frame(socket: &mut Socket, frames: &mut FrameDecoder) -> Result<BytesMut, ChannelError> {
    loop {
        if let Some(frame) = frames.decode_frame() {
            return Ok(frame);
        }
        let bytes = next_binary(socket).await?;
        frames.feed(&bytes);
    }
}

async fn send_plain(socket: &mut Socket, payload: &[u8]) -> Result<(), ChannelError> {
    let frame = encode_frame(payload, None).map_err(|error| ChannelError::Node(error.to_string()))?;
    Ok(socket.send(Message::binary(frame)).await?)
}

impl Channel {
    /// The next node of the client and its sealed length in bytes. Cancel safe: a cancelled call loses
    /// nothing.
    pub(crate) async fn receive(&mut self) -> Result<(OwnedNodeRef, usize), ChannelError> {
        let mut frame = next_frame(&mut self.socket, &mut self.frames).await?;
        let length = frame.len();
        self.open.decrypt_in_place_with_counter(self.opened, &mut frame)?;
        self.opened += 1;
        let plain = unpack_bytes(frame).map_err(|error| ChannelError::Node(error.to_string()))?;
        let node = OwnedNodeRef::new(plain).map_err(|error| ChannelError::Node(error.to_string()))?;
        Ok((node, length))
    }

    /// Sends nodes in order, in one WebSocket message, and returns its length in bytes.
    pub(crate) async fn send(&mut self, nodes: &[std::sync::Arc<Node>]) -> Result<usize, ChannelError> {
        let mut out = Vec::new();
        let mut plain = Vec::new();
        for node in nodes {
            plain.clear();
            marshal_to_vec(node, &mut plain).map_err(|error| ChannelError::Node(error.to_string()))?;
            self.seal.encrypt_in_place_with_counter(self.sealed, &mut plain)?;
            self.sealed += 1;
            append_frame_into(&plain, None, &mut out)
                .map_err(|error| ChannelError::Node(error.to_string()))?;
        }
        let length = out.len();
        self.socket.send(Message::binary(out)).await?;
        Ok(length)
    }

    /// Closes the WebSocket, best effort.
    pub(crate) async fn close(&mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = self.socket.close().await;
    }
}
