//! From the bytes of a file to its data set (PS3.10 section 7, PS3.5 annex A).
//!
//! Accepted, most regular first: a preamble and `DICM`; `DICM` without a preamble; file meta information without
//! either; a bare data set. File meta information needs no group length. A data set that is in implicit VR although
//! its transfer syntax says explicit, or the reverse, is read as what it is. Each of these leaves a note.
//!
//! Invariants: an open file has a known transfer syntax, and its data set is not larger than the limits allow. What is
//! held of it is everything but the values of top-level Pixel Data (7FE0,0010), which are read where they are; elements
//! behind them count like others.

use std::io::{Cursor, Read, SeekFrom};

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::bytes::{Apart, Bytes, ReadSeek, Sparse, Window};
use super::element::{DataSet, Encoding, Walk, is_vr};
use super::syntax::{DEFLATED, Syntax, known};
use super::{Limits, Offset, Place, ReadError};

/// A file, as far as it is held in memory: its data set without the values of top-level Pixel Data (7FE0,0010).
pub(super) struct File {
    pub(super) syntax: Syntax,
    /// Oddities of the container.
    pub(super) notes: Vec<String>,
    /// How the data set really is written.
    pub(super) encoding: Encoding,
    held: Vec<u8>,
    apart: Vec<Apart>,
    /// Bytes of the data set.
    len: usize,
    /// Where the data set starts.
    pub(super) origin: Offset,
}

impl File {
    /// The data set, as far as it can be read.
    pub(super) fn data_set(&self, limits: &Limits) -> DataSet<'_> {
        let bytes = Sparse::new(&self.held, &self.apart, self.len);
        DataSet::parse_sparse(bytes, self.origin, self.encoding, limits)
    }
}

/// A file, and its data set if that was deflated.
type Opened = (File, Option<Cursor<Vec<u8>>>);

/// Finds transfer syntax and data set. A deflated one comes inflated beside the file.
pub(super) fn open(source: &mut dyn ReadSeek, limits: &Limits) -> Result<Opened, ReadError> {
    let io = |error: std::io::Error| ReadError::Io(error.kind());
    let end = usize::try_from(source.seek(SeekFrom::End(0)).map_err(io)?).unwrap_or(usize::MAX);
    let mut notes = Vec::new();
    let mut window = Window::new(source, 0, end);
    let split = split(&mut window, limits, &mut notes);
    window.check()?;
    let (syntax, start) = split?;
    if syntax.uid != DEFLATED {
        let file = file(source, start, end - start, Offset::File(start), syntax, notes, limits)?;
        return Ok((file, None));
    }
    source.seek(SeekFrom::Start(start as u64)).map_err(io)?;
    let mut failed = None;
    let (inflated, whole) = inflate(Watched { source, failed: &mut failed }, limits)?;
    if let Some(kind) = failed {
        return Err(ReadError::Io(kind));
    }
    if inflated.is_empty() && !whole {
        let problem = "the deflated data set cannot be inflated";
        return Err(ReadError::Broken { offset: Offset::File(start), place: Place::Start, problem });
    }
    if !whole {
        notes.push("the deflated data set breaks off".to_owned());
    }
    let len = inflated.len();
    let mut inflated = Cursor::new(inflated);
    let file = file(&mut inflated, 0, len, Offset::Inflated(0), syntax, notes, limits)?;
    Ok((file, Some(inflated)))
}

/// Holds a data set, but for its pixels.
fn file(
    source: &mut dyn ReadSeek,
    start: usize,
    len: usize,
    origin: Offset,
    syntax: Syntax,
    mut notes: Vec<String>,
    limits: &Limits,
) -> Result<File, ReadError> {
    let mut window = Window::new(source, start as u64, len);
    let encoding = actual(window.chunk(0), syntax.encoding);
    if encoding != syntax.encoding {
        notes.push("the data set is not written as its transfer syntax says".to_owned());
    }
    let mut walk = Walk::new(window, origin, encoding, limits.sequence_depth_max);
    let apart = pixels_apart(&mut walk, limits.header_bytes_max);
    let (mut window, looked_at) = (walk.bytes, walk.at);
    window.check()?;

    // A head's worth behind the place where the walk ended: whoever walks again looks as far.
    const HEAD_BYTES: usize = 12;
    let upto = len.min(looked_at.saturating_add(HEAD_BYTES));
    let left_out: usize = apart.iter().map(|apart| apart.value.len()).sum();
    let bytes = upto.saturating_sub(left_out);
    if bytes > limits.header_bytes_max {
        return Err(ReadError::LongHeader { bytes, bytes_max: limits.header_bytes_max });
    }
    let mut held = Vec::with_capacity(bytes);
    let mut at = 0;
    for part in apart.iter().map(|apart| &apart.value).chain([&(upto..upto)]) {
        window.copy_to(at..part.start.max(at), &mut held);
        at = part.end;
    }
    window.check()?;
    Ok(File { syntax, notes, encoding, held, apart, len, origin })
}

