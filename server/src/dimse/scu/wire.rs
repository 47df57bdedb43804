//! PDUs and messages on a connection (PS3.8 section 9.3, PS3.7 section 6.3).
//!
//! Invariant: no PDU beyond [`PDU_BYTES_MAX`] is read, no message beyond the limit that its reader names is held, and
//! every read and write of a PDU, and every command set, ends within the time that was given for it; a data set may take
//! longer by its size, at [`BYTES_PER_SECOND_MIN`].

use std::io;
use std::ops::Range;
use std::time::Duration;

use dicom_ul::pdu::{Pdu, write_pdu};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::dimse::command::Command;

/// Bytes of a PDU that we say we take, and of those that we send at most.
pub(crate) const PDU_BYTES: u32 = 65_536;
/// Bytes of a PDU that are read: twice of what was agreed, for peers that count otherwise.
const PDU_BYTES_MAX: usize = 131_072;
/// Bytes of a command set.
const COMMAND_BYTES_MAX: usize = 64 << 10;

/// What a peer must manage at least while it sends a data set.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;

const P_DATA: u8 = 0x04;
const RELEASE_RQ: u8 = 0x05;
const ABORT: u8 = 0x07;

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// Why nothing more can be said on a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Nothing came, or nothing was taken, in time.
    #[error("nothing was heard in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(io::Error),
    /// A-ABORT (PS3.8 table 9-26).
    #[error("the association was aborted (source {source_code}, reason {reason})")]
    Aborted {
        /// 0: the application, 2: its DICOM layer.
        source_code: u8,
        /// With source 2: why.
        reason: u8,
    },
    /// A-RELEASE-RQ, which has been answered.
    #[error("the association was released")]
    Released,
    /// It is no DICOM.
    #[error("{0}")]
    Protocol(String),
}

/// A message: a command set, with its data set if it has one.
#[derive(Debug)]
pub(crate) struct Message {
    /// Presentation Context ID.
    pub(crate) context: u8,
    /// The command set.
    pub(crate) command: Command,
    /// The data set, as bytes.
    pub(crate) data: Vec<u8>,
}

/// A connection that PDUs go over.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// Bytes of a P-DATA-TF PDU that the peer takes.
    pub(crate) peer_pdu_bytes: usize,
    /// The last P-DATA-TF PDU, and how far it has been looked at.
    pdu: Vec<u8>,
    at: usize,
}

/// A fragment of a message (PS3.8 section 9.3.5.1): where it lies in the PDU.
struct Fragment {
    context: u8,
    command: bool,
    last: bool,
    data: Range<usize>,
}

