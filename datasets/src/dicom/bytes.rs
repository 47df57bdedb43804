//! Where elements are walked: bytes in memory, some of which were left on disk, or a window that slides over a file.
//!
//! Invariants: positions are those of the file (or of the inflated data set), counted from the start of what is walked,
//! whether or not the bytes between are in memory; a window has [`WINDOW_BYTES`], whatever lengths say.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::ReadError;
use super::element::Break;

/// What a file is read from.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// Bytes of a [`Window`].
const WINDOW_BYTES: usize = 8 << 10;

/// Bytes that are read at once where many are.
const PIECE_BYTES: usize = 256 << 10;

/// Bytes by position.
pub(super) trait Bytes {
    /// How many there are.
    fn len(&self) -> usize;

    /// Those at a position; `None` where there are not as many.
    fn chunk<const N: usize>(&mut self, at: usize) -> Option<[u8; N]>;

    /// Those of a range; `None` where they are not all there.
    fn copy(&mut self, range: Range<usize>) -> Option<Vec<u8>>;

    /// The value that was left out at this position.
    fn apart(&self, _at: usize) -> Option<&Apart> {
        None
    }
}

/// A value of top-level Pixel Data (7FE0,0010) that stays where it is.
#[derive(Debug, Clone)]
pub(super) struct Apart {
    /// The value: for one of undefined length, its items up to the delimiter.
    pub(super) value: Range<usize>,
    /// Where the next element is.
    pub(super) next: usize,
    /// Whether it has the same bytes as the Pixel Data before it.
    pub(super) same: bool,
    /// Where it breaks off, if it does.
    pub(super) broken: Option<Break>,
}

/// Bytes in memory, less the values that were left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sparse<'a> {
    held: &'a [u8],
    apart: &'a [Apart],
    len: usize,
}

impl<'a> Sparse<'a> {
    /// Bytes that are all there.
    pub(super) fn all(held: &'a [u8]) -> Self {
        Self { held, apart: &[], len: held.len() }
    }

    /// `held` is the first of `len` bytes without the values of `apart`, which are in order.
    pub(super) fn new(held: &'a [u8], apart: &'a [Apart], len: usize) -> Self {
        Self { held, apart, len }
    }

    /// A range; nothing of one that was left out.
    pub(super) fn slice(&self, range: Range<usize>) -> Option<&'a [u8]> {
        let before = self.apart.iter().take_while(|apart| apart.value.end <= range.start);
        let skipped: usize = before.map(|apart| apart.value.len()).sum();
        self.held.get(range.start.checked_sub(skipped)?..range.end.checked_sub(skipped)?)
    }

    pub(super) fn apart_at(&self, at: usize) -> Option<&'a Apart> {
        self.apart.iter().find(|apart| apart.value.start == at)
    }
}

impl<B: Bytes> Bytes for &mut B {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn chunk<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        (**self).chunk(at)
    }

    fn copy(&mut self, range: Range<usize>) -> Option<Vec<u8>> {
        (**self).copy(range)
    }
}

impl Bytes for Sparse<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn chunk<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        self.slice(at..at.checked_add(N)?)?.first_chunk().copied()
    }

    fn copy(&mut self, range: Range<usize>) -> Option<Vec<u8>> {
        self.slice(range).map(<[u8]>::to_vec)
    }

    fn apart(&self, at: usize) -> Option<&Apart> {
        self.apart_at(at)
    }
}

/// A window that slides over a file.
pub(super) struct Window<'a> {
    source: &'a mut dyn ReadSeek,
    /// Where in the source position 0 is.
    origin: u64,
    len: usize,
    buffer: Vec<u8>,
    /// The position of the buffer's first byte.
    from: usize,
    /// The first failure of the source; from then on there are no bytes.
    failed: Option<io::ErrorKind>,
}

impl<'a> Window<'a> {
    /// Over `len` bytes of a source.
    pub(super) fn new(source: &'a mut dyn ReadSeek, origin: u64, len: usize) -> Self {
        Self { source, origin, len, buffer: Vec::new(), from: 0, failed: None }
    }

    /// Whether the source failed.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        self.failed.map_or(Ok(()), |kind| Err(ReadError::Io(kind)))
    }

    /// Appends those of a range, piece by piece; none behind a failure of the source.
    pub(super) fn copy_to(&mut self, range: Range<usize>, bytes: &mut Vec<u8>) {
        for at in range.clone().step_by(PIECE_BYTES) {
            let Some(piece) = self.fill(at..range.end.min(at + PIECE_BYTES)) else { return };
            bytes.extend(piece);
        }
    }

    /// Whether two ranges hold the same bytes.
    pub(super) fn same(&mut self, one: Range<usize>, other: Range<usize>) -> bool {
        let pieces = |range: &Range<usize>| range.clone().step_by(PIECE_BYTES);
        one.len() == other.len()
            && pieces(&one).zip(pieces(&other)).all(|(a, b)| {
                let piece = PIECE_BYTES.min(one.end - a);
                let (a, b) = (self.copy(a..a + piece), self.copy(b..b + piece));
                a.is_some() && a == b
            })
    }

    fn fill(&mut self, range: Range<usize>) -> Option<Vec<u8>> {
        if self.failed.is_some() || range.end > self.len {
            return None;
        }
        match read_at(self.source, self.origin + range.start as u64, range.len()) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.failed = Some(error.kind());
                None
            }
        }
    }
}

impl Bytes for Window<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn chunk<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        let end = at.checked_add(N).filter(|end| *end <= self.len)?;
        if at < self.from || end > self.from + self.buffer.len() {
            self.buffer = self.fill(at..self.len.min(at.saturating_add(WINDOW_BYTES.max(N))))?;
            self.from = at;
        }
        self.buffer.get(at - self.from..)?.first_chunk().copied()
    }

    fn copy(&mut self, range: Range<usize>) -> Option<Vec<u8>> {
        self.fill(range)
    }
}

/// So many bytes at a position: all of them, or an error.
pub(super) fn read_at(source: &mut dyn ReadSeek, at: u64, len: usize) -> io::Result<Vec<u8>> {
    // What is not there is not allocated for.
    let there = source.seek(SeekFrom::End(0))?.saturating_sub(at);
    if there < len as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::with_capacity(len);
    let read = source.take(len as u64).read_to_end(&mut bytes)?;
    if read == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
