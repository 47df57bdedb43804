//! An image is one frame: what lies behind it is padding, is noted, or is another image.

use dicom_core::value::PixelFragmentSequence;
use uvid_codecs::{Encoding, Format};

use super::container::read_all;
use super::streams::{encapsulated, encode, plain_in, plain_samples, plain_shape, relabelled};
use super::*;

/// The plain image as it would be with every pixel's bits turned over.
fn other_samples() -> Vec<u16> {
    plain_samples().iter().map(|value| 4095 - value).collect()
}

#[test]
fn a_frame_is_one_stream() {
    let check = |fragments: Vec<Vec<u8>>, syntax: &str, expected: Result<&str, &str>| {
        for table in [vec![], vec![0_u32]] {
            let mut o = plain();
            let pixels = PixelFragmentSequence::new(table, fragments.clone());
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
            match (read_all(&relabelled(&o, syntax)), expected) {
                (Ok(image), Ok(note)) => {
                    assert_eq!(image.notes.join("; "), note, "{syntax}");
                    assert!(image.pixels.values() == plain_samples(), "{syntax}");
                }
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
                (found, _) => panic!("{syntax}: {:?}", found.map(|image| image.notes)),
            }
        }
    };
    let fragments = "holds several code streams where Number of Frames (0028,0008) is 1";
    let joined = "the frame holds several code streams";
    let behind = "bytes lie behind the end of the code stream and are not used";
    for (format, syntax) in [
        (Format::JpegLossless, "1.2.840.10008.1.2.4.70"),
        (Format::JpegLs, "1.2.840.10008.1.2.4.80"),
        (Format::Jpeg2000, "1.2.840.10008.1.2.4.90"),
    ] {
        let one = plain_in(format);
        let two = encode(format, plain_shape(), &other_samples(), &Encoding::Lossless);
        let with = |bytes: &[u8]| vec![[&one, bytes].concat()];
        check(vec![one.clone()], syntax, Ok(""));
        check(with(&[0; 5]), syntax, Ok(""));
        check(vec![one.clone(), two.clone()], syntax, Err(fragments));
        check(with(&two), syntax, Err(joined));
        check(with(&[&[0; 3][..], &two].concat()), syntax, Err(joined));
        // Whatever is between them, far behind.
        check(vec![[&one[..], &[0; 9000], &two].concat()], syntax, Err(joined));
        check(with(b"\0more"), syntax, Ok(behind));
        check(with(&[0xFF, 0xD9]), syntax, Ok(""));
    }
}

#[test]
fn uncompressed_pixels_are_one_frame() {
    let check = |more: usize, expected: Result<&str, &str>| {
        let pixels = [plain_samples(), other_samples(), other_samples()].concat();
        let bytes: Vec<u8> = pixels.iter().flat_map(|word| word.to_le_bytes()).collect();
        let bytes = bytes[..2 * ROWS * COLUMNS + more].to_vec();
        let mut native = plain();
        native.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U8(bytes.clone().into())));
        let mut fragment = plain();
        encapsulated(&mut fragment, vec![bytes]);
        let syntax = uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN;
        for file in [explicit(&native), file(&fragment, syntax)] {
            match (read_all(&file), expected) {
                (Ok(image), Ok(note)) => {
                    assert_eq!(image.notes.join("; "), note, "{more}");
                    assert!(image.pixels.values() == plain_samples(), "{more}");
                }
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
                (found, _) => panic!("{more}: {:?}", found.map(|image| image.notes)),
            }
        }
    };
    let longer = "Pixel Data (7FE0,0010) is longer than Rows, Columns and Bits Allocated say";
    let several = "PixelData (7FE0,0010) holds several frames in the place of one";
    check(0, Ok(""));
    check(2, Ok(longer));
    check(100, Ok(longer));
    check(2 * ROWS * COLUMNS, Err(several));
    check(2 * ROWS * COLUMNS - 2, Ok(longer));
    check(4 * ROWS * COLUMNS, Err(several));
    // Three bytes and one of padding; then it is none.
    let bytes = |bytes: &'static [u8]| {
        mammogram(|o| {
            for (tag, value) in [
                (tags::BITS_ALLOCATED, 8),
                (tags::BITS_STORED, 8),
                (tags::HIGH_BIT, 7),
                (tags::ROWS, 1),
                (tags::COLUMNS, 3),
            ] {
                words(o, tag, &[value]);
            }
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bytes.into())));
        })
    };
    assert_eq!(bytes(&[1, 2, 3, 0]).notes, Vec::<String>::new());
    assert_eq!(bytes(&[1, 2, 3, 0, 0, 0, 0, 0]).notes, [longer]);
}
