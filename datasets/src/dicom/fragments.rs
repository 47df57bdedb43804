//! Where each frame of encapsulated pixels is (PS3.5 section A.4).
//!
//! | what says where frames begin | when |
//! |---|---|
//! | nothing | there is one frame: all fragments are its; no more than one may begin a code stream |
//! | the Basic Offset Table, the first item | every entry is where a fragment begins, in order, one for each frame |
//! | the Extended Offset Table (7FE0,0001), with its Lengths (7FE0,0002) | the same; PS3.3 section C.7.6.3.1.8 |
//! | the fragments | there are as many as frames, empty ones not counted where that makes them as many |
//! | the code streams | as many fragments begin with a start marker, each behind one with an end marker |
//!
//! Invariant: a table that does not fit the fragments, or the code streams in them, is not used, nor are two that
//! differ, and a note says so; where nothing says where frames begin, none is given.

use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_codecs::Missing;

use super::bytes::{Bytes, Window};
use super::element::{DataSet, Element, Walk};
use super::object::Place;
use super::syntax::Packing;
use super::{Attribute, Limits, ReadError, coded};

/// One fragment: where its value is, counted from the start of the value of Pixel Data, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fragment {
    at: usize,
    len: u32,
}

/// The fragments of an object's pixels, and which are whose.
#[derive(Debug)]
pub(super) struct Frames {
    fragments: Vec<Fragment>,
    /// The fragments of each frame; one range where there is one frame.
    frames: Vec<Range<usize>>,
    /// That the pixels break off.
    cut: bool,
    /// What was wrong with a table.
    pub(super) notes: Vec<&'static str>,
}

const PIXEL_DATA: Attribute = Attribute(tags::PIXEL_DATA);
const EXTENDED_OFFSETS: Tag = Tag(0x7FE0, 0x0001);
const EXTENDED_LENGTHS: Tag = Tag(0x7FE0, 0x0002);

impl Frames {
    /// Finds the fragments of `element`, Pixel Data of `count` frames that are packed like this. Where they break off,
    /// that is an error, or they are those that are there, the last one as far as it goes.
    pub(super) fn new(
        data: &DataSet<'_>,
        element: &Element<'_>,
        count: usize,
        packing: Packing,
        place: &mut Place<'_>,
        limits: &Limits,
        missing: Missing,
    ) -> Result<Self, ReadError> {
        let cut = element.broken().is_some();
        element.held_to(missing)?;
        let window = place.window(element);
        let mut walk = Walk::inside(window, tags::PIXEL_DATA, element, data.encoding, limits.sequence_depth_max);
        let mut fragments = Vec::new();
        let mut table = None;
        // Where fragments are counted from: behind the Basic Offset Table.
        let mut base = 0;
        loop {
            let at = walk.at;
            let item = walk.item_span(1);
            walk.bytes.check()?;
            let range = match item {
                Ok(Some(range)) => range,
                Ok(None) => break,
                Err(_) if cut => match walk.part_of_item(at) {
                    Some(range) => range,
                    None => break,
                },
                Err(at) => return Err(at.into()),
            };
            // What goes to the end of what breaks off is the last one.
            walk.at = range.end;
            if table.is_none() {
                base = range.end;
                table = Some(range);
                continue;
            }
            if fragments.len() >= limits.fragments_max {
                let (value, max) = (fragments.len() + 1, limits.fragments_max);
                return Err(ReadError::Limit { attribute: PIXEL_DATA, value, max });
            }
            let len = u32::try_from(range.len()).unwrap_or(u32::MAX);
            fragments.push(Fragment { at: range.start, len });
        }
        let mut found = Self { fragments, frames: Vec::new(), cut, notes: Vec::new() };
        // One fragment for each frame leaves nothing to find out.
        let marked = matches!(packing, Packing::Coded(format) if coded::is_marked(format));
        let look = marked && (cut || found.fragments.len() != count);
        let streams = if look { found.streams(&mut walk.bytes) } else { Streams::default() };
        found.frames = found.divide(data, table.unwrap_or_default(), base, count, &streams, &mut walk.bytes)?;
        walk.bytes.check()?;
        Ok(found)
    }

