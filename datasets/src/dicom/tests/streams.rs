//! Transfer syntaxes and code streams: every format, what a stream says that the data set does not, what breaks off.

use std::time::Instant;

use dicom_core::value::PixelFragmentSequence;
use uvid_codecs::{Encoding, Format, Frame, Shape};
use uvid_exam::Lossy;

use super::super::Missing;
use super::container::{is_plain, read_all};
use super::*;

pub(super) fn encapsulated(o: &mut InMemDicomObject, fragments: Vec<Vec<u8>>) {
    let pixels = PixelFragmentSequence::new(vec![0_u32], fragments);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
}

/// A frame in a code stream.
pub(super) fn encode(format: Format, shape: Shape, samples: &[u16], how: &Encoding) -> Vec<u8> {
    format.codec().encode(&Frame { shape, samples }, how).expect("encoded")
}

pub(super) fn plain_samples() -> Vec<u16> {
    (0..ROWS).flat_map(|r| (0..COLUMNS).map(move |c| stored_at(r, c))).collect()
}

pub(super) fn plain_shape() -> Shape {
    Shape::grey(ROWS, COLUMNS, 12)
}

/// The plain image's frame, 12 bits, without loss.
pub(super) fn plain_in(format: Format) -> Vec<u8> {
    encode(format, plain_shape(), &plain_samples(), &Encoding::Lossless)
}

fn pack_bits(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(128).flat_map(|c| std::iter::once((c.len() - 1) as u8).chain(c.iter().copied())).collect()
}

fn rle_frame(words: &[u16]) -> Vec<u8> {
    let high = pack_bits(&words.iter().map(|w| (w >> 8) as u8).collect::<Vec<_>>());
    let low = pack_bits(&words.iter().map(|w| *w as u8).collect::<Vec<_>>());
    let mut frame: Vec<u8> = [2, 64, 64 + high.len() as u32].iter().flat_map(|v| v.to_le_bytes()).collect();
    frame.resize(64, 0);
    frame.extend(high);
    frame.extend(low);
    if frame.len() % 2 == 1 {
        frame.push(0);
    }
    frame
}

#[test]
fn compressed_syntaxes() {
    let words: Vec<u16> = (0..ROWS).flat_map(|r| (0..COLUMNS).map(move |c| stored_at(r, c))).collect();
    let check = |syntax: &str, fragments: Vec<Vec<u8>>| {
        let mut o = plain();
        encapsulated(&mut o, fragments);
        is_plain(&file(&o, syntax), "");
    };
    check(uids::RLE_LOSSLESS, vec![rle_frame(&words)]);
    let ls = plain_in(Format::JpegLs);
    check(uids::JPEGLS_LOSSLESS, vec![ls.clone()]);
    check(
        uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN,
        vec![plain_samples().iter().flat_map(|word| word.to_le_bytes()).collect()],
    );
    // A frame may be cut into fragments anywhere.
    let (a, b) = ls.split_at(ls.len() / 4 * 2);
    check(uids::JPEGLS_LOSSLESS, vec![a.to_vec(), b.to_vec()]);
}

#[test]
fn lossy_or_not() {
    let check = |syntax: &str, bits: u16, declared: &str, expected: Lossy| {
        let shape = Shape::grey(ROWS, COLUMNS, bits);
        let stream = match bits {
            8 => encode(Format::JpegDct, shape, &[50; ROWS * COLUMNS], &Encoding::Lossy(10)),
            _ => plain_in(Format::JpegLs),
        };
        let mut o = plain();
        words(&mut o, tags::BITS_ALLOCATED, &[bits.next_multiple_of(8)]);
        words(&mut o, tags::BITS_STORED, &[bits]);
        words(&mut o, tags::HIGH_BIT, &[bits - 1]);
        text(&mut o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, declared);
        encapsulated(&mut o, vec![stream]);
        let image = read_all(&file(&o, syntax)).expect("readable");
        assert_eq!(image.lossy, expected, "{syntax} {declared}");
    };
    check(uids::JPEGLS_LOSSLESS, 12, "", Lossy::No);
    check(uids::JPEGLS_LOSSLESS, 12, "01", Lossy::Yes);
    check(uids::JPEGLS_NEAR_LOSSLESS, 12, "00", Lossy::No);
    check(uids::JPEGLS_NEAR_LOSSLESS, 12, "", Lossy::Yes);
    check(uids::JPEG_BASELINE8_BIT, 8, "", Lossy::Yes);
    check(uids::JPEG_BASELINE8_BIT, 8, "00", Lossy::Yes);
}