impl Wire {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), peer_pdu_bytes: PDU_BYTES as usize, pdu: Vec::new(), at: 0 }
    }

    /// Takes over what the peer says of Maximum Length: 0 is "no limit".
    pub(crate) fn set_peer_pdu_bytes(&mut self, said: u32) {
        let said = usize::try_from(said).ok().filter(|said| *said > 0);
        self.peer_pdu_bytes = said.unwrap_or(PDU_BYTES_MAX).clamp(128, PDU_BYTES as usize);
    }

    /// Reads a PDU: its type and what follows its length.
    pub(crate) async fn read_pdu(&mut self, within: Duration) -> Result<(u8, Vec<u8>), WireError> {
        let read = async {
            let mut head = [0; 6];
            self.stream.read_exact(&mut head).await.map_err(WireError::Io)?;
            let [kind, _, length @ ..] = head;
            // A TLS record (RFC 8446 section 5.1) has the length elsewhere.
            if !(1..=7).contains(&kind) {
                let tls = if kind == 0x15 { ": it speaks TLS, set `tls = true` for it" } else { "" };
                return Err(WireError::Protocol(format!("it sends a PDU of type {kind:02X}H{tls}")));
            }
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > PDU_BYTES_MAX {
                return Err(WireError::Protocol(format!("it sends a PDU of {length} bytes; {PDU_BYTES} were agreed")));
            }
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.map_err(WireError::Io)?;
            Ok((kind, body))
        };
        timeout(within, read).await.map_err(|_| WireError::Timeout)?
    }

    /// Writes a PDU.
    pub(crate) async fn write_pdu(&mut self, pdu: &Pdu, within: Duration) -> Result<(), WireError> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).map_err(|error| WireError::Protocol(error.to_string()))?;
        self.write(&bytes, within).await
    }

    async fn write(&mut self, bytes: &[u8], within: Duration) -> Result<(), WireError> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(within, write).await.map_err(|_| WireError::Timeout)?.map_err(WireError::Io)
    }

    /// Sends a message, PDU by PDU; each must be taken in time.
    pub(crate) async fn send(
        &mut self,
        context: u8,
        command: &Command,
        data: Option<&[u8]>,
        within: Duration,
    ) -> Result<(), WireError> {
        self.send_fragments(context, 1, &command.encode(), within).await?;
        match data {
            Some(data) => self.send_fragments(context, 0, data, within).await,
            None => Ok(()),
        }
    }

    /// Sends a command or a data set in fragments. `kind` is bit 0 of the message control header (PS3.8 annex E).
    async fn send_fragments(&mut self, context: u8, kind: u8, data: &[u8], within: Duration) -> Result<(), WireError> {
        // Length of the item, context and control header come off; a fragment has an even number of bytes.
        let most = (self.peer_pdu_bytes - 6) & !1;
        let mut rest = data;
        loop {
            let (fragment, behind) = rest.split_at(rest.len().min(most));
            rest = behind;
            let last = if rest.is_empty() { 2 } else { 0 };
            let length = u32::try_from(fragment.len()).unwrap_or(0);
            let mut pdu = Vec::with_capacity(fragment.len() + 12);
            pdu.extend([P_DATA, 0]);
            pdu.extend((length + 6).to_be_bytes());
            pdu.extend((length + 2).to_be_bytes());
            pdu.extend([context, kind | last]);
            pdu.extend_from_slice(fragment);
            self.write(&pdu, within).await?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends the beginning of a message and no more: what a node does that breaks down.
    pub(crate) async fn send_half(
        &mut self,
        context: u8,
        command: &Command,
        data: &[u8],
        within: Duration,
    ) -> Result<(), WireError> {
        self.send_fragments(context, 1, &command.encode(), within).await?;
        let most = (data.len() / 2).min(self.peer_pdu_bytes - 6) & !1;
        let length = u32::try_from(most).unwrap_or(0);
        let mut pdu = vec![P_DATA, 0];
        pdu.extend((length + 6).to_be_bytes());
        pdu.extend((length + 2).to_be_bytes());
        pdu.extend([context, 0]);
        pdu.extend_from_slice(data.get(..most).unwrap_or_default());
        self.write(&pdu, within).await
    }

    /// Receives a message. A request to release is answered, and is an error, as is an abort.
    pub(crate) async fn receive(&mut self, data_bytes_max: usize, within: Duration) -> Result<Message, WireError> {
        let command = self.assemble(None, true, COMMAND_BYTES_MAX, within);
        let (context, command) = timeout(within, command).await.map_err(|_| WireError::Timeout)??;
        let command = Command::parse(&command).map_err(|error| WireError::Protocol(error.to_string()))?;
        let data = if command.has_data_set() {
            self.assemble(Some(context), false, data_bytes_max, within).await?.1
        } else {
            Vec::new()
        };
        Ok(Message { context, command, data })
    }

    async fn assemble(
        &mut self,
        context: Option<u8>,
        command: bool,
        bytes_max: usize,
        within: Duration,
    ) -> Result<(u8, Vec<u8>), WireError> {
        let mut whole = Vec::new();
        let mut expected = context;
        let begun = Instant::now();
        loop {
            let until = begun + within + Duration::from_secs(whole.len() as u64 / BYTES_PER_SECOND_MIN);
            let fragment = timeout_at(until, self.fragment(within)).await.map_err(|_| WireError::Timeout)??;
            if fragment.command != command || expected.is_some_and(|id| id != fragment.context) {
                return Err(WireError::Protocol("it mixes up the parts of messages".to_owned()));
            }
            expected = Some(fragment.context);
            // Fragments of nothing could go on for ever.
            if fragment.data.is_empty() && !fragment.last {
                return Err(WireError::Protocol("it sends empty fragments of a message".to_owned()));
            }
            if whole.len() + fragment.data.len() > bytes_max {
                return Err(WireError::Protocol(format!("it sends a message of more than {bytes_max} bytes")));
            }
            whole.extend_from_slice(&self.pdu[fragment.data]);
            if fragment.last {
                return Ok((fragment.context, whole));
            }
        }
    }

    /// The next fragment, from the PDU at hand or the next one.
    async fn fragment(&mut self, within: Duration) -> Result<Fragment, WireError> {
        while self.at >= self.pdu.len() {
            let (kind, body) = self.read_pdu(within).await?;
            match kind {
                P_DATA if body.is_empty() => return Err(WireError::Protocol("it sends an empty PDU".to_owned())),
                P_DATA => (self.pdu, self.at) = (body, 0),
                RELEASE_RQ => {
                    self.write_pdu(&Pdu::ReleaseRP, within).await?;
                    return Err(WireError::Released);
                }
                ABORT => return Err(aborted(&body)),
                other => return Err(WireError::Protocol(format!("it sends a PDU of type {other:02X}H in between"))),
            }
        }
        let broken = || WireError::Protocol("it sends a PDU whose lengths do not agree".to_owned());
        let (head, _) = self.pdu[self.at..].split_first_chunk::<6>().ok_or_else(broken)?;
        let [length @ .., context, control] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| broken())?;
        let start = self.at + 6;
        let end = length.checked_sub(2).and_then(|n| start.checked_add(n)).filter(|end| *end <= self.pdu.len());
        let end = end.ok_or_else(broken)?;
        self.at = end;
        Ok(Fragment { context, command: control & 1 == 1, last: control & 2 == 2, data: start..end })
    }

    /// Ends the association in order: A-RELEASE-RQ, its answer, the end of the connection.
    pub(crate) async fn release(mut self, within: Duration) {
        let _ = timeout(within, self.release_slowly(within)).await;
        let _ = timeout(within, self.stream.shutdown()).await;
    }

    async fn release_slowly(&mut self, within: Duration) -> Result<(), WireError> {
        self.write_pdu(&Pdu::ReleaseRQ, within).await?;
        loop {
            match self.read_pdu(within).await?.0 {
                // Messages that were under way come first.
                P_DATA => {}
                // Both asked at once (PS3.8 section 7.2.2).
                RELEASE_RQ => self.write_pdu(&Pdu::ReleaseRP, within).await?,
                _ => return Ok(()),
            }
        }
    }

    /// Ends the association at once.
    pub(crate) async fn abort(mut self, within: Duration) {
        let source = dicom_ul::pdu::AbortRQSource::ServiceUser;
        let _ = self.write_pdu(&Pdu::AbortRQ { source }, within).await;
        let _ = timeout(within, self.stream.shutdown()).await;
    }
}

