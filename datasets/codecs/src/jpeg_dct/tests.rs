use super::header::{PADDING_BYTES_MAX, SEQUENTIAL};
use super::*;
use crate::Format;
use crate::markers::{EOI, SOS};

fn shape(precision: u16, components: usize) -> Shape {
    Shape { components, ..Shape::grey(37, 51, precision) }
}

/// A soft ramp in each component.
fn samples(shape: &Shape) -> Vec<u16> {
    let most = usize::from(u16::MAX >> (16 - shape.precision));
    let width = shape.columns * shape.components;
    let ramp = |at: usize| (at % width + at / width) * most / (width + shape.rows) + at % shape.components;
    (0..shape.rows * width).map(|at| ramp(at).min(most) as u16).collect()
}

fn coded(shape: &Shape, further: &[(turbo::TJPARAM, c_int)]) -> Vec<u8> {
    let sampling = if shape.components == 1 { turbo::TJSAMP_TJSAMP_GRAY } else { turbo::TJSAMP_TJSAMP_444 };
    let usual = [
        (turbo::TJPARAM_TJPARAM_QUALITY, 95),
        (turbo::TJPARAM_TJPARAM_SUBSAMP, sampling),
        (turbo::TJPARAM_TJPARAM_OPTIMIZE, 1),
    ];
    let sides = [shape.columns as c_int, shape.rows as c_int];
    encode(shape, &samples(shape), sides, &[&usual, further].concat()).expect("encodes")
}

fn decoded(stream: &[u8], declared: &Shape, missing: Missing) -> Result<(Header, Vec<u16>, Extent), CodecError> {
    crate::decode(Format::JpegDct, stream, declared, &Decoding { missing, ..Decoding::default() }, 1 << 20)
}

const OF_NO_SCAN: &str = "the JPEG stream has bytes that belong to no scan";

const PROGRESSIVE: (turbo::TJPARAM, c_int) = (turbo::TJPARAM_TJPARAM_PROGRESSIVE, 1);

/// The same coefficients in another order give the same samples.
#[test]
fn progressive_and_sequential() {
    for shape in [shape(8, 1), shape(12, 1), shape(8, 3), shape(12, 3)] {
        let (header, sequential, extent) = decoded(&coded(&shape, &[]), &shape, Missing::Refuse).expect("decodes");
        assert_eq!((header.shape, extent), (shape, Extent::Whole));
        let furthest = sequential.iter().zip(samples(&shape)).map(|(a, b)| a.abs_diff(b)).max();
        assert!(furthest <= Some(u16::MAX >> (16 - shape.precision) >> 6), "{furthest:?}");
        let progressive = decoded(&coded(&shape, &[PROGRESSIVE]), &shape, Missing::Refuse).expect("decodes");
        assert_eq!(progressive, (header, sequential, Extent::Whole));
    }
}

#[test]
fn chroma_of_half_the_size() {
    let shape = shape(8, 3);
    let stream = coded(&shape, &[(turbo::TJPARAM_TJPARAM_SUBSAMP, turbo::TJSAMP_TJSAMP_420)]);
    let (_, decoded, _) = decoded(&stream, &shape, Missing::Refuse).expect("decodes");
    let furthest = decoded.iter().zip(samples(&shape)).map(|(a, b)| a.abs_diff(b)).max();
    assert!(furthest.is_some_and(|furthest| furthest <= 8), "{furthest:?}");
}

/// Of a progressive frame that breaks off, libjpeg knows no row.
#[test]
fn a_progressive_frame_breaks_off() {
    let shape = shape(12, 1);
    let stream = coded(&shape, &[PROGRESSIVE]);
    for length in 0..stream.len() {
        for missing in [Missing::Refuse, Missing::Keep] {
            let cut = decoded(&stream[..length], &shape, missing).map(|_| ());
            assert!(matches!(cut, Err(CodecError::BreaksOff(_) | CodecError::Other(_))), "{length}: {cut:?}");
        }
    }
}

#[test]
fn processes_that_are_not_decoded() {
    let shape = shape(8, 1);
    let arithmetic = coded(&shape, &[(turbo::TJPARAM_TJPARAM_ARITHMETIC, 1), (turbo::TJPARAM_TJPARAM_OPTIMIZE, 0)]);
    assert_eq!(JpegDct.inspect(&arithmetic, &shape), Err(CodecError::Unsupported("arithmetic-coded JPEG")));
    let lossless = coded(&shape, &[(turbo::TJPARAM_TJPARAM_LOSSLESS, 1)]);
    assert_eq!(JpegDct.inspect(&lossless, &shape), Err(CodecError::Other("JPEG")));
}

/// Bytes before the end marker are padding; in the middle of a scan, rows are missing.
#[test]
fn padding_and_loss() {
    let shape = shape(12, 1);
    let mut stream = coded(&shape, &[]);
    let whole = decoded(&stream, &shape, Missing::Refuse).expect("decodes");
    let end = stream.len() - 2;
    stream.splice(end..end, [0, 0]);
    assert_eq!(decoded(&stream, &shape, Missing::Refuse), Ok(whole.clone()));
    stream.drain(end - 100..end + 2);
    assert_eq!(decoded(&stream, &shape, Missing::Refuse).map(|_| ()), Err(CodecError::BreaksOff("in a scan")));
    let (_, part, extent) = decoded(&stream, &shape, Missing::Keep).expect("a part");
    assert_eq!(extent, Extent::Part);
    assert!(part.iter().zip(&whole.1).all(|(part, whole)| part == whole || *part == 0));
}