    /// The stream of a frame, counted from 0: its fragments, put together.
    pub(super) fn stream(
        &self,
        index: usize,
        element: &Element<'_>,
        place: &mut Place<'_>,
        limits: &Limits,
    ) -> Result<Vec<u8>, ReadError> {
        let Some(fragments) = self.frames.get(index).and_then(|range| self.fragments.get(range.clone())) else {
            let short = ReadError::Invalid { attribute: PIXEL_DATA, problem: "breaks off before this frame" };
            return Err(ReadError::Incomplete(Box::new(short)));
        };
        let bytes = fragments.iter().fold(0_usize, |sum, fragment| sum.saturating_add(fragment.len as usize));
        if bytes > limits.frame_bytes_max {
            return Err(ReadError::Limit { attribute: PIXEL_DATA, value: bytes, max: limits.frame_bytes_max });
        }
        let mut stream = Vec::new();
        for fragment in fragments {
            let part = place.value(element, fragment.at, fragment.len as usize)?;
            // One fragment, as nearly all frames have, is not copied.
            if stream.is_empty() {
                stream = part;
            } else {
                stream.extend(part);
            }
        }
        Ok(stream)
    }

    fn divide(
        &mut self,
        data: &DataSet<'_>,
        table: Range<usize>,
        base: usize,
        count: usize,
        streams: &Streams,
        window: &mut Window<'_>,
    ) -> Result<Vec<Range<usize>>, ReadError> {
        let invalid = |problem| Err(ReadError::Invalid { attribute: PIXEL_DATA, problem });
        let fragments = self.fragments.len();
        if count == 1 && streams.begin.len() > 1 {
            return invalid("holds several code streams where Number of Frames (0028,0008) is 1");
        }
        let mut tables = Vec::new();
        if !table.is_empty() {
            let fits = table.len() == count.saturating_mul(4);
            let bytes = if fits { window.copy(table) } else { None };
            let offsets =
                bytes.unwrap_or_default().as_chunks().0.iter().map(|b| u64::from(u32::from_le_bytes(*b))).collect();
            match self.by_table(offsets, base, count).filter(|frames| streams.agree(frames)) {
                Some(frames) => tables.push(frames),
                None => self.notes.push("the Basic Offset Table does not fit the fragments and is not used"),
            }
        }
        if let Some(offsets) = data.get(EXTENDED_OFFSETS).filter(|element| !element.bytes.is_empty()) {
            let words = |element: &Element<'_>| -> Vec<u64> {
                element.bytes.as_chunks().0.iter().map(|b| data.encoding.u64(*b)).collect()
            };
            let lengths = data.get(EXTENDED_LENGTHS).map(words).unwrap_or_default();
            let fits = offsets.bytes.len() == count.saturating_mul(8);
            let frames = if fits { self.by_table(words(offsets), base, count) } else { None };
            match frames.filter(|frames| self.have_lengths(frames, &lengths) && streams.agree(frames)) {
                Some(frames) => tables.push(frames),
                None => self.notes.push("Extended Offset Table (7FE0,0001) does not fit the fragments and is not used"),
            }
        }
        match tables.pop() {
            Some(frames) if tables.iter().all(|other| *other == frames) => return Ok(frames),
            Some(_) => {
                self.notes.push("the Basic Offset Table and Extended Offset Table (7FE0,0001) differ; neither is used")
            }
            None => {}
        }
        if count == 1 {
            return Ok(std::iter::once(0..fragments).collect());
        }
        if fragments == count && !self.cut {
            return Ok((0..count).map(|at| at..at + 1).collect());
        }
        let as_many = |starts: usize| if self.cut { starts <= count } else { starts == count };
        if streams.certain && !streams.begin.is_empty() && as_many(streams.begin.len()) {
            return Ok(ranges(&streams.begin, fragments));
        }
        let full: Vec<usize> = (0..fragments).filter(|at| self.fragments[*at].len > 0).collect();
        if full.len() == count && !self.cut {
            return Ok(full.into_iter().map(|at| at..at + 1).collect());
        }
        invalid("has fragments that nothing assigns to frames: no offset table, another number, no certain beginnings")
    }

    /// Frames that begin at these offsets, if a fragment begins at each. Of pixels that break off, those before.
    fn by_table(&self, offsets: Vec<u64>, base: usize, count: usize) -> Option<Vec<Range<usize>>> {
        /// Of an item's tag and length.
        const HEAD_BYTES: usize = 8;
        let value = |offset: &u64| usize::try_from(*offset).ok()?.checked_add(base)?.checked_add(HEAD_BYTES);
        let last = self.fragments.last().map_or(0, |last| last.at);
        let there = offsets.iter().map(value).take_while(|at| !self.cut || at.is_some_and(|at| at <= last));
        let fragment = |at: usize| self.fragments.binary_search_by_key(&at, |fragment| fragment.at).ok();
        let starts: Vec<usize> = there.map(|at| fragment(at?)).collect::<Option<_>>()?;
        let ordered = starts.windows(2).all(|pair| pair[0] < pair[1]);
        (offsets.len() == count && starts.first() == Some(&0) && ordered).then(|| ranges(&starts, self.fragments.len()))
    }

    /// Whether frames are as long as Extended Offset Table Lengths (7FE0,0002) says, a byte of padding apart.
    fn have_lengths(&self, frames: &[Range<usize>], lengths: &[u64]) -> bool {
        let bytes = |range: &Range<usize>| self.fragments[range.clone()].iter().map(|f| u64::from(f.len)).sum::<u64>();
        lengths.len() == frames.len()
            && frames
                .iter()
                .zip(lengths)
                .all(|(frame, length)| bytes(frame).checked_sub(*length).is_some_and(|n| n <= 1))
    }

    /// The code streams of a format that has marks.
    fn streams(&self, window: &mut Window<'_>) -> Streams {
        /// SOI of ITU-T T.81, SOC with SIZ of ISO 15444-1, or the first box of its annex I.
        fn begins(window: &mut Window<'_>, fragment: Fragment) -> bool {
            let first: Option<[u8; 8]> = if fragment.len < 8 { None } else { window.chunk(fragment.at) };
            let short: Option<[u8; 4]> = if fragment.len < 4 { None } else { window.chunk(fragment.at) };
            matches!(short, Some([0xFF, 0xD8, 0xFF, _] | [0xFF, 0x4F, 0xFF, 0x51]))
                || first == Some([0, 0, 0, 12, b'j', b'P', b' ', b' '])
        }
        /// EOI, and EOC, which is the same; a zero may pad it.
        fn ends(window: &mut Window<'_>, fragment: Fragment) -> bool {
            let end = fragment.at + fragment.len as usize;
            let last: Option<[u8; 3]> = if fragment.len < 3 { None } else { window.chunk(end - 3) };
            matches!(last, Some([_, 0xFF, 0xD9] | [0xFF, 0xD9, 0x00]))
        }
        let full: Vec<usize> = (0..self.fragments.len()).filter(|at| self.fragments[*at].len > 0).collect();
        let begin: Vec<usize> = full.iter().copied().filter(|at| begins(window, self.fragments[*at])).collect();
        let certain = begin.first() == full.first()
            && begin.iter().skip(1).all(|start| {
                let before = full[..full.partition_point(|at| at < start)].last();
                before.is_some_and(|before| ends(window, self.fragments[*before]))
            });
        Streams { begin, certain }
    }
}

/// What marks in the fragments say of code streams. JPEG, JPEG-LS and JPEG 2000 have such marks, RLE and JPEG XL have
/// not.
#[derive(Debug, Default)]
struct Streams {
    /// The fragments that begin one.
    begin: Vec<usize>,
    /// The first does, and each of the others comes behind the end of one.
    certain: bool,
}

impl Streams {
    /// Whether every frame of a table begins a stream, and every stream a frame, as far as marks are there.
    fn agree(&self, frames: &[Range<usize>]) -> bool {
        let mut begin = frames.iter().map(|frame| &frame.start);
        self.begin.is_empty()
            || if self.certain { begin.eq(&self.begin) } else { begin.all(|at| self.begin.contains(at)) }
    }
}

fn ranges(starts: &[usize], end: usize) -> Vec<Range<usize>> {
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().zip(ends).map(|(from, to)| *from..to).collect()
}