fn aborted(body: &[u8]) -> WireError {
    let code = |i: usize| body.get(i).copied().unwrap_or(0);
    WireError::Aborted { source_code: code(2), reason: code(3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dimse::command::field;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn messages_of_any_size_arrive() {
        for (bytes, peer) in [(0, 128), (1, 128), (122, 128), (123, 128), (1000, 129), (200_000, 0), (70_000, 65_536)] {
            let (a, b) = tokio::io::duplex(1 << 20);
            let (mut a, mut b) = (Wire::new(a), Wire::new(b));
            a.set_peer_pdu_bytes(peer);
            let data: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
            let command = Command::request(field::C_STORE, 3, true);
            a.send(5, &command, Some(&data), SECOND).await.expect("sent");
            let message = b.receive(1 << 20, SECOND).await.expect("received");
            assert_eq!((message.context, message.command, message.data.len()), (5, command, bytes));
            assert!(message.data == data);
        }
    }

    #[tokio::test]
    async fn a_data_set_that_trickles_is_given_up() {
        let (a, b) = tokio::io::duplex(1 << 20);
        let (mut a, mut b) = (Wire::new(a), Wire::new(b));
        let trickle = tokio::spawn(async move {
            let command = Command::request(field::C_STORE, 3, true);
            a.send_fragments(5, 1, &command.encode(), SECOND).await.expect("sent");
            while a.write(&[4, 0, 0, 0, 0, 7, 0, 0, 0, 3, 5, 0, 9], SECOND).await.is_ok() {
                tokio::time::sleep(SECOND / 20).await;
            }
        });
        let error = b.receive(1 << 20, SECOND / 4).await.expect_err("too slow");
        assert!(matches!(error, WireError::Timeout), "{error}");
        drop(b);
        trickle.await.expect("ended");
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        let check = async |bytes: &[u8], expected: &str| {
            let (mut a, b) = tokio::io::duplex(1 << 20);
            a.write_all(bytes).await.expect("written");
            drop(a);
            let error = Wire::new(b).receive(10, SECOND).await.expect_err("no message").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&[], "broke").await;
        check(&[4, 0, 0, 0], "broke").await;
        check(&[0x15, 3, 3, 0, 2, 2, 40], "tls = true").await;
        check(&[4, 0, 0xFF, 0xFF, 0xFF, 0xFF], "4294967295 bytes").await;
        check(&[4, 0, 0, 0, 0, 3, 1, 2, 3], "lengths").await;
        check(&[4, 0, 0, 0, 0, 6, 0, 0, 0, 1, 1, 3], "lengths").await;
        check(&[4, 0, 0, 0, 0, 6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 3], "lengths").await;
        check(&[4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 2], "mixes").await;
        check(&[4, 0, 0, 0, 0, 0], "empty PDU").await;
        check(&[7, 0, 0, 0, 0, 4, 0, 0, 2, 6], "source 2, reason 6").await;
        check(&[3, 0, 0, 0, 0, 4, 0, 1, 1, 1], "type 03H").await;
    }
}
