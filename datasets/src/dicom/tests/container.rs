//! The file around the data set, transfer syntaxes, and bytes that mean harm.

use std::time::Instant;

use dicom_core::value::PixelFragmentSequence;
use uvid_codecs::{Encoding, Format, Frame, Shape};
use uvid_exam::Lossy;

use super::*;

fn read_all(bytes: &[u8]) -> Result<Mammogram, String> {
    match read(bytes, &Limits::default()).map_err(|e| e.to_string())?.content {
        Content::Mammogram(image) => Ok(*image),
        Content::Listed(listed) => Err(listed.fate.to_string()),
    }
}

fn is_plain(bytes: &[u8], note: &str) {
    let image = read_all(bytes).expect("readable");
    assert_eq!(image.pixels, mammogram(|_| {}).pixels);
    assert_eq!(image.view, Some(uvid_exam::View::CranioCaudal));
    let noted: Vec<&str> = image.notes.iter().map(String::as_str).collect();
    assert_eq!(noted, if note.is_empty() { vec![] } else { vec![note] });
    let header = read_header(bytes, &Limits::default()).expect("readable");
    assert_eq!(header.sop_instance, image.sop_instance);
    assert_eq!(header.patient, image.patient);
    assert_eq!(header.modality.as_deref(), Some("MG"));
}

#[test]
fn uncompressed_syntaxes() {
    for syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        BIG_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ] {
        let bytes = file(&plain(), syntax);
        is_plain(&bytes, "");
        assert_eq!(read_header(&bytes, &Limits::default()).expect("readable").transfer_syntax, syntax);
    }
}

/// The data set alone: what follows 132 bytes and a meta group whose length its first element states.
fn data_set(bytes: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(bytes[140..144].try_into().expect("four bytes"));
    &bytes[144 + length as usize..]
}

#[test]
fn files_that_are_not_quite_part_10() {
    let whole = explicit(&plain());
    let mut no_group_length = whole.clone();
    no_group_length.drain(132..144);
    is_plain(&no_group_length, "");
    is_plain(&whole[128..], "the file has no preamble");
    is_plain(&no_group_length[128..], "the file has no preamble");
    for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN, BIG_ENDIAN] {
        let bytes = file(&plain(), syntax);
        let image = read_all(data_set(&bytes)).expect("readable");
        assert_eq!(image.pixels, mammogram(|_| {}).pixels, "{syntax}");
        assert_eq!(image.notes.len(), 2, "{:?}", image.notes);
    }
    // The syntax that is declared and the one that is written.
    let swap = |meta: &str, data: &str| {
        let mut bytes = file(&plain(), meta);
        let at = bytes.len() - data_set(&bytes).len();
        bytes.truncate(at);
        bytes.extend(data_set(&file(&plain(), data)));
        bytes
    };
    let note = "the data set is not written as its transfer syntax says";
    is_plain(&swap(uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN), note);
    is_plain(&swap(uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN), note);
    // Padding and rubbish behind the pixels.
    let mut padded = whole.clone();
    padded.extend([0; 100]);
    is_plain(&padded, "");
    let mut rubbish = whole;
    rubbish.extend(b"this is not DICOM");
    assert!(read_all(&rubbish).is_ok_and(|i| noted(&i, "the data set is broken at byte")));
}

#[test]
fn files_that_are_none() {
    let check = |bytes: &[u8], code: &str| {
        assert_eq!(read(bytes, &Limits::default()).expect_err("not readable").code(), code, "{bytes:?}");
        assert!(read_header(bytes, &Limits::default()).is_err());
    };
    check(b"", "not-dicom");
    check(b"%PDF-1.7", "not-dicom");
    check(&[0; 2000], "not-dicom");
    check(b"DICM", "data-set-broken");
    check(&[2, 0, 0, 0, b'U', b'L', 4, 0], "data-set-broken");
    check(&[8, 0, 5, 0, b'C', b'S', 0, 0], "attribute-missing");
    let mut unknown = explicit(&plain());
    let at = unknown.windows(19).position(|w| w == b"1.2.840.10008.1.2.1").expect("the syntax");
    unknown[at + 18] = b'9';
    check(&unknown, "transfer-syntax-unknown");
    unknown[at + 18] = b'x';
    check(&unknown, "attribute-invalid");
    let small = Limits { file_bytes_max: 100, ..Limits::default() };
    assert_eq!(read(&explicit(&plain()), &small).expect_err("too large").code(), "file-too-large");
}

