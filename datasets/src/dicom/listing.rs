//! A data set with everything in it, for whoever has to write it out in another form (WADO-RS metadata).
//!
//! Invariants: text is Unicode; what has no short form (pixels, other bytes, text beyond
//! [`Limits::text_bytes_max`](super::Limits)) is named and not copied; there are at most [`NODES_MAX`] elements and
//! values. Nothing here has a `Debug`: it is a patient's record.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::element::{DataSet, Element, is_vr};
use super::{Attribute, Place, ReadError};

/// Elements, items and values of one listing. An object of 500 frames with functional groups has some 50 000.
const NODES_MAX: usize = 500_000;

/// An element of a listing.
pub struct Node {
    /// Its tag.
    pub tag: Tag,
    /// Its Value Representation: the file's, or that of the dictionary where the file states none.
    pub vr: [u8; 2],
    /// What it holds.
    pub value: Value,
}

/// What an element holds.
pub enum Value {
    /// Text, decoded; one value for each of a multi-valued attribute.
    Texts(Vec<String>),
    /// US, SS, UL, SL, UV, SV.
    Integers(Vec<i128>),
    /// FL, FD.
    Floats(Vec<f64>),
    /// AT.
    Tags(Vec<Tag>),
    /// SQ.
    Items(Vec<Vec<Node>>),
    /// Bytes; [`super::Object::bulk`] gives them.
    Bulk,
}

/// A data set's elements.
pub struct Listing {
    /// The elements, by tag.
    pub nodes: Vec<Node>,
    /// Whether the data set goes on behind them, as far as these bytes tell. Pixel data that are cut off do not count.
    pub broken: bool,
}

/// The elements of a data set, without group lengths. It may end in Pixel Data (7FE0,0010).
pub(super) fn listing(data: &DataSet<'_>) -> Result<Listing, ReadError> {
    let mut left = NODES_MAX;
    let nodes = nodes(data, &mut left)?;
    let stopped = data.broken.map(ReadError::from);
    let in_pixels = matches!(&stopped, Some(ReadError::Broken { place: Place::In(tags::PIXEL_DATA), .. }));
    Ok(Listing { nodes, broken: stopped.is_some() && !in_pixels })
}

fn nodes(data: &DataSet<'_>, left: &mut usize) -> Result<Vec<Node>, ReadError> {
    let mut nodes = Vec::new();
    for (tag, element) in data.elements() {
        // Group lengths, (gggg,0000), and padding say nothing.
        if tag.1 == 0 || tag == tags::DATA_SET_TRAILING_PADDING {
            continue;
        }
        let vr = vr(data, tag, element);
        let value = value(data, tag, element, vr, left)?;
        let values = match &value {
            Value::Texts(values) => values.len(),
            Value::Integers(values) => values.len(),
            Value::Floats(values) => values.len(),
            Value::Tags(values) => values.len(),
            Value::Items(items) => items.len(),
            Value::Bulk => 0,
        };
        let attribute = Attribute(tag);
        let limit = ReadError::Limit { attribute, value: NODES_MAX + 1, max: NODES_MAX };
        *left = left.checked_sub(values + 1).ok_or(limit)?;
        nodes.push(Node { tag, vr, value });
    }
    Ok(nodes)
}

/// As the file says, else as the dictionary does (PS3.5 A.1).
fn vr(data: &DataSet<'_>, tag: Tag, element: &Element<'_>) -> [u8; 2] {
    if let Some(vr) = element.vr.filter(|vr| is_vr(*vr)) {
        return vr;
    }
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr.to_string().as_bytes().first_chunk().copied().unwrap_or(*b"UN"),
        Some(VirtualVr::Xs) if data.word(tags::PIXEL_REPRESENTATION) == Some(1) => *b"SS",
        Some(VirtualVr::Xs) => *b"US",
        Some(VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt) => *b"OW",
        // Private creators (PS3.5 section 7.8.1).
        None | Some(_) if tag.0 % 2 == 1 && (0x10..=0xFF).contains(&tag.1) => *b"LO",
        None | Some(_) => *b"UN",
    }
}

fn value(
    data: &DataSet<'_>,
    tag: Tag,
    element: &Element<'_>,
    vr: [u8; 2],
    left: &mut usize,
) -> Result<Value, ReadError> {
    let big = data.encoding.big();
    let integers = |size: usize, signed: bool| {
        Value::Integers(element.bytes.chunks_exact(size).map(|chunk| integer(chunk, big, signed)).collect())
    };
    Ok(match &vr {
        _ if element.apart.is_some() => Value::Bulk,
        b"SQ" => {
            let items = data.items(tag);
            Value::Items(items.iter().map(|item| nodes(item, left)).collect::<Result<_, _>>()?)
        }
        b"US" => integers(2, false),
        b"SS" => integers(2, true),
        b"UL" => integers(4, false),
        b"SL" => integers(4, true),
        b"UV" => integers(8, false),
        b"SV" => integers(8, true),
        b"FL" | b"FD" => Value::Floats(data.numbers(tag).into_iter().map(|n| n.unwrap_or(f64::NAN)).collect()),
        b"AT" => {
            let word = |b: &[u8; 2]| data.encoding.u16(*b);
            Value::Tags(
                element
                    .bytes
                    .as_chunks::<2>()
                    .0
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[g, e]| Tag(word(g), word(e)))
                    .collect(),
            )
        }
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"UN" => Value::Bulk,
        _ if element.bytes.len() > data.text_bytes_max() => Value::Bulk,
        b"LT" | b"ST" | b"UT" | b"UR" => {
            // One value: a backslash is one.
            let text = data.charset.decode(element.bytes);
            let text = text.trim_end_matches(['\0', ' ']);
            Value::Texts((!text.is_empty()).then(|| text.to_owned()).into_iter().collect())
        }
        b"LO" | b"PN" | b"SH" | b"UC" => Value::Texts(split(&data.charset.decode(element.bytes))),
        _ => Value::Texts(split(&String::from_utf8_lossy(element.bytes))),
    })
}

/// The values of a text, trimmed; empty ones in between are kept.
fn split(text: &str) -> Vec<String> {
    let text = text.trim_end_matches(['\0', ' ']);
    if text.is_empty() {
        return Vec::new();
    }
    text.split('\\').map(|value| value.trim_matches(['\0', ' ']).to_owned()).collect()
}

fn integer(bytes: &[u8], big: bool, signed: bool) -> i128 {
    let each = |value: i128, byte: &u8| value << 8 | i128::from(*byte);
    let value = if big { bytes.iter().fold(0, each) } else { bytes.iter().rev().fold(0, each) };
    let bits = bytes.len() * 8;
    if signed && value >> (bits - 1) & 1 == 1 { value - (1 << bits) } else { value }
}
