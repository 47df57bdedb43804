use super::*;

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