#[test]
fn every_truncation_is_an_error_or_a_note() {
    for syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        BIG_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
    ] {
        let whole = file(&plain(), syntax);
        for length in 0..whole.len() {
            // A deflated stream may give up all pixels before its last byte; that leaves a note.
            let outcome = read_all(&whole[..length]);
            let end = length + 16 > whole.len() && syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
            match outcome {
                Err(_) => {}
                Ok(image) if end => assert_eq!(image.pixels, mammogram(|_| {}).pixels),
                Ok(_) => panic!("{syntax} {length} of {}", whole.len()),
            }
        }
    }
    let whole = explicit(&plain());
    let said = read_all(&whole[..whole.len() - 1]).expect_err("cut");
    assert!(said.contains("the data set is broken at byte"), "{said}");
}

fn encapsulated(o: &mut InMemDicomObject, fragments: Vec<Vec<u8>>) {
    let pixels = PixelFragmentSequence::new(vec![0_u32], fragments);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
}

/// A frame in a code stream.
fn encode(format: Format, shape: Shape, samples: &[u16], how: &Encoding) -> Vec<u8> {
    format.codec().encode(&Frame { shape, samples }, how).expect("encoded")
}

fn plain_samples() -> Vec<u16> {
    (0..ROWS).flat_map(|r| (0..COLUMNS).map(move |c| stored_at(r, c))).collect()
}

fn plain_shape() -> Shape {
    Shape::grey(ROWS, COLUMNS, 12)
}

