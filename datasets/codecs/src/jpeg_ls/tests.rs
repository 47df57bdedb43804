use super::*;

const COLOUR: Shape = Shape { rows: 5, columns: 7, components: 3, precision: 12, signed: false };

/// Samples of a pixel side by side.
fn samples(shape: &Shape) -> Vec<u16> {
    let most = u16::MAX >> (16 - shape.precision);
    (0..shape.rows * shape.columns * shape.components).map(|at| (at * 2357 % 4093) as u16 & most).collect()
}

fn coded(shape: &Shape, interleave: charls::charls_interleave_mode, near: i32) -> Vec<u8> {
    let info = charls::charls_frame_info {
        width: shape.columns as u32,
        height: shape.rows as u32,
        bits_per_sample: shape.precision.into(),
        component_count: shape.components as i32,
    };
    let mut words = samples(shape);
    if interleave == charls::charls_interleave_mode_none {
        let plane = |component| samples(shape).into_iter().skip(component).step_by(shape.components);
        words = (0..shape.components).flat_map(plane).collect();
    }
    if shape.precision > 8 {
        return encode(info, interleave, near, &words).expect("encodes");
    }
    let bytes: Vec<u8> = words.iter().map(|word| *word as u8).collect();
    encode(info, interleave, near, &bytes).expect("encodes")
}

fn decoded(stream: &[u8], declared: &Shape, missing: Missing) -> Result<(Header, Vec<u16>, Extent), CodecError> {
    crate::decode(Format::JpegLs, stream, declared, &Decoding { missing, ..Decoding::default() }, 1 << 20)
}

const MODES: [charls::charls_interleave_mode; 3] =
    [charls::charls_interleave_mode_none, charls::charls_interleave_mode_line, charls::charls_interleave_mode_sample];

#[test]
fn every_interleave_mode() {
    for interleave in MODES {
        for precision in [2, 8, 9, 16] {
            let shape = Shape { precision, ..COLOUR };
            let (header, decoded, extent) =
                decoded(&coded(&shape, interleave, 0), &shape, Missing::Refuse).expect("decodes");
            assert_eq!((header.shape, header.lossy, extent), (shape, false, Extent::Whole));
            assert_eq!(decoded, samples(&shape), "{interleave} {precision}");
        }
        assert_eq!(JpegLs.inspect(&coded(&COLOUR, interleave, 3), &COLOUR).map(|header| header.lossy), Ok(true));
    }
}

fn places(stream: &[u8], marker: u8) -> Vec<usize> {
    (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0xFF, marker])).collect()
}

/// CharLS gives the planes in the order of the scans, whatever these say that they are of.
#[test]
fn names_of_components() {
    let check = |shape: &Shape, interleave, names: &[u8], scanned: &[u8], expected: Result<(), CodecError>| {
        let mut stream = coded(shape, interleave, 0);
        let frame = places(&stream, SOF55)[0];
        names.iter().enumerate().for_each(|(index, name)| stream[frame + 10 + 3 * index] = *name);
        let scans = places(&stream, SOS);
        let apart = scans.len() > 1;
        let place = |index| if apart { scans[index] + 5 } else { scans[0] + 5 + 2 * index };
        scanned.iter().enumerate().for_each(|(index, name)| stream[place(index)] = *name);
        let got = decoded(&stream, shape, Missing::Refuse).map(|(_, got, extent)| {
            assert_eq!((got, extent), (samples(shape), Extent::Whole));
        });
        assert_eq!(got, expected, "{interleave} {names:?} {scanned:?}");
    };
    let order = Err(CodecError::Unsupported("JPEG-LS with its components in another order than it names them"));
    let twice = Err(CodecError::Invalid("the JPEG-LS stream has two components of one name"));
    for interleave in MODES {
        check(&COLOUR, interleave, &[1, 2, 3], &[1, 2, 3], Ok(()));
        check(&COLOUR, interleave, &[82, 71, 66], &[82, 71, 66], Ok(()));
        for scanned in [[3, 2, 1], [1, 3, 2], [1, 1, 1], [1, 2, 4], [0, 1, 2]] {
            check(&COLOUR, interleave, &[1, 2, 3], &scanned, order.clone());
        }
        check(&COLOUR, interleave, &[1, 1, 3], &[1, 1, 3], twice.clone());
        check(&COLOUR, interleave, &[2, 1, 2], &[2, 1, 2], twice.clone());
        let grey = Shape { components: 1, ..COLOUR };
        check(&grey, charls::charls_interleave_mode_none, &[9], &[9], Ok(()));
        check(&grey, charls::charls_interleave_mode_none, &[1], &[2], order.clone());
    }
}

