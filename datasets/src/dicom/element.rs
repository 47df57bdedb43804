//! A data set as slices of the file (PS3.5 section 7).
//!
//! Invariants: every value is a sub-slice of the input, or was left on disk, so a length field costs nothing; nesting is followed to
//! [`Limits::sequence_depth_max`] and no further; a data set that breaks off keeps the elements before the break, and
//! the part that is there of Pixel Data left on disk, and says where it broke; [`DataSet::repeated`] names an element
//! that occurs twice.

use std::collections::BTreeMap;
use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::bytes::{Apart, Bytes, Sparse};
use super::charset::Charset;
use super::{Limits, Missing, Offset, Place, ReadError};

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// PS3.5 A.1.
    ImplicitLittle,
    /// PS3.5 A.2.
    ExplicitLittle,
    /// PS3.5 A.3, retired.
    ExplicitBig,
}

impl Encoding {
    fn explicit(self) -> bool {
        match self {
            Self::ImplicitLittle => false,
            Self::ExplicitLittle | Self::ExplicitBig => true,
        }
    }

    pub(super) fn big(self) -> bool {
        match self {
            Self::ExplicitBig => true,
            Self::ImplicitLittle | Self::ExplicitLittle => false,
        }
    }

    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big() { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        if self.big() { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big() { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// Every Value Representation of PS3.5 Table 6.2-1.
const VRS: &[&[u8; 2]] = &[
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL",
    b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US",
    b"UT", b"UV",
];

/// Those with a 16-bit length (PS3.5 Table 7.1-2); all others, future ones included, have 32 bits.
const SHORT: &[&[u8; 2]] = &[
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Whether these two bytes are a Value Representation.
pub(super) fn is_vr(bytes: [u8; 2]) -> bool {
    VRS.iter().any(|vr| **vr == bytes)
}

/// The value of one element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    /// As the file states it; `None` in implicit VR.
    pub(super) vr: Option<[u8; 2]>,
    /// The value. For an element of undefined length: its items up to the delimiter. Empty if it was left on disk.
    pub(super) bytes: &'a [u8],
    /// Where the value starts.
    pub(super) offset: Offset,
    /// Bytes of the value, wherever it is.
    pub(super) len: usize,
    /// Whether the length was undefined.
    pub(super) undefined: bool,
    /// That it was left on disk.
    pub(super) apart: Option<&'a Apart>,
}

impl Element<'_> {
    /// Where the value breaks off: that of Pixel Data alone, which is then all there is up to the end.
    pub(super) fn broken(&self) -> Option<Break> {
        self.apart.and_then(|apart| apart.broken)
    }

    /// That a value which breaks off is one of which a part is enough.
    pub(super) fn held_to(&self, missing: Missing) -> Result<(), ReadError> {
        match (self.broken(), missing) {
            (Some(at), Missing::Refuse) => Err(ReadError::Incomplete(Box::new(at.into()))),
            (Some(_), Missing::Keep) | (None, _) => Ok(()),
        }
    }

    /// Whether it has the value of the one of its tag before it.
    fn repeats(&self, before: &Self) -> bool {
        self.apart.map_or(self.bytes == before.bytes, |apart| apart.same)
    }
}

/// Where an element is.
pub(super) struct Span {
    vr: Option<[u8; 2]>,
    /// The value, as in [`Element::bytes`].
    pub(super) value: Range<usize>,
    undefined: bool,
}

/// Where a data set ends that should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    offset: Offset,
    place: Place,
    problem: &'static str,
}

impl From<Break> for ReadError {
    fn from(at: Break) -> Self {
        Self::Broken { offset: at.offset, place: at.place, problem: at.problem }
    }
}

/// Walks elements; never past the end of its bytes.
pub(super) struct Walk<B> {
    pub(super) bytes: B,
    pub(super) at: usize,
    /// Where the bytes start.
    origin: Offset,
    /// What was met last.
    place: Place,
    encoding: Encoding,
    depth_max: usize,
}

impl<B: Bytes> Walk<B> {
    pub(super) fn new(bytes: B, origin: Offset, encoding: Encoding, depth_max: usize) -> Self {
        Self { bytes, at: 0, origin, place: Place::Start, encoding, depth_max }
    }

    /// A walk through the items that an element of this tag holds.
    pub(super) fn inside(bytes: B, tag: Tag, element: &Element<'_>, around: Encoding, depth_max: usize) -> Self {
        let encoding = if element.vr == Some(*b"UN") { Encoding::ImplicitLittle } else { around };
        Self { place: Place::In(tag), ..Self::new(bytes, element.offset, encoding, depth_max) }
    }

    fn break_here(&self, problem: &'static str) -> Break {
        Break { offset: self.origin.plus(self.at), place: self.place, problem }
    }

    fn broken<T>(&self, problem: &'static str) -> Result<T, Break> {
        Err(self.break_here(problem))
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Break> {
        match self.bytes.chunk(self.at) {
            Some(chunk) => {
                self.at += N;
                Ok(chunk)
            }
            None => self.broken("a length runs past the end"),
        }
    }

    fn skip(&mut self, n: usize) -> Result<(), Break> {
        if n > self.left() {
            return self.broken("a length runs past the end");
        }
        self.at += n;
        Ok(())
    }

    fn u16(&mut self) -> Result<u16, Break> {
        Ok(self.encoding.u16(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, Break> {
        Ok(self.encoding.u32(self.take()?))
    }

    fn tag(&mut self) -> Result<Tag, Break> {
        Ok(Tag(self.u16()?, self.u16()?))
    }

    /// Tag, VR and length (PS3.5 section 7.1). Items and delimiters have no VR in any encoding (section 7.5).
    pub(super) fn head(&mut self) -> Result<(Tag, Option<[u8; 2]>, u32), Break> {
        let tag = self.tag()?;
        if tag.0 == 0xFFFE || !self.encoding.explicit() {
            return Ok((tag, None, self.u32()?));
        }
        let vr = self.take::<2>()?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return self.broken("an element has no value representation");
        }
        if SHORT.iter().any(|short| **short == vr) {
            return Ok((tag, Some(vr), u32::from(self.u16()?)));
        }
        self.take::<2>()?;
        Ok((tag, Some(vr), self.u32()?))
    }

    /// The next element, or `None` at the end. `depth` counts the sequences around it.
    pub(super) fn span(&mut self, depth: usize) -> Result<Option<(Tag, Span)>, Break> {
        // Fewer than eight bytes, or zeros, are padding behind the data set, not an element.
        if self.bytes.chunk::<8>(self.at).is_none_or(|next| next == [0; 8]) {
            self.at = self.bytes.len();
            return Ok(None);
        }
        let (tag, vr, length) = self.head()?;
        if tag.0 == 0xFFFE {
            return self.broken("an item or a delimiter stands outside a sequence");
        }
        self.place = Place::In(tag);
        let (start, undefined) = (self.at, length == UNDEFINED);
        let apart = self.bytes.apart(start).filter(|_| tag == tags::PIXEL_DATA && depth == 0);
        let end = if let Some(Apart { value, next, .. }) = apart {
            let (end, next) = (value.end, *next);
            self.at = next;
            end
        } else if undefined {
            // PS3.5 section 6.2.2: what an UN of undefined length holds is in implicit VR little endian.
            let outside = self.encoding;
            if vr == Some(*b"UN") {
                self.encoding = Encoding::ImplicitLittle;
            }
            let end = self.skip_items(depth + 1, tag == tags::PIXEL_DATA);
            self.encoding = outside;
            end?
        } else {
            self.skip(length as usize)?;
            self.at
        };
        self.place = Place::After(tag);
        Ok(Some((tag, Span { vr, value: start..end, undefined })))
    }

    /// Goes behind the delimiter of a sequence of undefined length and says where its items end.
    fn skip_items(&mut self, depth: usize, pixels: bool) -> Result<usize, Break> {
        if depth > self.depth_max {
            return self.broken("sequences are nested too deep");
        }
        loop {
            // Some writers forget the delimiter behind the last fragment of the pixels.
            if pixels && self.left() == 0 {
                return Ok(self.at);
            }
            let end = self.at;
            let (tag, _, length) = self.head()?;
            if tag == SEQUENCE_END {
                return Ok(end);
            }
            if tag != ITEM {
                return self.broken("a sequence holds something other than items");
            }
            if length == UNDEFINED {
                self.skip_item(depth)?;
            } else {
                self.skip(length as usize)?;
            }
        }
    }

    /// Goes behind the delimiter of an item of undefined length and says where its elements end.
    fn skip_item(&mut self, depth: usize) -> Result<usize, Break> {
        loop {
            let end = self.at;
            if self.tag()? == ITEM_END {
                self.skip(4)?;
                return Ok(end);
            }
            self.at = end;
            if self.span(depth)?.is_none() {
                return self.broken("an item has no end");
            }
        }
    }

    /// Where the next item is, without its head; `None` behind the last.
    pub(super) fn item_span(&mut self, depth: usize) -> Result<Option<Range<usize>>, Break> {
        if self.left() < 8 {
            return Ok(None);
        }
        let (tag, _, length) = self.head()?;
        if tag == SEQUENCE_END {
            return Ok(None);
        }
        if tag != ITEM {
            return self.broken("a sequence holds something other than items");
        }
        let start = self.at;
        let end = if length == UNDEFINED {
            self.skip_item(depth)?
        } else {
            self.skip(length as usize)?;
            self.at
        };
        Ok(Some(start..end))
    }

    /// What is there of the item at a position, if it is one of a length that runs past the end.
    pub(super) fn part_of_item(&mut self, at: usize) -> Option<Range<usize>> {
        self.at = at;
        let (tag, _, length) = self.head().ok()?;
        (tag == ITEM && length != UNDEFINED).then(|| self.at..self.bytes.len())
    }
}

impl<'a> Walk<Sparse<'a>> {
    /// The next element, or `None` at the end. `depth` counts the sequences around it.
    pub(super) fn element(&mut self, depth: usize) -> Result<Option<(Tag, Element<'a>)>, Break> {
        let Some((tag, Span { vr, value, undefined })) = self.span(depth)? else { return Ok(None) };
        let (offset, len) = (self.origin.plus(value.start), value.len());
        let apart = self.bytes.apart_at(value.start).filter(|_| tag == tags::PIXEL_DATA && depth == 0);
        let bytes = if apart.is_some() { &[] } else { self.bytes.slice(value).unwrap_or_default() };
        Ok(Some((tag, Element { vr, bytes, offset, len, undefined, apart })))
    }

    /// A walk through the next item, or `None` behind the last.
    pub(super) fn item(&mut self, depth: usize) -> Result<Option<Self>, Break> {
        let Some(range) = self.item_span(depth)? else { return Ok(None) };
        let origin = self.origin.plus(range.start);
        let bytes = Sparse::all(self.bytes.slice(range).unwrap_or_default());
        Ok(Some(Self { bytes, at: 0, origin, ..*self }))
    }
}

/// Every sequence that this module reads.
const SEQUENCES: &[Tag] = &[
    tags::ANATOMIC_REGION_SEQUENCE,
    tags::ANATOMIC_REGION_MODIFIER_SEQUENCE,
    tags::FRAME_ANATOMY_SEQUENCE,
    tags::MODALITY_LUT_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::VIEW_CODE_SEQUENCE,
    tags::VIEW_MODIFIER_CODE_SEQUENCE,
    tags::VOILUT_SEQUENCE,
];

/// An attribute that occurs twice at one level, against PS3.5 section 7.1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Repeated {
    /// The first with the same value each time.
    pub(super) alike: Option<Tag>,
    /// The first with different ones.
    pub(super) different: Option<Tag>,
}

impl Repeated {
    fn or(self, other: Self) -> Self {
        Self { alike: self.alike.or(other.alike), different: self.different.or(other.different) }
    }
}

/// A parsed data set.
#[derive(Debug)]
pub(super) struct DataSet<'a> {
    elements: BTreeMap<Tag, Element<'a>>,
    /// How it is written.
    pub(super) encoding: Encoding,
    /// Where it breaks off, if it does.
    pub(super) broken: Option<Break>,
    /// Its Specific Character Set (0008,0005), or that of the data set around it.
    pub(super) charset: Charset,
    repeated: Repeated,
    limits: Limits,
    depth: usize,
}

impl<'a> DataSet<'a> {
    /// Parses as far as the bytes are a data set.
    pub(super) fn parse(bytes: &'a [u8], origin: Offset, encoding: Encoding, limits: &Limits) -> Self {
        Self::parse_sparse(Sparse::all(bytes), origin, encoding, limits)
    }

    /// The same of bytes some of which were left on disk.
    pub(super) fn parse_sparse(bytes: Sparse<'a>, origin: Offset, encoding: Encoding, limits: &Limits) -> Self {
        let walk = Walk::new(bytes, origin, encoding, limits.sequence_depth_max);
        Self::parse_at(walk, limits, Charset::default(), 0)
    }

    fn parse_at(mut walk: Walk<Sparse<'a>>, limits: &Limits, around: Charset, depth: usize) -> Self {
        let encoding = walk.encoding;
        let mut elements = BTreeMap::<Tag, Element<'a>>::new();
        let mut repeated = Repeated::default();
        let broken = loop {
            if elements.len() >= limits.elements_max {
                break Some(walk.break_here("there are too many elements"));
            }
            let (tag, element) = match walk.element(depth) {
                Ok(Some(next)) => next,
                Ok(None) => break None,
                Err(at) => break Some(at),
            };
            if let Some(at) = element.broken() {
                elements.entry(tag).or_insert(element);
                break Some(at);
            }
            if let Some(before) = elements.insert(tag, element) {
                let kind = if element.repeats(&before) { &mut repeated.alike } else { &mut repeated.different };
                kind.get_or_insert(tag);
            }
        };
        let mut data = Self { elements, encoding, broken, charset: around, repeated, limits: *limits, depth };
        if data.get(tags::SPECIFIC_CHARACTER_SET).is_some() {
            data.charset = Charset::new(&data.codes(tags::SPECIFIC_CHARACTER_SET));
        }
        data
    }

    /// An element, empty ones included.
    pub(super) fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.get(&tag)
    }

    /// All of them, by tag.
    pub(super) fn elements(&self) -> impl Iterator<Item = (Tag, &Element<'a>)> {
        self.elements.iter().map(|(tag, element)| (*tag, element))
    }

    /// Bytes of a text beyond which it is not read as one.
    pub(super) fn text_bytes_max(&self) -> usize {
        self.limits.text_bytes_max
    }

    /// What occurs twice, here or in an item of a sequence that is read.
    pub(super) fn repeated(&self) -> Repeated {
        let items = SEQUENCES.iter().flat_map(|&tag| self.items(tag));
        items.fold(self.repeated, |repeated, item| repeated.or(item.repeated()))
    }

    /// A walk through the items of a sequence.
    fn inside(&self, tag: Tag) -> Option<Walk<Sparse<'a>>> {
        let element = self.get(tag)?;
        let bytes = Sparse::all(element.bytes);
        Some(Walk::inside(bytes, tag, element, self.encoding, self.limits.sequence_depth_max))
    }

    /// The items of a sequence; none if it is absent, empty, too deep or no sequence.
    pub(super) fn items(&self, tag: Tag) -> Vec<DataSet<'a>> {
        self.items_up_to(tag, self.limits.sequence_items_max)
    }

