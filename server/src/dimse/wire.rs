//! PDUs on a socket (PS3.8 section 9.3): read within time and size, written within time.
//!
//! Why not the association of dicom-ul: it has no limit of time before the first byte, none for the TLS handshake, and it
//! takes a PDU of any length that a peer claims. Its reader and writer of the association's own PDUs are used.
//!
//! Invariant: memory for a PDU is bounded by the length that was agreed upon, and no wait is without an end.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRJ, AssociationRQ, Pdu, read_pdu, write_pdu,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes of an A-ASSOCIATE PDU: 128 presentation contexts with every transfer syntax there is fit in.
const ASSOCIATE_BYTES_MAX: u32 = 131_072;

/// Bytes of the PDUs that have a fixed length; a few more are forgiven.
const SHORT_BYTES_MAX: u32 = 1024;

/// Bytes of a P-DATA-TF beyond what was agreed that are forgiven, for peers that count its head otherwise.
const PDU_BYTES_MORE: u32 = 64;

/// How long a peer may take to close the connection after the last word (the ARTIM timer of PS3.8 section 9.1.5).
const ARTIM: Duration = Duration::from_secs(2);

/// Bytes of one write.
const WRITE_BYTES: usize = 16 << 10;

/// A piece of a message (PS3.8 section 9.3.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Presentation context ID.
    pub context: u8,
    /// Of a command set, else of a data set.
    pub command: bool,
    /// The last of it.
    pub last: bool,
    /// The bytes.
    pub bytes: Bytes,
}

/// What a peer says.
#[derive(Debug)]
pub enum Incoming {
    /// A-ASSOCIATE-RQ.
    Request(Box<AssociationRQ>),
    /// A-ASSOCIATE-AC.
    Accept(Box<AssociationAC>),
    /// A-ASSOCIATE-RJ.
    Reject(AssociationRJ),
    /// P-DATA-TF.
    Data(Vec<Fragment>),
    /// A-RELEASE-RQ.
    ReleaseRequest,
    /// A-RELEASE-RP.
    ReleaseResponse,
    /// A-ABORT.
    Abort,
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Between two PDUs.
    #[error("the peer closed the connection")]
    Closed,
    /// Within one.
    #[error("the connection ended in the middle of a PDU")]
    BreaksOff,
    /// The socket.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// The peer sends too slowly.
    #[error("the peer sent nothing for too long")]
    Slow,
    /// The peer takes too slowly.
    #[error("the peer takes nothing")]
    Stuck,
    /// More than was agreed.
    #[error("a PDU of {0} bytes, more than was agreed")]
    TooLong(u32),
    /// No PDU of PS3.8.
    #[error("a PDU of type {0:02X}H, which there is none of")]
    Unrecognized(u8),
    /// A PDU with the wrong content.
    #[error("a PDU that makes no sense")]
    Invalid,
}

/// Reads the content of a PDU.
///
/// # Errors
///
/// It makes no sense.
pub fn parse(kind: u8, body: Bytes) -> Result<Incoming, WireError> {
    match kind {
        4 => fragments(body).map(Incoming::Data),
        5 => Ok(Incoming::ReleaseRequest),
        6 => Ok(Incoming::ReleaseResponse),
        7 => Ok(Incoming::Abort),
        1..=3 => {
            let mut bytes = BytesMut::with_capacity(6 + body.len());
            bytes.extend_from_slice(&[kind, 0]);
            bytes.extend_from_slice(&u32::try_from(body.len()).map_err(|_| WireError::Invalid)?.to_be_bytes());
            bytes.extend_from_slice(&body);
            match read_pdu(bytes.freeze(), ASSOCIATE_BYTES_MAX, true) {
                Ok(Some(Pdu::AssociationRQ(mut request))) => {
                    // Spaces pad them (PS3.8 table 9-11); some pad with NUL.
                    for title in [&mut request.calling_ae_title, &mut request.called_ae_title] {
                        *title = title.trim_matches(['\0', ' ']).to_owned();
                    }
                    Ok(Incoming::Request(Box::new(request)))
                }
                Ok(Some(Pdu::AssociationAC(accept))) => Ok(Incoming::Accept(Box::new(accept))),
                Ok(Some(Pdu::AssociationRJ(reject))) => Ok(Incoming::Reject(reject)),
                Ok(_) | Err(_) => Err(WireError::Invalid),
            }
        }
        other => Err(WireError::Unrecognized(other)),
    }
}

/// Presentation Data Values, without a copy.
fn fragments(mut body: Bytes) -> Result<Vec<Fragment>, WireError> {
    let mut fragments = Vec::new();
    while !body.is_empty() {
        if body.len() < 6 {
            return Err(WireError::Invalid);
        }
        let length = body.get_u32() as usize;
        if length < 2 || length > body.len() {
            return Err(WireError::Invalid);
        }
        let mut value = body.split_to(length);
        let (context, header) = (value.get_u8(), value.get_u8());
        fragments.push(Fragment { context, command: header & 1 != 0, last: header & 2 != 0, bytes: value });
    }
    Ok(fragments)
}

/// A connection that speaks PDUs.
pub struct Wire<S> {
    stream: S,
    buffer: BytesMut,
    /// Bytes of a P-DATA-TF that the peer may send.
    pdu_bytes_max: u32,
    /// For a peer to take the next bytes.
    write_max: Duration,
    /// When the association ends, whatever happens.
    end: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Over a stream.
    pub fn new(stream: S, pdu_bytes_max: u32, write_max: Duration, end: Instant) -> Self {
        Self { stream, buffer: BytesMut::new(), pdu_bytes_max, write_max, end }
    }