/// The end marker is behind the last scan: in other segments its bytes may be anything.
#[test]
fn an_end_that_is_none() {
    for interleave in MODES {
        for segment in [&[0xFF, 0xFE, 0, 4, 0xFF, EOI][..], &[0xFF, 0xE8, 0, 7, 1, 0xFF, EOI, 1, 0xFF]] {
            let mut stream = coded(&COLOUR, interleave, 0);
            for scan in places(&stream, SOS).into_iter().rev() {
                stream.splice(scan..scan, segment.iter().copied());
            }
            stream.splice(2..2, segment.iter().copied());
            let (_, whole, extent) = decoded(&stream, &COLOUR, Missing::Refuse).expect("decodes");
            assert_eq!((&whole, extent), (&samples(&COLOUR), Extent::Whole));
            // The same bytes behind the end.
            let padded = decoded(&[&stream, segment].concat(), &COLOUR, Missing::Refuse).map(|(_, got, _)| got);
            assert_eq!(padded, Ok(whole));
            for length in 2..stream.len() - 1 {
                let cut = decoded(&stream[..length], &COLOUR, Missing::Refuse).map(|_| ());
                assert!(matches!(cut, Err(CodecError::BreaksOff(_))), "{interleave} {length}: {cut:?}");
                let kept = decoded(&stream[..length], &COLOUR, Missing::Keep).map(|(.., extent)| extent);
                assert!(matches!(kept, Ok(Extent::Part) | Err(CodecError::BreaksOff(_))), "{length}: {kept:?}");
            }
        }
    }
}

#[test]
fn a_segment_shorter_than_its_length() {
    for length in [0, 1] {
        let mut stream = coded(&COLOUR, charls::charls_interleave_mode_none, 0);
        stream.splice(2..2, [0xFF, 0xFE, 0, length]);
        let short = CodecError::Invalid("a marker segment is shorter than its own length");
        assert_eq!(JpegLs.inspect(&stream, &COLOUR), Err(short));
    }
}

/// One of several scans that is near-lossless makes the frame lossy; one of another kind would have CharLS write beyond
/// its lines.
#[test]
fn scans_of_different_kinds() {
    let stream = coded(&COLOUR, charls::charls_interleave_mode_none, 0);
    let scans: Vec<usize> = (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0xFF, SOS])).collect();
    assert_eq!(scans.len(), 3);
    for scan in scans {
        // FF DA, length, 1 component, its name and table, NEAR, interleave mode.
        for (at, value, lossy) in [(7, 1, true), (8, 1, false), (8, 2, false)] {
            let mut stream = stream.clone();
            stream[scan + at] = value;
            let header = JpegLs.inspect(&stream, &COLOUR);
            assert_eq!(header.map(|header| header.lossy).ok(), lossy.then_some(true), "{scan} {at}");
        }
    }
    let mut wide = stream.clone();
    let second = (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0xFF, SOS])).nth(1).expect("has it");
    wide.splice(second..second + 10, [0xFF, SOS, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 2, 0]);
    assert!(matches!(JpegLs.inspect(&wide, &COLOUR), Err(CodecError::Unsupported(_))));
    // What keeps memory safe if such a stream came as far as CharLS.
    let mut to = vec![0; COLOUR.samples().expect("small")];
    let _ = super::decode(&wide, &COLOUR, Planes::Apart, &mut to);
}

#[test]
fn a_zero_before_the_end() {
    for near in [0, 2] {
        let grey = Shape { components: 1, ..COLOUR };
        let mut stream = coded(&grey, charls::charls_interleave_mode_none, near);
        let expected = decoded(&stream, &grey, Missing::Refuse);
        assert!(expected.is_ok());
        stream.insert(stream.len() - 2, 0);
        assert_eq!(decoded(&stream, &grey, Missing::Refuse), expected);
        stream.insert(stream.len() - 2, 0);
        assert!(decoded(&stream, &grey, Missing::Refuse).is_err());
        // Behind the end, zeros are padding.
        stream.drain(stream.len() - 4..stream.len() - 2);
        stream.extend([0, 0]);
        assert_eq!(decoded(&stream, &grey, Missing::Refuse), expected);
    }
}

/// Bytes are missing right before the end marker: it is seen, or it was one byte and one sample.
#[test]
fn a_cut_before_the_end() {
    let mut wrong = 0;
    for (precision, near) in [(2, 0), (8, 0), (12, 0), (16, 0), (8, 3), (12, 2)] {
        for (rows, components) in (1..60).flat_map(|rows| [(rows, 1), (rows, 3)]) {
            let shape = Shape { rows, components, precision, ..COLOUR };
            let interleave = if components == 1 { MODES[0] } else { MODES[rows % 3] };
            let stream = coded(&shape, interleave, near);
            let (_, whole, _) = decoded(&stream, &shape, Missing::Refuse).expect("decodes");
            let (scan, end) = stream.split_at(stream.len() - 2);
            for missing in 1..=8 {
                let cut = [&scan[..scan.len() - missing], end].concat();
                let Ok((_, got, _)) = decoded(&cut, &shape, Missing::Refuse) else { continue };
                let last = whole.len() - 1;
                assert_eq!(got[..last], whole[..last], "{shape:?} {missing}");
                assert!(got == whole || missing == 1, "{shape:?} {missing}");
                wrong += usize::from(got != whole);
            }
        }
    }
    assert!(wrong > 0, "CharLS tells all of them: say so above");
}