/// Walks a data set as [`DataSet`] does, and finds its Pixel Data.
/// Behind `bytes_max` bytes beside them it looks for no more.
fn pixels_apart(walk: &mut Walk<Window<'_>>, bytes_max: usize) -> Vec<Apart> {
    /// An element occurs once (PS3.5 section 7.1). More than so many are not looked for.
    const REPEATS_MAX: usize = 64;
    let mut apart: Vec<Apart> = Vec::new();
    let mut left_out = 0;
    loop {
        let at = walk.at;
        if at - left_out > bytes_max {
            return apart;
        }
        let start = walk.head().ok().filter(|(tag, ..)| *tag == tags::PIXEL_DATA).map(|_| walk.at);
        walk.at = at;
        let outcome = walk.span(0);
        let start = start.filter(|_| apart.len() < REPEATS_MAX);
        match (start, outcome) {
            (Some(start), Err(broken)) => {
                let end = walk.bytes.len();
                walk.at = end;
                apart.push(Apart { value: start..end, next: end, same: false, broken: Some(broken) });
                return apart;
            }
            (Some(_), Ok(Some((_, span)))) => {
                left_out += span.value.len();
                let before = apart.last().map(|before| before.value.clone());
                let same = before.is_some_and(|before| walk.bytes.same(before, span.value.clone()));
                apart.push(Apart { value: span.value, next: walk.at, same, broken: None });
            }
            (None, Ok(Some(_))) => {}
            (_, Ok(None)) => {
                // Zeros behind the data set, however many, are told by the first of them.
                const ZEROS_BYTES: usize = 8;
                walk.at = walk.bytes.len().min(at.saturating_add(ZEROS_BYTES));
                return apart;
            }
            (None, Err(_)) => return apart,
        }
    }
}

/// Remembers that the source failed: what reads from it may take that for the end of a stream.
struct Watched<'a> {
    source: &'a mut dyn ReadSeek,
    failed: &'a mut Option<std::io::ErrorKind>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer).inspect_err(|error| *self.failed = Some(error.kind()))
    }
}

/// The transfer syntax, and where the data set behind the file meta information starts.
pub(super) fn split(
    bytes: &mut impl Bytes,
    limits: &Limits,
    notes: &mut Vec<String>,
) -> Result<(Syntax, usize), ReadError> {
    let len = bytes.len();
    if len > limits.file_bytes_max {
        return Err(ReadError::TooLarge { bytes: len, bytes_max: limits.file_bytes_max });
    }
    let start = if bytes.chunk(128) == Some(*b"DICM") {
        132
    } else if bytes.chunk(0) == Some(*b"DICM") {
        notes.push("the file has no preamble".to_owned());
        4
    } else if bytes.chunk::<4>(0).is_some_and(|b| matches!(b, [2 | 8, 0, _, _] | [0, 8, 0, _])) {
        notes.push("the file has no preamble and no DICM prefix".to_owned());
        0
    } else {
        return Err(ReadError::NotDicom);
    };
    let (uid, start) = meta(bytes, start);
    let Some(first) = bytes.chunk::<6>(start) else {
        return Err(ReadError::Broken {
            offset: Offset::File(start),
            place: Place::Start,
            problem: "there is no data set",
        });
    };
    let syntax = match uid {
        Some(uid) => known(&uid)?,
        None => {
            notes.push("the file does not state its transfer syntax".to_owned());
            known(guess(&first))?
        }
    };
    Ok((syntax, start))
}

/// The Transfer Syntax UID and where the file meta information ends (PS3.10 section 7.1). The group length
/// (0002,0000) is not relied upon: the group ends where the next one begins.
fn meta(bytes: &mut impl Bytes, start: usize) -> (Option<String>, usize) {
    let mut walk = Walk::new(bytes, Offset::File(0), Encoding::ExplicitLittle, 1);
    walk.at = start;
    let mut uid = None;
    loop {
        if walk.bytes.chunk(walk.at) != Some([2, 0]) {
            return (uid, walk.at);
        }
        match walk.span(0) {
            Ok(Some((Tag(0x0002, 0x0010), span))) => {
                // Longer than any UID with its padding.
                const UID_BYTES_MAX: usize = 64 << 10;
                let end = span.value.end.min(span.value.start + UID_BYTES_MAX);
                let text = walk.bytes.copy(span.value.start..end).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                uid = Some(text.trim_matches(['\0', ' ']).to_owned()).filter(|uid| !uid.is_empty());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return (uid, walk.bytes.len()),
        }
    }
}

/// The transfer syntax of a bare data set: its first element, of group 0008 or so, tells byte order and VR.
fn guess(first: &[u8; 6]) -> &'static str {
    let vr = is_vr([first[4], first[5]]);
    match (first[0], vr) {
        (0, true) => "1.2.840.10008.1.2.2",
        (_, true) => "1.2.840.10008.1.2.1",
        (_, false) => "1.2.840.10008.1.2",
    }
}

/// Explicit or implicit, by the first element: no first element is so long that its length reads as a VR.
pub(super) fn actual(first: Option<[u8; 6]>, declared: Encoding) -> Encoding {
    let Some(first) = first else { return declared };
    match (declared, is_vr([first[4], first[5]])) {
        (Encoding::ExplicitBig, _) => Encoding::ExplicitBig,
        (Encoding::ImplicitLittle | Encoding::ExplicitLittle, true) => Encoding::ExplicitLittle,
        (Encoding::ImplicitLittle | Encoding::ExplicitLittle, false) => Encoding::ImplicitLittle,
    }
}

/// PS3.5 A.5: the inflated data set, and whether it is whole. What was inflated before an error is kept.
pub(super) fn inflate(deflated: impl Read + Send, limits: &Limits) -> Result<(Vec<u8>, bool), ReadError> {
    let unknown = || ReadError::TransferSyntax(DEFLATED.to_owned());
    let registered = TransferSyntaxRegistry.get(DEFLATED).ok_or_else(unknown)?;
    let Codec::Dataset(Some(adapter)) = registered.codec() else { return Err(unknown()) };
    let bytes_max = limits.inflated_bytes_max;
    let mut data = Vec::new();
    let reader = adapter.adapt_reader(Box::new(deflated));
    let outcome = reader.take(bytes_max as u64 + 1).read_to_end(&mut data);
    if data.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes: data.len(), bytes_max });
    }
    Ok((data, outcome.is_ok()))
}