/// The plain image's frame, 12 bits, without loss.
fn plain_in(format: Format) -> Vec<u8> {
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
fn a_missing_sequence_delimiter_behind_the_pixels_is_tolerated() {
    let mut o = plain();
    encapsulated(&mut o, vec![plain_samples().iter().flat_map(|word| word.to_le_bytes()).collect()]);
    let mut bytes = file(&o, uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN);
    bytes.truncate(bytes.len() - 8);
    is_plain(&bytes, "");
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
fn relabelled(object: &InMemDicomObject, syntax: &str) -> Vec<u8> {
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
    // (format, syntax, precision, Bits Allocated, Bits Stored, High Bit, Pixel Representation) and the range, the lowest
    // pixel of the file and what is noted.
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
        let shown =
            Object::of(&bytes, &Limits::default()).expect("opened").picture(1, None, super::super::Missing::Refuse);
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
    use super::super::Missing;
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

/// An element of explicit VR with a 32-bit length.
fn long(group: u16, element: u16, vr: &[u8; 2], length: u32) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
    bytes.extend(vr);
    bytes.extend([0, 0]);
    bytes.extend(length.to_le_bytes());
    bytes
}

#[test]
fn lengths_cost_nothing() {
    for vr in [b"OB", b"OW", b"UN", b"UT", b"SQ"] {
        let mut bytes = explicit(&plain());
        bytes.extend(long(0x7FE1, 0x0010, vr, 0xFFFF_FFFE));
        bytes.extend([1; 16]);
        let started = Instant::now();
        let image = read_all(&bytes).expect("the pixels stand before it");
        assert!(noted(&image, "a length runs past the end"));
        assert!(started.elapsed().as_secs() < 5);
    }
}

#[test]
fn nesting_is_bounded() {
    const DEEP: usize = 200_000;
    // In the data set, where every level is open, and in an attribute that is read.
    let mut seen = plain();
    seen.remove_element(tags::VIEW_CODE_SEQUENCE);
    for (group, element) in [(0x0054, 0x0220), (0x7FE1, 0x0010)] {
        let mut bytes = explicit(&seen);
        for _ in 0..DEEP {
            bytes.extend(long(group, element, b"SQ", u32::MAX));
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        }
        let image = read_all(&bytes).expect("the pixels stand before it");
        assert!(noted(&image, "nested too deep"), "{:?}", image.notes);
    }
    // With lengths, each level holding the next; only what is looked at is walked.
    let mut nested = Vec::new();
    for _ in 0..2000 {
        let mut item = vec![0xFE, 0xFF, 0x00, 0xE0];
        item.extend((nested.len() as u32).to_le_bytes());
        item.extend(&nested);
        nested = long(0x0054, 0x0220, b"SQ", item.len() as u32);
        nested.extend(item);
    }
    let mut bytes = explicit(&seen);
    bytes.extend(nested);
    assert!(read_all(&bytes).is_ok_and(|image| image.view == Some(uvid_exam::View::CranioCaudal)));
}

#[test]
fn counts_are_bounded() {
    let small = Limits { elements_max: 10, ..Limits::default() };
    let error = read(&explicit(&plain()), &small).expect_err("too many elements");
    assert_eq!(error.code(), "data-set-broken");
    let small = Limits { inflated_bytes_max: 300, ..Limits::default() };
    let deflated = file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    assert_eq!(read(&deflated, &small).expect_err("too large").code(), "file-too-large");
    let small = Limits { frame_pixels_max: ROWS * COLUMNS - 1, ..Limits::default() };
    let read = read(&explicit(&plain()), &small).expect("listed");
    assert!(matches!(read.content, Content::Listed(Listed { fate: Fate::Unreadable(_), .. })));
}

#[test]
fn a_sequence_of_unknown_vr_is_implicit_within() {
    // PS3.5 section 6.2.2: (0054,0220) as UN of undefined length, its item in implicit VR.
    let mut o = plain();
    o.remove_element(tags::VIEW_CODE_SEQUENCE);
    o.remove_element(tags::VIEW_POSITION);
    let mut bytes = explicit(&o);
    bytes.extend(long(0x0054, 0x0220, b"UN", u32::MAX));
    bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    for (element, value) in [(0x0100_u16, "399162004 "), (0x0102, "SCT ")] {
        bytes.extend([8, 0]);
        bytes.extend(element.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    let image = read_all(&bytes).expect("readable");
    assert_eq!(image.view, Some(uvid_exam::View::CranioCaudal));
    assert_eq!(image.notes, Vec::<String>::new());
}

#[test]
fn a_break_says_where_it_is() {
    let whole = explicit(&plain());
    let at = |part: &[u8]| whole.windows(part.len()).position(|w| w == part).expect("the part");
    let check = |bytes: &[u8], expected: String| {
        let said = read_all(bytes).expect_err("broken");
        assert!(said.ends_with(&expected), "{said}, not {expected}");
    };
    // Offsets count from the start of the file; that of a value is where the value starts.
    let view = at(b"\x18\0\x01\x51CS\x02\0") + 8;
    let in_view =
        format!("the data set is broken at byte {view}, in ViewPosition (0018,5101): a length runs past the end");
    check(&whole[..=view], in_view.clone());
    let mut long_view = whole.clone();
    long_view[view - 2..view].fill(0xFF);
    check(&long_view, in_view);
    let mut no_vr = whole.clone();
    no_vr[view + 6..view + 8].fill(0);
    let problem = "after ViewPosition (0018,5101): an element has no value representation";
    check(&no_vr, format!("the data set is broken at byte {}, {problem}", view + 8));
    // Within an item, the attribute of the item is named.
    let code = at(b"\x08\0\0\x01SH") + 8;
    let mut in_item = plain();
    in_item.remove_element(tags::VIEW_CODE_SEQUENCE);
    in_item.remove_element(tags::PIXEL_DATA);
    let mut in_item = explicit(&in_item);
    let start = in_item.len();
    in_item.extend(&whole[code - 28..=code]);
    let problem = "in CodeValue (0008,0100): a length runs past the end";
    check(&in_item, format!("the data set is broken at byte {}, {problem}", start + 28));
    check(&whole[..132], "the data set is broken at byte 132, at its start: there is no data set".to_owned());
    // A name that is taken for a tag is not repeated.
    let mut name = data_set(&file(&plain(), uids::IMPLICIT_VR_LITTLE_ENDIAN)).to_vec();
    name.extend(b"Secret^Name");
    assert!(read_all(&name).is_ok_and(|i| noted(&i, "in an attribute that is not in PS3.6")));
    let deflated = file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    let said = read_all(&deflated[..deflated.len() - 40]).expect_err("cut");
    assert!(said.contains("of the inflated data set, in "), "{said}");
}

#[test]
fn an_attribute_that_is_there_twice() {
    let side = |value: &[u8; 2]| [b"\x20\0\x62\0CS\x02\0".as_slice(), value].concat();
    let code = |value: &[u8; 2]| [b"\x08\0\0\x01SH\x02\0".as_slice(), value].concat();
    let view = |elements: Vec<u8>| {
        let mut bytes = long(0x0054, 0x0220, b"SQ", elements.len() as u32 + 8);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend((elements.len() as u32).to_le_bytes());
        [bytes, elements].concat()
    };
    let mut object = plain();
    object.remove_element(tags::IMAGE_LATERALITY);
    object.remove_element(tags::VIEW_CODE_SEQUENCE);
    let check = |added: &[Vec<u8>], expected: Result<&str, &str>| {
        let bytes = [vec![explicit(&object)], added.to_vec()].concat().concat();
        match (read(&bytes, &Limits::default()), expected) {
            (Ok(Received { content: Content::Mammogram(image), .. }), Ok(note)) => {
                let notes: Vec<&str> = image.notes.iter().map(String::as_str).filter(|n| n.contains("twice")).collect();
                assert_eq!(notes.join("; "), note);
            }
            (Err(error), Err(expected)) => {
                assert_eq!((error.to_string().as_str(), error.code()), (expected, "attribute-invalid"));
                assert_eq!(read_header(&bytes, &Limits::default()), Err(error));
            }
            (outcome, expected) => panic!("{outcome:?}, not {expected:?}"),
        }
    };
    check(&[side(b"L ")], Ok(""));
    check(&[side(b"L "), side(b"L ")], Ok("ImageLaterality (0020,0062) occurs twice with the same value"));
    let different = "ImageLaterality (0020,0062) occurs twice with different values";
    check(&[side(b"L "), side(b"R ")], Err(different));
    check(&[side(b"L "), side(b"L "), side(b"R ")], Err(different));
    check(&[side(b"L "), side(b"R "), side(b"L ")], Err(different));
    check(&[view([code(b"1 "), code(b"1 ")].concat())], Ok("CodeValue (0008,0100) occurs twice with the same value"));
    check(
        &[view([code(b"1 "), code(b"2 ")].concat())],
        Err("CodeValue (0008,0100) occurs twice with different values"),
    );
    // Two items are two levels.
    check(&[side(b"L "), view(code(b"1 "))], Ok(""));
}

#[test]
fn the_digest_is_of_the_bytes() {
    let one = read(&explicit(&plain()), &Limits::default()).expect("readable").digest;
    let mut bytes = explicit(&plain());
    assert_eq!(read(&bytes, &Limits::default()).expect("readable").digest, one);
    bytes[0] = 1;
    assert_ne!(read(&bytes, &Limits::default()).expect("readable").digest, one);
}
