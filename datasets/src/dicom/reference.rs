//! Data sets that travel without a file around them, in messages between DICOM nodes: what they refer to.
//!
//! Invariant: what is read is whole. A sequence that breaks off, or is too deep, is an error and never a shorter list:
//! who asks whether objects are kept must not be told less than was asked.

use std::borrow::Cow;

use dicom_core::Tag;

use super::element::{DataSet, Encoding};
use super::{Limits, Offset, ReadError, syntax};

/// A data set, or an item of one.
#[derive(Debug)]
pub struct Bare<'a>(DataSet<'a>);

impl<'a> Bare<'a> {
    /// Parses bytes in a transfer syntax that does not deflate them, as far as they are a data set: see
    /// [`Bare::whole`].
    ///
    /// # Errors
    ///
    /// The transfer syntax is unknown or deflates.
    pub fn parse(bytes: &'a [u8], transfer_syntax: &str, limits: &Limits) -> Result<Self, ReadError> {
        let encoding = syntax::undeflated(transfer_syntax)?;
        let limits = Limits { sequence_items_max: usize::MAX, ..*limits };
        Ok(Self(DataSet::parse(bytes, Offset::File(0), encoding, &limits)))
    }

    /// Whether the data set does not break off.
    ///
    /// # Errors
    ///
    /// Where it does.
    pub fn whole(&self) -> Result<(), ReadError> {
        self.0.broken.map_or(Ok(()), |at| Err(at.into()))
    }

    /// The first value of an attribute in the default repertoire: a UID, a code.
    pub fn code(&self, tag: Tag) -> Option<String> {
        self.0.code(tag)
    }

    /// All its values, empty ones kept.
    pub fn codes(&self, tag: Tag) -> Vec<String> {
        self.0.codes(tag)
    }

    /// The value of a US.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        self.0.word(tag)
    }

    /// All items of a sequence; none where it is absent or empty.
    ///
    /// # Errors
    ///
    /// The sequence, or an item, breaks off.
    pub fn items(&self, tag: Tag) -> Result<Vec<Bare<'a>>, ReadError> {
        let items: Vec<_> = self.0.items_whole(tag)?.into_iter().map(Self).collect();
        items.iter().try_for_each(Self::whole)?;
        Ok(items)
    }
}

/// The Specific Character Set (0008,0005) that the first bytes of a data set declare: `None` where they do not say,
/// or cannot be read.
pub fn declared_charset(first: &[u8], transfer_syntax: &str) -> Option<String> {
    let data = Bare::parse(first, transfer_syntax, &Limits::default()).ok()?;
    let values = data.codes(dicom_dictionary_std::tags::SPECIFIC_CHARACTER_SET);
    (!values.is_empty()).then(|| values.join("\\"))
}

/// Whether bytes that pass hold a Pixel Data element's tag (7FE0,0010): fed piece by piece. A `false` is certain; a
/// `true` may be an accident.
#[derive(Debug, Clone)]
pub struct PixelsSeen {
    tag: [u8; 4],
    carry: Vec<u8>,
    seen: bool,
}

impl PixelsSeen {
    /// `None` for a transfer syntax in which that cannot be seen.
    pub fn new(transfer_syntax: &str) -> Option<Self> {
        let tag = match syntax::undeflated(transfer_syntax).ok()? {
            Encoding::ExplicitBig => [0x7F, 0xE0, 0x00, 0x10],
            Encoding::ImplicitLittle | Encoding::ExplicitLittle => [0xE0, 0x7F, 0x10, 0x00],
        };
        Some(Self { tag, carry: Vec::new(), seen: false })
    }

    /// The next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.seen {
            return;
        }
        let seam = bytes.len().min(3);
        self.carry.extend_from_slice(&bytes[..seam]);
        let hit = |haystack: &[u8]| haystack.windows(4).any(|window| window == self.tag);
        self.seen = hit(&self.carry) || hit(bytes);
        let rest: Cow<'_, [u8]> = if bytes.len() >= 3 { bytes.into() } else { self.carry.clone().into() };
        self.carry = rest[rest.len().saturating_sub(3)..].to_vec();
    }

    /// Whether it was there.
    pub fn seen(&self) -> bool {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_dictionary_std::tags;
    use proptest::prelude::*;

    const IMPLICIT: &str = "1.2.840.10008.1.2";

    fn element(tag: Tag, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(tag.0.to_le_bytes());
        bytes.extend(tag.1.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn a_sequence_is_read_whole_or_not_at_all() {
        let item = element(Tag(0xFFFE, 0xE000), &element(tags::REFERENCED_SOP_INSTANCE_UID, b"1.2.3\0"));
        let data = element(tags::REFERENCED_SOP_SEQUENCE, &item.repeat(300));
        let bare = Bare::parse(&data, IMPLICIT, &Limits::default()).unwrap();
        let items = bare.items(tags::REFERENCED_SOP_SEQUENCE).unwrap();
        assert_eq!(items.len(), 300);
        assert_eq!(items[299].code(tags::REFERENCED_SOP_INSTANCE_UID).as_deref(), Some("1.2.3"));
        assert!(bare.items(tags::FAILED_SOP_SEQUENCE).unwrap().is_empty());

        let cut = element(tags::REFERENCED_SOP_SEQUENCE, &item.repeat(2)[..item.len() + 12]);
        assert!(Bare::parse(&cut, IMPLICIT, &Limits::default()).unwrap().items(tags::REFERENCED_SOP_SEQUENCE).is_err());
        let broken = Bare::parse(&data[..data.len() - 1], IMPLICIT, &Limits::default()).unwrap();
        assert!(broken.whole().is_err());
        assert!(Bare::parse(&data, "1.2.840.10008.1.2.1.99", &Limits::default()).is_err());
    }

    #[test]
    fn the_character_set_stands_at_the_start() {
        let data =
            [element(tags::SPECIFIC_CHARACTER_SET, b"ISO_IR 144"), element(tags::SOP_CLASS_UID, b"1.2")].concat();
        assert_eq!(declared_charset(&data, IMPLICIT).as_deref(), Some("ISO_IR 144"));
        assert_eq!(declared_charset(&data[..17], IMPLICIT), None);
        assert_eq!(declared_charset(&element(tags::SOP_CLASS_UID, b"1.2"), IMPLICIT), None);
    }

    proptest! {
        #[test]
        fn pixels_are_seen_however_the_bytes_are_cut(
            before in prop::collection::vec(any::<u8>(), 0..40),
            after in prop::collection::vec(any::<u8>(), 0..10),
            cuts in prop::collection::vec(1usize..7, 1..20),
            there in any::<bool>(),
        ) {
            let tag: &[u8] = if there { &[0xE0, 0x7F, 0x10, 0x00] } else { &[] };
            let bytes = [&before, tag, &after].concat();
            let mut pixels = PixelsSeen::new(IMPLICIT).unwrap();
            let (mut rest, mut cuts) = (bytes.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                pixels.feed(piece);
                rest = tail;
            }
            prop_assert_eq!(pixels.seen(), bytes.windows(4).any(|w| w == [0xE0, 0x7F, 0x10, 0x00]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for syntax in [IMPLICIT, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"] {
                let bare = Bare::parse(&bytes, syntax, &Limits::default()).unwrap();
                let _ = (bare.whole(), bare.items(tags::REFERENCED_SOP_SEQUENCE));
            }
        }
    }
}