    /// The first item of a sequence.
    pub(super) fn item(&self, tag: Tag) -> Option<DataSet<'a>> {
        self.items_up_to(tag, 1).pop()
    }

    fn items_up_to(&self, tag: Tag, items_max: usize) -> Vec<DataSet<'a>> {
        let Some(mut walk) = self.inside(tag) else { return Vec::new() };
        let depth = self.depth + 1;
        if depth > self.limits.sequence_depth_max {
            return Vec::new();
        }
        let mut items = Vec::new();
        while items.len() < items_max {
            let Ok(Some(item)) = walk.item(depth) else { break };
            items.push(Self::parse_at(item, &self.limits, self.charset.clone(), depth));
        }
        items
    }

    /// All items of a sequence, or where it breaks off.
    pub(super) fn items_whole(&self, tag: Tag) -> Result<Vec<DataSet<'a>>, Break> {
        let Some(mut walk) = self.inside(tag) else { return Ok(Vec::new()) };
        let depth = self.depth + 1;
        if depth > self.limits.sequence_depth_max {
            return walk.broken("sequences are nested too deep");
        }
        let mut items = Vec::new();
        while let Some(item) = walk.item(depth)? {
            items.push(Self::parse_at(item, &self.limits, self.charset.clone(), depth));
        }
        if walk.left() > 0 && walk.left() < 8 {
            return walk.broken("a length runs past the end");
        }
        Ok(items)
    }

    fn short_bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        let bytes = self.get(tag)?.bytes;
        (bytes.len() <= self.limits.text_bytes_max).then_some(bytes)
    }

    /// The values of an attribute in the default repertoire (CS, DA, DS, IS, TM, UI …), trimmed, empty ones kept.
    pub(super) fn codes(&self, tag: Tag) -> Vec<String> {
        let Some(bytes) = self.short_bytes(tag) else { return Vec::new() };
        if bytes.is_empty() {
            return Vec::new();
        }
        let trim = |value: &[u8]| String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned();
        bytes.split(|&b| b == b'\\').map(trim).collect()
    }

    /// The first value of such an attribute, if it has one.
    pub(super) fn code(&self, tag: Tag) -> Option<String> {
        self.codes(tag).into_iter().next().filter(|value| !value.is_empty())
    }

    /// The first value in upper case.
    pub(super) fn upper(&self, tag: Tag) -> Option<String> {
        self.code(tag).map(|value| value.to_ascii_uppercase())
    }

    /// Whether the attribute is `YES`.
    pub(super) fn is_yes(&self, tag: Tag) -> bool {
        self.upper(tag).as_deref() == Some("YES")
    }

    /// Text in the data set's character set (LO, LT, PN, SH, ST, UT), not split at backslashes; `None` if empty.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let bytes = self.short_bytes(tag)?;
        let text = self.charset.decode(bytes);
        let text = text.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The values of a DS, IS, FD or FL; `None` in the place of one that is no finite number.
    pub(super) fn numbers(&self, tag: Tag) -> Vec<Option<f64>> {
        let Some(element) = self.get(tag) else { return Vec::new() };
        let big = self.encoding.big();
        let values: Vec<Option<f64>> = match element.vr.as_ref() {
            Some(b"FD") => element
                .bytes
                .as_chunks::<8>()
                .0
                .iter()
                .map(|b| Some(if big { f64::from_be_bytes(*b) } else { f64::from_le_bytes(*b) }))
                .collect(),
            Some(b"FL") => element
                .bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| Some(f64::from(if big { f32::from_be_bytes(*b) } else { f32::from_le_bytes(*b) })))
                .collect(),
            Some(_) | None => self.codes(tag).iter().map(|text| text.parse().ok()).collect(),
        };
        values.into_iter().map(|value| value.filter(|v| v.is_finite())).collect()
    }

    /// The first of [`Self::numbers`].
    pub(super) fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag).into_iter().next().flatten()
    }

    /// The 16-bit words of a US, SS or OW, sign not interpreted.
    pub(super) fn words(&self, tag: Tag) -> Vec<u16> {
        let Some(element) = self.get(tag) else { return Vec::new() };
        element.bytes.as_chunks::<2>().0.iter().map(|b| self.encoding.u16(*b)).collect()
    }

    /// The first of [`Self::words`].
    pub(super) fn word(&self, tag: Tag) -> Option<u16> {
        let bytes = self.get(tag)?.bytes;
        bytes.first_chunk::<2>().map(|b| self.encoding.u16(*b))
    }
}