/// A file in a syntax that dicom-rs's writer may not have: the UID is put in by hand.
pub(super) fn relabelled(object: &InMemDicomObject, syntax: &str) -> Vec<u8> {
    let bytes = file(object, uids::JPEGLS_LOSSLESS);
    let from = uids::JPEGLS_LOSSLESS;
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("the syntax");
    let mut changed = bytes[..at - 2].to_vec();
    let mut uid = syntax.as_bytes().to_vec();
    uid.resize(uid.len().next_multiple_of(2), 0);
    changed.extend((uid.len() as u16).to_le_bytes());
    changed.extend(uid);
    changed.extend(&bytes[at + from.len()..]);
    changed
}

/// The plain image's frame as other encoders write it:
///
/// ```python
/// import numpy as np, imagecodecs as ic  # 2026.3.6
/// a = np.array([[0x100 * (15 - c) + r for c in range(16)] for r in range(12)], dtype=np.uint16)
/// ic.htj2k_encode(a).hex()
/// ic.jpeg2k_encode(a, level=0, codecformat='j2k', reversible=True, bitspersample=12).hex()
/// ic.ljpeg_encode(a, bitspersample=12).hex()
/// ```
const HTJ2K: &str = "ff4fff5100294000000000100000000c0000000000000000000000100000000c000000000000000000010f0101ff50000800020000000aff\
    52000c00020001000504044001ff5c00132088909090909090909090909090888888ff64001700014f70656e4a50482056657220302e3236\
    2e332eff90000a0000000000650001ff93c0002619eb0507740000c000134000128047f203877400f000c77400c00013801ff9c803027400\
    c00015500004a07ffcf1c7a0a232827600aac7beb400c0002b60001300ff7fff7fff7fe78a7a7182770000fbaeba9500ffd9";
const J2K: &str = "ff4fff5100290000000000100000000c0000000000000000000000100000000c000000000000000000010b0101ff52000c00000001000004\
    040001ff5c00044060ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34ff90000a00000000\
    00f20001ff93dfe3845f4a263ca15b5e0254b46432e81845be56e13e1f9b0fcd87e6bf73377ab43491c1b12c5c3ddb0ab7a8dd723c37ab4b\
    ab6370f580a08009d93d1bb77be27f88d61f63f24b028d61345bc2a47f6700a395747c0d29508ef94c240a5242425255d11e6429472b685a\
    fd0a608fb94d11df298483f26d11e6429472b685afd0a608fb94d11df2984822a732ec47990a51cada16bf42982423dc7633d02777fbfbdf\
    1ae815928508d740ac8a278a467a03a710324e73bcd72739cea208caaa8f0a595586777f334466999978ee90002850780000000000000000\
    0000000000000000000fffd9";
const LOSSLESS: &str = "ffd8ffc40016000101010000000000000000000000000001090bffc3000b0c000c001001001100ffda0008010000060000dc027fcff9ff00\
    3fe7fcff009ff3fe7fcff9ff003fe7fcff009feaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaaaaaaaaaaaaa0ffd9";

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("two digits")).collect()
}

