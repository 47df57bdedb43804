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
