//! A client of a few lines: handshake, login and plain stanzas, without any Signal session.

use std::net::SocketAddr;

use buffa::{Message as _, MessageField};
use bytes::BytesMut;
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};
use wacore_binary::{
    Node, OwnedNodeRef,
    builder::NodeBuilder,
    consts::{NOISE_PATTERN_XX, WA_CONN_HEADER},
    marshal::marshal_to_vec,
    util::unpack_bytes,
};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::{
    NoiseCipher, NoiseHandshake,
    framing::{FrameDecoder, append_frame_into, encode_frame},
};
use waproto::whatsapp::{
    ClientPayload, HandshakeMessage,
    handshake_message::{ClientFinish, ClientHello},
};

/// The WebSocket before any handshake.
pub(super) type Raw = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Raw> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/ws/chat");
    let (socket, _) = ClientBuilder::new().uri(&url)?.connect_on(MaybeTlsStream::Plain(stream)).await?;
    Ok(socket)
}

/// Sends one binary message.
pub(super) async fn send(socket: &mut Raw, bytes: Vec<u8>) -> anyhow::Result<()> {
    Ok(socket.send(Message::binary(bytes)).await?)
}

/// The first handshake frame with the connection header before it.
pub(super) fn hello(ephemeral: &KeyPair) -> Vec<u8> {
    let message = HandshakeMessage {
        client_hello: MessageField::some(ClientHello {
            ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    };
    encode_frame(&message.encode_to_vec(), Some(&WA_CONN_HEADER)).expect("frame")
}

/// A logged-in connection.
pub(super) struct WireClient {
    socket: Raw,
    frames: FrameDecoder,
    seal: NoiseCipher,
    open: NoiseCipher,
    sealed: u32,
    opened: u32,
}

async fn frame(socket: &mut Raw, frames: &mut FrameDecoder) -> anyhow::Result<BytesMut> {
    loop {
        if let Some(frame) = frames.decode_frame() {
            return Ok(frame);
        }
        let message = socket.next().await.ok_or_else(|| anyhow::anyhow!("closed"))??;
        if message.is_close() {
            anyhow::bail!("closed");
        }
        if message.is_binary() {
            frames.feed(message.into_payload().as_ref());
        }
    }
}

impl WireClient {
    /// Handshake (XX), login of device 1, and `passive active`.
    pub(super) async fn login(address: SocketAddr, phone: &str, key: &KeyPair) -> anyhow::Result<Self> {
        let mut socket = connect(address).await?;
        let mut frames = FrameDecoder::new();
        let ephemeral = KeyPair::generate(&mut rand::rng());
        let private = ephemeral.private_key.serialize();
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_XX, &WA_CONN_HEADER)?;
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        send(&mut socket, hello(&ephemeral)).await?;
        let answer = HandshakeMessage::decode_from_slice(&frame(&mut socket, &mut frames).await?)?;
        let answer = answer.server_hello.into_option().ok_or_else(|| anyhow::anyhow!("no hello"))?;
        let server = answer.ephemeral.unwrap_or_default();
        noise.authenticate(&server);
        noise.mix_shared_secret(private, &server)?;
        let server_static = noise.decrypt(&answer.r#static.unwrap_or_default())?;
        noise.mix_shared_secret(private, &server_static)?;
        noise.decrypt(&answer.payload.unwrap_or_default())?;
        let sealed_static = noise.encrypt(key.public_key.public_key_bytes())?;
        noise.mix_shared_secret(key.private_key.serialize(), &server)?;
        let payload = ClientPayload { username: phone.parse().ok(), device: Some(1), ..Default::default() };
        let finish = HandshakeMessage {
            client_finish: MessageField::some(ClientFinish {
                r#static: Some(sealed_static),
                payload: Some(noise.encrypt(&payload.encode_to_vec())?),
                ..Default::default()
            }),
            ..Default::default()
        };
        send(&mut socket, encode_frame(&finish.encode_to_vec(), None)?).await?;
        let (seal, open) = noise.finish()?;
        let mut client = Self { socket, frames, seal, open, sealed: 0, opened: 0 };
        anyhow::ensure!(client.receive().await?.get().tag == "success", "refused");
        let active = NodeBuilder::new("iq")
            .attr("xmlns", "passive")
            .attr("type", "set")
            .attr("id", "1")
            .children([NodeBuilder::new("active").build()]);
        client.send(&[active.build()]).await?;
        while client.receive().await?.get().tag != "ib" {}
        Ok(client)
    }

    pub(super) async fn send(&mut self, nodes: &[Node]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        for node in nodes {
            let mut plain = Vec::new();
            marshal_to_vec(node, &mut plain)?;
            self.append(plain, &mut out)?;
        }
        send(&mut self.socket, out).await
    }

    /// Seals arbitrary bytes as one frame.
    pub(super) async fn send_sealed(&mut self, plain: Vec<u8>) -> anyhow::Result<()> {
        let mut out = Vec::new();
        self.append(plain, &mut out)?;
        send(&mut self.socket, out).await
    }

    fn append(&mut self, mut plain: Vec<u8>, out: &mut Vec<u8>) -> anyhow::Result<()> {
        self.seal.encrypt_in_place_with_counter(self.sealed, &mut plain)?;
        self.sealed += 1;
        append_frame_into(&plain, None, out)
    }

    /// Sends bytes past the cipher.
    pub(super) async fn send_raw(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        send(&mut self.socket, bytes).await
    }

    pub(super) async fn receive(&mut self) -> anyhow::Result<OwnedNodeRef> {
        let mut frame = frame(&mut self.socket, &mut self.frames).await?;
        self.open.decrypt_in_place_with_counter(self.opened, &mut frame)?;
        self.opened += 1;
        OwnedNodeRef::new(unpack_bytes(frame)?).map_err(|error| anyhow::anyhow!("{error}"))
    }
}