#[test]
fn streams_of_other_encoders() {
    let check = |syntax: &str, stream: &str| {
        let mut o = plain();
        text(&mut o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        encapsulated(&mut o, vec![unhex(stream)]);
        is_plain(&relabelled(&o, syntax), "");
    };
    check("1.2.840.10008.1.2.4.201", HTJ2K);
    check("1.2.840.10008.1.2.4.202", HTJ2K);
    check("1.2.840.10008.1.2.4.203", HTJ2K);
    check("1.2.840.10008.1.2.4.90", J2K);
    check("1.2.840.10008.1.2.4.91", J2K);
    check("1.2.840.10008.1.2.4.57", LOSSLESS);
    check("1.2.840.10008.1.2.4.70", LOSSLESS);
}

#[test]
fn syntaxes_that_are_refused() {
    for syntax in ["1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93", "1.2.840.10008.1.2.4.102"] {
        let mut o = plain();
        encapsulated(&mut o, vec![vec![0xFF, 0xD8, 0, 0]]);
        let changed = relabelled(&o, syntax);
        let said = read_all(&changed).expect_err("refused");
        assert!(said.contains(syntax) && said.contains("cannot be decoded"), "{said}");
        assert!(read_header(&changed, &Limits::default()).is_ok_and(|h| h.transfer_syntax == syntax));
    }
}

#[test]
fn pixels_that_are_not_what_the_syntax_says() {
    let mut o = plain();
    let said = |o: &InMemDicomObject, syntax| read_all(&file(o, syntax)).expect_err("unreadable");
    assert!(said(&o, uids::JPEGLS_LOSSLESS).contains("is not encapsulated"));
    encapsulated(&mut o, vec![plain_in(Format::JpegLs)]);
    assert!(said(&o, uids::EXPLICIT_VR_LITTLE_ENDIAN).contains("is encapsulated although"));
    assert!(said(&o, uids::JPEG_LOSSLESS).contains("no JPEG lossless stream"));
    assert!(said(&o, uids::JPEG2000_LOSSLESS).contains("no JPEG 2000 stream"));
    words(&mut o, tags::ROWS, &[1]);
    assert!(said(&o, uids::JPEGLS_LOSSLESS).contains("other dimensions"));
    encapsulated(&mut o, vec![]);
    assert!(said(&o, uids::JPEGLS_LOSSLESS).contains("no JPEG-LS stream"));
    assert!(said(&o, uids::RLE_LOSSLESS).contains("RLE header"));
}

#[test]
fn a_near_empty_frame_is_no_bomb() {
    // A field of 4096 x 3328 with one pixel that is not 0: from 1 : 80 to more than 1 : 5000, and legal.
    let (rows, columns) = (4096_u16, 3328_u16);
    let shape = Shape::grey(rows.into(), columns.into(), 16);
    let mut samples = vec![0; shape.samples().expect("a size")];
    samples[5_000_000] = 65_535;
    for (format, syntax) in LOSSLESS_SYNTAXES {
        let Some(stream) = encoded_if_possible(format, shape, &samples) else { continue };
        println!("{syntax}: {} to 1", samples.len() * 2 / stream.len());
        let mut o = plain();
        for (tag, value) in
            [(tags::ROWS, rows), (tags::COLUMNS, columns), (tags::BITS_STORED, 16), (tags::HIGH_BIT, 15)]
        {
            words(&mut o, tag, &[value]);
        }
        text(&mut o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        encapsulated(&mut o, vec![stream]);
        let image = read_all(&relabelled(&o, syntax)).expect("readable");
        assert!(image.pixels.values() == samples, "{syntax}");
    }
}

/// A transfer syntax without loss for each format.
const LOSSLESS_SYNTAXES: [(Format, &str); 7] = [
    (Format::Rle, "1.2.840.10008.1.2.5"),
    (Format::JpegLossless, "1.2.840.10008.1.2.4.70"),
    (Format::JpegLs, "1.2.840.10008.1.2.4.80"),
    (Format::Jpeg2000, "1.2.840.10008.1.2.4.90"),
    (Format::Htj2k, "1.2.840.10008.1.2.4.201"),
    (Format::JpegXl, "1.2.840.10008.1.2.4.110"),
    (Format::DeflatedFrame, "1.2.840.10008.1.2.8.1"),
];

/// `None` where there is no encoder for the format.
fn encoded_if_possible(format: Format, shape: Shape, samples: &[u16]) -> Option<Vec<u8>> {
    match format.codec().encode(&Frame { shape, samples }, &Encoding::Lossless) {
        Err(uvid_codecs::CodecError::NoEncoder) => None,
        outcome => Some(outcome.expect("encoded")),
    }
}

#[test]
fn a_bomb_costs_nothing() {
    // 64 KiB that claim 65535 x 65535 pixels, which the data set confirms or does not.
    let streams = [
        (
            "1.2.840.10008.1.2.4.70",
            unhex(
                "ffd8ffc3000b10ffffffff01001100ffc4001600010100000000000000000000000000000000010000ffda00080100000100 00",
            ),
        ),
        ("1.2.840.10008.1.2.4.51", unhex("ffd8ffc1000b0cffffffff01001100ffda0008010000003f00")),
        ("1.2.840.10008.1.2.4.80", unhex("ffd8fff7000b10ffffffff01001100ffda0008010000000000")),
        (
            "1.2.840.10008.1.2.4.90",
            unhex(
                "ff4fff51002900000000ffff0000ffff0000000000000000000004000000040000000000000000000001 0f0101ff52000c00000001000504040001ff5c00132288909090909090909090909090888888",
            ),
        ),
        ("1.2.840.10008.1.2.5", unhex("0200000040000000")),
        ("1.2.840.10008.1.2.8.1", vec![0xED, 0xC1]),
    ];
    for (syntax, mut stream) in streams {
        stream.resize(64 << 10, 0);
        for side in [65_535_u16, 10_000] {
            let mut o = plain();
            for (tag, value) in
                [(tags::ROWS, side), (tags::COLUMNS, side), (tags::BITS_STORED, 16), (tags::HIGH_BIT, 15)]
            {
                words(&mut o, tag, &[value]);
            }
            encapsulated(&mut o, vec![stream.clone()]);
            let started = Instant::now();
            let said = read_all(&relabelled(&o, syntax)).expect_err("refused");
            assert!(started.elapsed().as_secs() < 20, "{syntax}: {:?}", started.elapsed());
            if side == 65_535 {
                assert_eq!(said, "cannot be read: Rows (0028,0010) asks for 4294836225, 100000000 are allowed");
            } else {
                println!("{syntax}: {said}");
            }
        }
    }
}

/// What the code stream says counts, where it and the data set disagree.
#[test]
fn the_code_stream_wins() {
    let samples = plain_samples();
    let bits = "Bits Stored (0028,0101) is not the precision of the code stream, which counts";
    let check = |precision: u16, allocated: u16, stored: u16, expected: Result<(u16, &str), &str>| {
        let shape = Shape::grey(ROWS, COLUMNS, precision);
        let values: Vec<u16> = samples.iter().map(|v| v & (u16::MAX >> (16 - precision))).collect();
        let mut o = plain();
        words(&mut o, tags::BITS_ALLOCATED, &[allocated]);
        words(&mut o, tags::BITS_STORED, &[stored]);
        words(&mut o, tags::HIGH_BIT, &[stored - 1]);
        encapsulated(&mut o, vec![encode(Format::JpegLossless, shape, &values, &Encoding::Lossless)]);
        match (read_all(&relabelled(&o, "1.2.840.10008.1.2.4.70")), expected) {
            (Ok(image), Ok((bits, note))) => {
                assert_eq!((image.notes.join("; ").as_str(), image.pixels.max()), (note, u16::MAX >> (16 - bits)));
                let kept: Vec<u16> = values.iter().map(|v| v & image.pixels.max()).collect();
                assert!(image.pixels.values() == kept, "{precision} {stored}");
            }
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (found, _) => panic!("{precision} {allocated} {stored}: {:?}", found.map(|image| image.notes)),
        }
    };
    check(12, 16, 12, Ok((12, "")));
    check(10, 16, 12, Ok((10, bits)));
    check(14, 16, 12, Ok((14, bits)));
    check(12, 16, 16, Ok((12, bits)));
    // All allocated bits were coded, those of an overlay too.
    check(16, 16, 12, Ok((12, "")));
    check(8, 8, 7, Ok((7, "")));
    check(12, 8, 8, Err("precision does not fit Bits Allocated (0028,0100)"));
}

#[test]
fn the_sign_of_a_stream_counts() {
    let sign = "Pixel Representation (0028,0103) is 0, the code stream is signed, which counts";
    let both = format!("Bits Stored (0028,0101) is not the precision of the code stream, which counts; {sign}");
    let check = |signed: bool, precision: u16, representation: u16, from: i32, expected: Result<&str, &str>| {
        // Upwards from there, in as many bits of a two's complement as are coded.
        let stored = |i: usize| from + i as i32;
        let word = |i| stored(i) as u16 & (u16::MAX >> (16 - precision));
        let samples: Vec<u16> = (0..ROWS * COLUMNS).map(word).collect();
        let shape = Shape { signed, ..Shape::grey(ROWS, COLUMNS, precision) };
        let mut o = plain();
        words(&mut o, tags::PIXEL_REPRESENTATION, &[representation]);
        encapsulated(&mut o, vec![encode(Format::Jpeg2000, shape, &samples, &Encoding::Lossless)]);
        let what = format!("{signed} {precision} {representation} {from}");
        match (read_all(&relabelled(&o, "1.2.840.10008.1.2.4.90")), expected) {
            (Ok(image), Ok(note)) => {
                assert_eq!(image.notes.join("; "), note, "{what}");
                for (i, pixel) in image.pixels.values().iter().enumerate() {
                    assert_eq!(image.pixels.stored(*pixel), stored(i), "{what}: {i}");
                }
            }
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (found, _) => panic!("{what}: {:?}", found.map(|image| image.notes)),
        }
    };
    check(true, 12, 1, -8, Ok(""));
    check(true, 12, 0, -8, Ok(sign));
    // As two's complement, whatever the stream thinks of it.
    check(false, 12, 1, -8, Ok(""));
    // All bits are coded: a sign that is not declared is above them.
    check(true, 16, 0, -8, Ok(&both));
    check(true, 16, 0, 2000, Ok(&both));
    check(true, 16, 0, 3900, Ok(&both));
    check(true, 16, 1, -8, Ok(""));
    check(true, 16, 1, -2048, Ok(""));
    check(false, 16, 1, -8, Ok(""));
    let beyond = "the code stream is signed and has values beyond what Bits Stored (0028,0101) allows";
    for from in [1900, 2048, 3900, -2049] {
        check(true, 16, 1, from, Err(beyond));
    }
}

#[test]
fn a_stream_of_the_sister_process_is_decoded_as_what_it_is() {
    let process = "Transfer Syntax UID (0002,0010) names another coding process than the code stream's, which counts";
    let lossy = "Lossy Image Compression (0028,2110) or the transfer syntax says that nothing was lost, the code stream \
                 is lossy";
    let check = |stream: Vec<u8>, syntax: &str, expected: Result<(Lossy, &[&str]), &str>| {
        let mut o = plain();
        text(&mut o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        encapsulated(&mut o, vec![stream]);
        match (read_all(&relabelled(&o, syntax)), expected) {
            (Ok(image), Ok((lossy, notes))) => {
                let mut found: Vec<&str> = image.notes.iter().map(String::as_str).collect();
                found.sort_unstable();
                assert_eq!((image.lossy, &found[..]), (lossy, notes), "{syntax}");
            }
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (found, _) => panic!("{syntax}: {:?}", found.map(|image| image.notes)),
        }
    };
    let dct = || encode(Format::JpegDct, plain_shape(), &plain_samples(), &Encoding::Lossy(5));
    let near = || encode(Format::JpegLs, plain_shape(), &plain_samples(), &Encoding::Lossy(2));
    check(
        dct(),
        "1.2.840.10008.1.2.4.51",
        Ok((Lossy::Yes, &["Lossy Image Compression (0028,2110) is 00 in a lossy transfer syntax"])),
    );
    check(dct(), "1.2.840.10008.1.2.4.70", Ok((Lossy::Yes, &[lossy, process])));
    check(
        plain_in(Format::JpegLossless),
        "1.2.840.10008.1.2.4.51",
        Ok((Lossy::Yes, &["Lossy Image Compression (0028,2110) is 00 in a lossy transfer syntax", process])),
    );
    check(near(), "1.2.840.10008.1.2.4.80", Ok((Lossy::Yes, &[lossy])));
    check(near(), "1.2.840.10008.1.2.4.81", Ok((Lossy::Yes, &[lossy])));
    check(unhex(J2K), "1.2.840.10008.1.2.4.201", Ok((Lossy::No, &[process])));
    check(unhex(HTJ2K), "1.2.840.10008.1.2.4.90", Ok((Lossy::No, &[process])));
    check(plain_in(Format::JpegLs), "1.2.840.10008.1.2.4.70", Err("no JPEG lossless stream"));
    check(plain_in(Format::JpegLossless), "1.2.840.10008.1.2.4.80", Err("no JPEG-LS stream"));
    check(plain_in(Format::JpegLs), "1.2.840.10008.1.2.4.90", Err("no JPEG 2000 stream"));
}

#[test]
fn colour_is_no_mammogram_and_grey_is_no_colour() {
    let colour = encode(
        Format::JpegLossless,
        Shape { components: 3, ..Shape::grey(ROWS, COLUMNS, 8) },
        &[10, 20, 30].repeat(ROWS * COLUMNS),
        &Encoding::Lossless,
    );
    let check = |stream: Vec<u8>, photometric: &str, samples: u16, read: &str, picture: Result<[u8; 3], &str>| {
        let mut o = plain();
        text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
        for (tag, value) in
            [(tags::SAMPLES_PER_PIXEL, samples), (tags::BITS_ALLOCATED, 8), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7)]
        {
            words(&mut o, tag, &[value]);
        }
        encapsulated(&mut o, vec![stream]);
        let bytes = relabelled(&o, "1.2.840.10008.1.2.4.70");
        let said = read_all(&bytes).expect_err("no mammogram");
        assert!(said.contains(read), "{said}");
        let shown = Object::of(&bytes, &Limits::default()).expect("opened").picture(1, None, Missing::Refuse);
        match (shown, picture) {
            (Ok(shown), Ok(pixel)) => assert!(shown.samples == 3 && shown.bytes == pixel.repeat(ROWS * COLUMNS)),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (shown, _) => panic!("{photometric}: {:?}", shown.map(|shown| shown.samples)),
        }
    };
    let grey = encode(Format::JpegLossless, Shape::grey(ROWS, COLUMNS, 8), &[7; ROWS * COLUMNS], &Encoding::Lossless);
    let rgb = Ok([10, 20, 30]);
    check(colour.clone(), "MONOCHROME2", 1, "several components, Samples per Pixel (0028,0002) is 1", rgb);
    check(
        colour.clone(),
        "RGB",
        3,
        "PhotometricInterpretation (0028,0004) is neither MONOCHROME1 nor MONOCHROME2",
        rgb,
    );
    check(colour, "MONOCHROME2", 3, "SamplesPerPixel (0028,0002) is not 1", rgb);
    let one = "neither MONOCHROME1 nor MONOCHROME2, the code stream has one component";
    let not_colour = Err("the code stream has one component, Photometric Interpretation (0028,0004) is of colour");
    check(grey.clone(), "RGB", 3, one, not_colour);
    check(grey.clone(), "YBR_FULL_422", 3, one, not_colour);
    check(
        grey,
        "MONOCHROME2",
        3,
        "SamplesPerPixel (0028,0002) is not 1, the code stream has one component",
        Err("is not 1"),
    );
}

#[test]
fn what_breaks_off_is_refused_and_can_be_looked_at() {
    let check = |bytes: Vec<u8>, whole: usize| {
        let Content::Listed(listed) = read(&bytes, &Limits::default()).expect("readable").content else {
            panic!("a mammogram")
        };
        assert_eq!(listed.fate.code(), "pixels-incomplete", "{}", listed.fate);
        let mut object = Object::of(&bytes, &Limits::default()).expect("opened");
        assert!(object.picture(1, None, Missing::Refuse).is_err());
        let part = object.picture(1, None, Missing::Keep).expect("a part");
        assert!(!part.whole && part.bytes.len() == ROWS * COLUMNS);
        // Rows at the top are those of the image, seen from its smallest value, that of what is missing, to its largest.
        let expected = |i: usize| {
            f64::from(stored_at(i / COLUMNS, i % COLUMNS)) / f64::from(stored_at(0, 0).max(stored_at(whole - 1, 0)))
                * 255.0
        };
        for i in 0..whole * COLUMNS {
            assert!((f64::from(part.bytes[i]) - expected(i)).abs() < 1.0, "{i}");
        }
        assert_eq!(part.bytes[ROWS * COLUMNS - 1], 0);
    };
    let pixels: Vec<u8> = plain_samples().iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut o = plain();
    let half = pixels[..ROWS * COLUMNS].to_vec();
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U8(half.clone().into())));
    check(explicit(&o), ROWS / 2);
    encapsulated(&mut o, vec![half]);
    check(file(&o, uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN), ROWS / 2);
    let lossless = plain_in(Format::JpegLossless);
    encapsulated(&mut o, vec![lossless[..lossless.len() - 6].to_vec()]);
    check(relabelled(&o, "1.2.840.10008.1.2.4.70"), ROWS / 2);
}

#[test]
fn a_code_stream_larger_than_the_image_is_refused_before_it_is_decoded() {
    let mut o = plain();
    let mut stream = plain_in(Format::JpegLs);
    let at = stream.windows(2).position(|w| w == [0xFF, 0xF7]).expect("a frame header");
    stream[at + 5..at + 9].fill(0xFF);
    encapsulated(&mut o, vec![stream]);
    let started = Instant::now();
    assert!(read_all(&file(&o, uids::JPEGLS_LOSSLESS)).expect_err("refused").contains("dimensions"));
    assert!(started.elapsed().as_secs() < 5);
}