    /// Waits until the next PDU has begun to come. Can be dropped without loss.
    ///
    /// # Errors
    ///
    /// Nothing comes.
    pub async fn begun(&mut self, within: Duration) -> Result<(), WireError> {
        let until = (Instant::now() + within).min(self.end);
        while self.buffer.is_empty() {
            let read = timeout_at(until, self.stream.read_buf(&mut self.buffer)).await;
            if read.map_err(|_| WireError::Slow)?? == 0 {
                return Err(WireError::Closed);
            }
        }
        Ok(())
    }

    /// The next PDU: its first byte by now, the rest within this time.
    ///
    /// # Errors
    ///
    /// It does not come, or is none.
    pub async fn next(&mut self, within: Duration) -> Result<Incoming, WireError> {
        let until = (Instant::now() + within).min(self.end);
        self.fill(6, until).await?;
        let (kind, length) = match self.buffer.first_chunk::<6>() {
            Some(&[kind, _, a, b, c, d]) => (kind, u32::from_be_bytes([a, b, c, d])),
            None => return Err(WireError::BreaksOff),
        };
        let max = match kind {
            1 | 2 => ASSOCIATE_BYTES_MAX,
            4 => self.pdu_bytes_max.saturating_add(PDU_BYTES_MORE),
            3 | 5..=7 => SHORT_BYTES_MAX,
            other => return Err(WireError::Unrecognized(other)),
        };
        if length > max {
            return Err(WireError::TooLong(length));
        }
        self.fill(6 + length as usize, until).await?;
        self.buffer.advance(6);
        parse(kind, self.buffer.split_to(length as usize).freeze())
    }

    async fn fill(&mut self, bytes: usize, until: Instant) -> Result<(), WireError> {
        while self.buffer.len() < bytes {
            self.buffer.reserve(bytes - self.buffer.len());
            let read = timeout_at(until, self.stream.read_buf(&mut self.buffer)).await;
            if read.map_err(|_| WireError::Slow)?? == 0 {
                return Err(if self.buffer.is_empty() { WireError::Closed } else { WireError::BreaksOff });
            }
        }
        Ok(())
    }

    /// Writes a PDU of an association.
    ///
    /// # Errors
    ///
    /// The peer does not take it.
    pub async fn send(&mut self, pdu: &Pdu) -> Result<(), WireError> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).map_err(|_| WireError::Invalid)?;
        self.write(&bytes).await
    }

    /// Writes a message in PDUs of at most `pdu_bytes` (0: as the sender likes).
    ///
    /// # Errors
    ///
    /// The peer does not take it.
    pub async fn send_message(
        &mut self,
        context: u8,
        command: &[u8],
        data: Option<&[u8]>,
        pdu_bytes: u32,
    ) -> Result<(), WireError> {
        let most = match pdu_bytes {
            0 => WRITE_BYTES,
            // A fragment has an even number of bytes (PS3.8 annex E).
            bytes => (bytes as usize).saturating_sub(6).clamp(2, WRITE_BYTES) & !1,
        };
        for (header, bytes) in [(1, Some(command)), (0, data)] {
            let Some(bytes) = bytes else { continue };
            let pieces = bytes.len().div_ceil(most).max(1);
            for i in 0..pieces {
                let piece = &bytes[i * most..bytes.len().min((i + 1) * most)];
                let length = u32::try_from(piece.len()).map_err(|_| WireError::Invalid)?;
                let mut pdu = vec![4, 0];
                pdu.extend((length + 6).to_be_bytes());
                pdu.extend((length + 2).to_be_bytes());
                pdu.extend([context, header | if i + 1 == pieces { 2 } else { 0 }]);
                pdu.extend(piece);
                self.write(&pdu).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        Ok(timeout(self.write_max, write).await.map_err(|_| WireError::Stuck)??)
    }

    /// A-ABORT, and the end.
    pub async fn abort(mut self, why: AbortRQServiceProviderReason) {
        let abort = Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(why) };
        if timeout(ARTIM, self.send(&abort)).await.is_ok_and(|sent| sent.is_ok()) {
            self.close().await;
        }
    }

    /// Says goodbye, and lets the peer close: closing first would throw away what it has not read yet.
    pub async fn close(mut self) {
        let goodbye = async {
            let _ = self.stream.shutdown().await;
            let mut rest = [0; 4096];
            while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        };
        // Whether it did makes no difference.
        let _ = timeout(ARTIM, goodbye).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[tokio::test]
    async fn a_message_is_cut_to_the_size_that_was_agreed() {
        for (agreed, size) in [(0, 100), (4096, 100), (20, 14), (21, 14), (7, 2), (1, 2)] {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            let end = Instant::now() + Duration::from_secs(10);
            let mut wire = Wire::new(ours, 4096, Duration::from_secs(1), end);
            wire.send_message(3, &[7; 100], Some(&[9; 50]), agreed).await.unwrap();
            drop(wire);
            let mut other = Wire::new(theirs, 4096, Duration::from_secs(1), end);
            let (mut command, mut data) = (Vec::new(), Vec::new());
            while let Ok(Incoming::Data(fragments)) = other.next(Duration::from_secs(1)).await {
                for fragment in fragments {
                    assert!(fragment.context == 3 && fragment.bytes.len() <= size);
                    let whole = if fragment.command { &mut command } else { &mut data };
                    whole.extend_from_slice(&fragment.bytes);
                    assert_eq!(fragment.last, whole.len() == if fragment.command { 100 } else { 50 });
                }
            }
            assert_eq!((command.len(), data.len()), (100, 50));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_pdu_or_none(kind in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let length = bytes.len();
            if let Ok(Incoming::Data(fragments)) = parse(kind, bytes.into()) {
                prop_assert_eq!(fragments.iter().map(|f| f.bytes.len() + 6).sum::<usize>(), length);
            }
        }
    }
}