/// NEMA's encoder of 2004 leaves 0 where a sequential scan says "all coefficients".
#[test]
fn a_scan_header_that_says_nothing() {
    let shape = shape(12, 1);
    let mut stream = coded(&shape, &[]);
    let whole = decoded(&stream, &shape, Missing::Refuse);
    let scan = stream.windows(2).position(|w| w == [0xFF, SOS]).expect("has a scan");
    assert_eq!(stream[scan + 7..scan + 10], SEQUENTIAL);
    stream[scan + 8] = 0;
    assert_eq!(decoded(&stream, &shape, Missing::Refuse), whole);
}

/// A scan goes on where the frame should end: it is of another frame.
#[test]
fn a_scan_of_more_rows_than_its_frame() {
    for shape in [shape(8, 1), shape(12, 1), shape(8, 3), shape(12, 3)] {
        let mut stream = coded(&shape, &[]);
        let frame = stream.windows(2).position(|w| matches!(w, [0xFF, 0xC0 | 0xC1])).expect("has a frame header");
        for rows in [8, 16, 24] {
            stream[frame + 6] = rows;
            for missing in [Missing::Refuse, Missing::Keep] {
                let got = decoded(&stream, &shape, missing).map(|_| ());
                assert_eq!(got, Err(CodecError::Invalid(OF_NO_SCAN)), "{rows} of {shape:?}");
            }
        }
    }
}

/// Bits that libjpeg has read ahead, up to 8 bytes, are not counted; so the limit shows only beyond both.
#[test]
fn what_may_stand_before_the_end() {
    let check = |bytes: &[u8], expected: Result<(), CodecError>| {
        for shape in [shape(8, 1), shape(12, 1), shape(12, 3)] {
            let mut stream = coded(&shape, &[]);
            let whole = decoded(&stream, &shape, Missing::Refuse).expect("decodes");
            stream.splice(stream.len() - 2..stream.len() - 2, bytes.iter().copied());
            let got = decoded(&stream, &shape, Missing::Refuse);
            assert_eq!(got, expected.clone().map(|()| whole), "{bytes:?}");
        }
    };
    let refused = Err(CodecError::Invalid(OF_NO_SCAN));
    for zeros in 0..=PADDING_BYTES_MAX {
        check(&vec![0; zeros], Ok(()));
        check(&[&vec![0; zeros][..], &[0xFF; 3]].concat(), Ok(()));
    }
    check(&[0; PADDING_BYTES_MAX + 9], refused.clone());
    check(&[0; 1000], refused.clone());
    check(&[[0; 9], [1; 9]].concat()[..13], refused.clone());
    check(&[7; 1000], refused.clone());
    // A comment behind the scan; what looks like an end within it is none.
    check(&[0xFF, 0xFE, 0, 6, 0, 0, 0xFF, EOI], Ok(()));
    check(&[0xFF, 0xFE, 0, 7, 0, 0, 0xFF, EOI, 7, 7, 7], refused.clone());
    check(&[&[0xFF, 0xFE, 0, 10, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, EOI][..], &[7; 2]].concat(), refused);
}

/// The meanings of libjpeg's words hold as long as it says them.
#[test]
fn what_libjpeg_says() {
    let shape = shape(8, 1);
    let stream = coded(&shape, &[]);
    let check = |stream: &[u8], expected: Result<(), Stop>| {
        let mut samples = vec![0; shape.rows * shape.columns];
        assert_eq!(decode(stream, &shape, Samples::Eight(&mut samples)), expected);
    };
    let (scan, end) = stream.split_at(stream.len() - 2);
    check(&stream, Ok(()));
    // JWRN_JPEG_EOF
    check(scan, Err(Stop::BreaksOff));
    check(&scan[..scan.len() - 100], Err(Stop::BreaksOff));
    // JWRN_HIT_MARKER
    check(&[&scan[..scan.len() - 100], end].concat(), Err(Stop::BreaksOff));
    // JWRN_EXTRANEOUS_DATA. What was read ahead is not counted.
    for bytes in [20, 100, 1000] {
        let mut samples = vec![0; shape.rows * shape.columns];
        let got = decode(&[scan, &vec![0; bytes], end].concat(), &shape, Samples::Eight(&mut samples));
        assert!(matches!(got, Err(Stop::Padded(count)) if (bytes - 8..=bytes).contains(&count)), "{bytes}: {got:?}");
    }
    // Before another marker, they are no padding.
    let elsewhere = [scan, &[0; 100], &[0xFF, 0xFE, 0, 2], end].concat();
    let mut samples = vec![0; shape.rows * shape.columns];
    let got = decode(&elsewhere, &shape, Samples::Eight(&mut samples));
    let expected = "extraneous bytes before marker 0xfe";
    assert!(matches!(&got, Err(Stop::Other(why)) if why.ends_with(expected)), "{got:?}");
}
