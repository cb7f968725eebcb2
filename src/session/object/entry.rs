//! The bytes of an entry of the log: `WGS1`, the fence and the number of the base (8 bytes each, big
//! endian), 16 random bytes that tell it from any other, then changes: a letter, the kind and the
//! key with a byte of length each, and for `P` the end (8 bytes, 0 is never) and the value with 4
//! bytes of length.

use std::borrow::Cow;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use uuid::Uuid;

use crate::domain::Fence;
use crate::session::records::{Record, Records};
use crate::session::{Change, Error};

const MAGIC: [u8; 4] = *b"WGS1";
/// The length of an entry without changes.
pub(super) const HEADER: usize = 4 + 8 + 8 + 16;

/// An entry of the log.
pub(super) struct Entry {
    /// The claim under which it was written.
    pub(super) fence: Fence,
    /// The entry from which on the log must be read to know the state after this one. One that is
    /// its own base has the whole state.
    pub(super) base: u64,
    /// Tells it from any other.
    pub(super) id: Uuid,
    /// Its changes.
    pub(super) body: Bytes,
}

impl Entry {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER + self.body.len());
        out.put_slice(&MAGIC);
        out.put_i64(self.fence.0);
        out.put_u64(self.base);
        out.put_slice(self.id.as_bytes());
        out.put_slice(&self.body);
        out.freeze()
    }

    pub(super) fn decode(mut bytes: Bytes) -> Result<Self, Error> {
        if bytes.len() < HEADER || bytes[..4] != MAGIC {
            return Err(damaged());
        }
        bytes.advance(MAGIC.len());
        let (fence, base) = (Fence(bytes.get_i64()), bytes.get_u64());
        Ok(Self { fence, base, id: Uuid::from_u128(bytes.get_u128()), body: bytes })
    }

    /// Makes its changes.
    pub(super) fn replay(&self, records: &mut Records) -> Result<(), Error> {
        let mut body = self.body.clone();
        while body.has_remaining() {
            let change = body.get_u8();
            let kind = String::from_utf8(short(&mut body)?.into()).map_err(|_| damaged())?;
            match change {
                b'P' => {
                    let key = short(&mut body)?.into();
                    let end = body.try_get_i64().map_err(|_| damaged())?;
                    let length = body.try_get_u32().map_err(|_| damaged())?;
                    // A copy: a small value must not hold a large entry in memory.
                    let value = Bytes::copy_from_slice(&take(&mut body, length as usize)?);
                    let record = Record { value, expires_at: (end != 0).then_some(end) };
                    records.put(Cow::Owned(kind), key, record);
                }
                b'D' => records.delete(&kind, &short(&mut body)?),
                b'C' => records.clear(&kind),
                _ => return Err(damaged()),
            }
        }
        Ok(())
    }
}

/// The body with these changes.
pub(super) fn changes(changes: &[Change]) -> Result<Bytes, Error> {
    let mut out = BytesMut::new();
    for change in changes {
        match change {
            Change::Put { kind, key, value, expires_at } => {
                put(&mut out, kind, key, value, *expires_at)?;
            }
            Change::Delete { kind, key } => {
                out.put_u8(b'D');
                put_short(&mut out, kind.as_bytes())?;
                put_short(&mut out, key)?;
            }
            Change::Clear { kind } => {
                out.put_u8(b'C');
                put_short(&mut out, kind.as_bytes())?;
            }
        }
    }
    Ok(out.freeze())
}

/// The body with these records, as far as their time is not over.
pub(super) fn state(records: &Records, now: i64) -> Result<Bytes, Error> {
    let mut out = BytesMut::new();
    for (kind, key, record) in records.live(now) {
        put(&mut out, kind, key, &record.value, record.expires_at)?;
    }
    Ok(out.freeze())
}

fn put(out: &mut BytesMut, kind: &str, key: &[u8], value: &[u8], end: Option<i64>) -> Result<(), Error> {
    out.put_u8(b'P');
    put_short(out, kind.as_bytes())?;
    put_short(out, key)?;
    out.put_i64(end.unwrap_or(0));
    out.put_u32(u32::try_from(value.len()).map_err(|_| too_long())?);
    out.put_slice(value);
    Ok(())
}

fn put_short(out: &mut BytesMut, text: &[u8]) -> Result<(), Error> {
    out.put_u8(u8::try_from(text.len()).map_err(|_| too_long())?);
    out.put_slice(text);
    Ok(())
}

fn short(body: &mut Bytes) -> Result<Bytes, Error> {
    let length = body.try_get_u8().map_err(|_| damaged())?;
    take(body, usize::from(length))
}

fn take(body: &mut Bytes, length: usize) -> Result<Bytes, Error> {
    if body.remaining() < length { Err(damaged()) } else { Ok(body.split_to(length)) }
}

fn damaged() -> Error {
    Error::Corrupt("an entry of the session log is damaged".to_owned())
}

fn too_long() -> Error {
    Error::Corrupt("a key or a value is too long".to_owned())
}
